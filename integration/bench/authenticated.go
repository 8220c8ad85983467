package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// bearer is a token that is presented with every request; empty for none.
type bearer string

// GetRequestMetadata and RequireTransportSecurity make a bearer a
// credentials.PerRPCCredentials.
func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

func (bearer) RequireTransportSecurity() bool { return false }

// over presents the token with what is sent over a transport.
func (b bearer) over(transport http.RoundTripper) http.RoundTripper {
	if b == "" {
		return transport
	}
	return presenting{transport, "Bearer " + string(b)}
}

type presenting struct {
	http.RoundTripper
	authorization string
}

// RoundTrip changes the header of the request, which is the benchmark's own.
func (p presenting) RoundTrip(request *http.Request) (*http.Response, error) {
	request.Header.Set("Authorization", p.authorization)
	return p.RoundTripper.RoundTrip(request)
}

// CloseIdleConnections is what http.Client looks for.
func (p presenting) CloseIdleConnections() {
	if closer, ok := p.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}

// otherBindings are role bindings that are not the caller's.
const otherBindings = 200

// authenticate makes a directory for a control plane whose callers are authenticated by
// tokens of one key, and authorized by role bindings for environments. It returns the
// flags of the control plane, and the token of a caller who has roles in the
// environments of the benchmark.
func authenticate(dir string) (auth, bindings string, token bearer, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", "", fmt.Errorf("generate a key: %w", err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return "", "", "", fmt.Errorf("encode a public key: %w", err)
	}
	keyFile := filepath.Join(dir, "issuer.pem")
	auth, bindings = filepath.Join(dir, "auth.yaml"), filepath.Join(dir, "role-bindings.yaml")
	var roles strings.Builder
	roles.WriteString("roleBindings:\n- {principal: User:bench, role: SystemAdmin}\n")
	for _, protocol := range []string{"rest", "grpc"} {
		for _, scope := range []string{listedScope, writtenScope} {
			fmt.Fprintf(&roles, "- {principal: Group:bench, role: DeveloperManage, environment: %s-%s, resources: [{resourceType: FlinkApplication, name: %s-, patternType: PREFIXED}]}\n", protocol, scope, protocol)
		}
	}
	for i := range otherBindings {
		fmt.Fprintf(&roles, "- {principal: User:other-%d, role: DeveloperManage, environment: rest-%s, resources: [{resourceType: FlinkApplication, name: other-%d}]}\n", i, listedScope, i)
	}
	for path, content := range map[string]string{
		keyFile:  string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
		auth:     "publicKeys:\n- {issuer: bench, keyFile: " + keyFile + ", groupsClaim: groups}\n",
		bindings: roles.String(),
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return "", "", "", fmt.Errorf("write the configuration of authentication: %w", err)
		}
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, nil)
	if err != nil {
		return "", "", "", fmt.Errorf("sign a token: %w", err)
	}
	claims, err := json.Marshal(map[string]any{
		"iss": "bench", "sub": "bench", "groups": []string{"bench"}, "exp": time.Now().Add(24 * time.Hour).Unix(),
	})
	if err != nil {
		return "", "", "", err
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		return "", "", "", fmt.Errorf("sign a token: %w", err)
	}
	compact, err := signed.CompactSerialize()
	if err != nil {
		return "", "", "", fmt.Errorf("sign a token: %w", err)
	}
	return auth, bindings, bearer(compact), nil
}
