package authentication

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	jose "github.com/go-jose/go-jose/v4"

	"github.com/openweir/weir/control/access"
)

// algorithms are those that sign with a private key. A token that is signed with a
// shared secret, or not at all, never counts.
var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// algorithmNames are the algorithms as the verifier takes them.
var algorithmNames = func() []string {
	var names []string
	for _, algorithm := range algorithms {
		names = append(names, string(algorithm))
	}
	return names
}()

// minRSA is the least size of an RSA key, in bits.
const minRSA = 2048

// issuer verifies the tokens of one issuer.
type issuer struct {
	name      string // the claim iss
	keys      oidc.KeySet
	audiences []string // one of them is required; empty if any will do
	claims    ClaimsConfig
}

func newOIDCIssuer(config IssuerConfig, log *slog.Logger) (*issuer, error) {
	discovery, err := newDiscovery(config.URL, config.CAFile)
	if err != nil {
		return nil, err
	}
	keys := &keySet{fetch: discovery.keys, log: log.With("issuer", config.URL)}
	return &issuer{config.URL, keys, config.Audiences, config.ClaimsConfig}, nil
}

func newKeyIssuer(config PublicKeyConfig) (*issuer, error) {
	key, err := readPublicKey(config.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("keyFile: %w", err)
	}
	keys := &oidc.StaticKeySet{PublicKeys: []crypto.PublicKey{key}}
	return &issuer{config.Issuer, keys, config.Audiences, config.ClaimsConfig}, nil
}

// verify returns the principal of a token. Issuer, signature and times are checked
// by the verifier; a token without an expiry has expired.
func (i *issuer) verify(ctx context.Context, raw string) (*access.Principal, error) {
	keys := &causeKeeper{KeySet: i.keys}
	// The audience is checked below.
	config := &oidc.Config{SkipClientIDCheck: true, SupportedSigningAlgs: algorithmNames}
	token, err := oidc.NewVerifier(i.name, keys, config).Verify(ctx, raw)
	if keys.err != nil {
		return nil, keys.err
	}
	if err != nil {
		return nil, err
	}
	if len(i.audiences) > 0 && !slices.ContainsFunc(token.Audience, func(a string) bool { return slices.Contains(i.audiences, a) }) {
		return nil, fmt.Errorf("the audience of the token is %q, want one of %q", token.Audience, i.audiences)
	}
	var claims map[string]any
	if err := token.Claims(&claims); err != nil {
		return nil, fmt.Errorf("read the claims of the token: %w", err)
	}
	return i.claims.principal(claims, token.Expiry)
}

// causeKeeper keeps the error of a key set, of which the verifier reports the text only.
type causeKeeper struct {
	oidc.KeySet
	err error
}

// VerifySignature keeps the error.
func (k *causeKeeper) VerifySignature(ctx context.Context, token string) (payload []byte, err error) {
	payload, k.err = k.KeySet.VerifySignature(ctx, token)
	return payload, k.err
}

// readPublicKey reads a public key in PEM, as PKIX or PKCS #1.
func readPublicKey(path string) (crypto.PublicKey, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("%s does not contain PEM", path)
	}
	var key crypto.PublicKey
	switch block.Type {
	case "PUBLIC KEY":
		key, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		key, err = x509.ParsePKCS1PublicKey(block.Bytes)
	default:
		return nil, fmt.Errorf("%s contains a %s, want a PUBLIC KEY", path, block.Type)
	}
	if err == nil {
		err = checkKey(key)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

// checkKey refuses keys that algorithms do not use, and weak ones.
func checkKey(key crypto.PublicKey) error {
	switch key := key.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() < minRSA {
			return fmt.Errorf("the RSA key has %d bits, fewer than %d", key.N.BitLen(), minRSA)
		}
	case *ecdsa.PublicKey, ed25519.PublicKey:
	default:
		return errors.New("the key is neither an RSA, nor an ECDSA, nor an Ed25519 public key")
	}
	return nil
}

// unverifiedIssuer is the claim iss of a JWT whose signature is yet to be verified. It
// only selects what verifies it.
func unverifiedIssuer(token string) (string, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", errors.New("the token is not a JWT")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", errors.New("the token is not a JWT: its payload is not base64url")
	}
	var claims struct {
		Issuer string `json:"iss"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return "", errors.New("the token is not a JWT: its payload is not a JSON object with a string iss")
	}
	return claims.Issuer, nil
}
