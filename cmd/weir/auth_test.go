package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/internal/await"
)

// signer is a key with which an issuer signs tokens, or an authority certificates.
type signer struct {
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
}

func newSigner(t *testing.T) *signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	s := &signer{key: key, certificate: template}
	s.certificate = s.issue(t, template, key)
	return s
}

func (s *signer) issue(t *testing.T, template *x509.Certificate, key *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, s.certificate, key.Public(), s.key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// files writes a certificate of ownHost with a URI SAN, if one is given, and its key.
func (s *signer) files(t *testing.T, uri string) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "weir"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{ownHost()}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if uri != "" {
		parsed, err := url.Parse(uri)
		if err != nil {
			t.Fatal(err)
		}
		template.URIs = []*url.URL{parsed}
	} else {
		template.DNSNames = []string{"weir.test"}
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return writePEM(t, "CERTIFICATE", s.issue(t, template, private).Raw), writePEM(t, "PRIVATE KEY", der)
}

func (s *signer) file(t *testing.T) string {
	t.Helper()
	return writePEM(t, "CERTIFICATE", s.certificate.Raw)
}

func writePEM(t *testing.T, kind string, der []byte) string {
	t.Helper()
	return write(t, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func write(t *testing.T, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// token is a token of an issuer, for alice.
func (s *signer) token(t *testing.T, issuer string) string {
	t.Helper()
	return s.tokenOf(t, issuer, "alice")
}

func (s *signer) tokenOf(t *testing.T, issuer, user string) string {
	t.Helper()
	made, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: s.key}, (&jose.SignerOptions{}).WithHeader("kid", "key"))
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(map[string]any{"iss": issuer, "aud": "weir", "sub": user, "exp": time.Now().Add(time.Hour).Unix()})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := made.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// provider is an OpenID Connect provider behind HTTPS.
func (s *signer) provider(t *testing.T) *httptest.Server {
	t.Helper()
	var server *httptest.Server
	server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var document any = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{KeyID: "key", Key: crypto.PublicKey(s.key.Public())}}}
		if r.URL.Path == "/.well-known/openid-configuration" {
			document = map[string]string{"issuer": server.URL, "jwks_uri": server.URL + "/keys"}
		}
		_ = json.NewEncoder(w).Encode(document)
	}))
	t.Cleanup(server.Close)
	return server
}

// client is an HTTP client that trusts an authority, with a certificate if one is given.
func (s *signer) client(t *testing.T, certificate, key string) (*http.Client, *tls.Config) {
	t.Helper()
	config := &tls.Config{RootCAs: x509.NewCertPool()}
	config.RootCAs.AddCert(s.certificate)
	if certificate != "" {
		pair, err := tls.LoadX509KeyPair(certificate, key)
		if err != nil {
			t.Fatal(err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}, config
}

// TestCallersAreAuthenticated runs a control plane that serves REST and gRPC with TLS,
// and a gateway that passes on who its clients are.
func TestCallersAreAuthenticated(t *testing.T) {
	servers, users, gateways, issuer := newSigner(t), newSigner(t), newSigner(t), newSigner(t)
	idp := issuer.provider(t)
	auth := write(t, []byte("issuers:\n  - url: "+idp.URL+"\n    audiences: [weir]\n    caFile: "+writePEM(t, "CERTIFICATE", idp.Certificate().Raw)+
		"\ncertificates: {caFile: "+users.file(t)+"}\ngateways: {caFile: "+gateways.file(t)+"}\n"))
	serverCert, serverKey := servers.files(t, "")
	userCert, userKey := users.files(t, "weir://user/alice")
	agentCert, agentKey := users.files(t, "weir://cluster/edge")
	gatewayCert, gatewayKey := gateways.files(t, "weir://gateway/one")
	forgedCert, forgedKey := users.files(t, "weir://gateway/one")
	rest, api, gateway := ownAddress(t), ownAddress(t), ownAddress(t)
	bindings := write(t, []byte("roleBindings:\n  - {principal: User:alice, role: SystemAdmin}\n"))
	start(t, "control", "--auth", auth, "--role-bindings", bindings, "--etcd-dir", t.TempDir(), "--agents", ownAddress(t), "--insecure-agent-token-file", write(t, []byte("token cluster-a\n")), "--admin", "",
		"--http", rest, "--http-tls-cert", serverCert, "--http-tls-key", serverKey, "--grpc", api, "--tls-cert", serverCert, "--tls-key", serverKey)
	start(t, "gateway", "--control", api, "--tls-ca", servers.file(t), "--tls-cert", gatewayCert, "--tls-key", gatewayKey,
		"--http", gateway, "--http-tls-cert", serverCert, "--http-tls-key", serverKey, "--http-client-ca", users.file(t))
	anybody, _ := servers.client(t, "", "")
	for _, address := range []string{rest, gateway} {
		await.Until(t, address+" is ready", func() bool {
			response, err := anybody.Get("https://" + address + "/readyz")
			if err != nil {
				return false
			}
			response.Body.Close()
			return response.StatusCode == http.StatusOK
		})
	}

	token := issuer.token(t, idp.URL)
	block, _ := pem.Decode(mustRead(t, userCert))
	for name, test := range map[string]struct {
		cert, key string
		header    http.Header
		want      bool
	}{
		"nobody":                           {want: false},
		"a token":                          {header: http.Header{"Authorization": {"Bearer " + token}}, want: true},
		"a forged token":                   {header: http.Header{"Authorization": {"Bearer " + newSigner(t).token(t, idp.URL)}}, want: false},
		"a certificate":                    {cert: userCert, key: userKey, want: true},
		"a certificate and a forged token": {cert: userCert, key: userKey, header: http.Header{"Authorization": {"Bearer x.y.z"}}, want: false},
		"a forged header": {header: http.Header{
			"Grpc-Metadata-Weir-Client-Certificate-Bin": {base64.StdEncoding.EncodeToString(block.Bytes)}, "Grpc-Metadata-Authorization": {"Bearer " + token},
			"X-Forwarded-User": {"alice"}, "X-Forwarded-Client-Cert": {"URI=weir://user/alice"},
		}, want: false},
	} {
		for server, address := range map[string]string{"control plane": rest, "gateway": gateway} {
			t.Run(name+", "+server, func(t *testing.T) {
				client, _ := servers.client(t, test.cert, test.key)
				request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+"/cmf/api/v1/environments", nil)
				if err != nil {
					t.Fatal(err)
				}
				for name, values := range test.header {
					request.Header[name] = values
				}
				response, err := client.Do(request)
				if err != nil {
					t.Fatal(err)
				}
				defer response.Body.Close()
				body, err := io.ReadAll(response.Body)
				if err != nil {
					t.Fatal(err)
				}
				if test.want {
					if response.StatusCode != http.StatusOK {
						t.Errorf("%s: %s", response.Status, body)
					}
					return
				}
				want := `{"errors":[{"message":"Authentication is required: present a valid bearer token or client certificate."}]}`
				if response.StatusCode != http.StatusUnauthorized || response.Header.Get("WWW-Authenticate") != "Bearer" || string(bytes.TrimSpace(body)) != want {
					t.Errorf("%s, %v: %s", response.Status, response.Header, body)
				}
			})
		}
	}

	passed := metadata.Pairs("weir-client-certificate-bin", string(block.Bytes))
	for name, test := range map[string]struct {
		cert, key string
		md        metadata.MD
		want      codes.Code
	}{
		"nobody":                             {want: codes.Unauthenticated},
		"a token":                            {md: metadata.Pairs("authorization", "Bearer "+token), want: codes.OK},
		"a certificate":                      {cert: userCert, key: userKey, want: codes.OK},
		"a gateway for nobody":               {cert: gatewayCert, key: gatewayKey, want: codes.Unauthenticated},
		"a gateway for a user":               {cert: gatewayCert, key: gatewayKey, md: passed, want: codes.OK},
		"somebody for a user":                {md: passed, want: codes.Unauthenticated},
		"a user that makes itself a gateway": {cert: forgedCert, key: forgedKey, md: passed, want: codes.Unauthenticated},
		"a user that makes itself an agent":  {cert: agentCert, key: agentKey, want: codes.Unauthenticated},
	} {
		t.Run(name+", gRPC", func(t *testing.T) {
			_, config := servers.client(t, test.cert, test.key)
			conn, err := grpc.NewClient(api, grpc.WithTransportCredentials(credentials.NewTLS(config)))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_, err = cmfv1.NewEnvironmentServiceClient(conn).ListEnvironments(metadata.NewOutgoingContext(t.Context(), test.md), &cmfv1.ListEnvironmentsRequest{})
			if status.Code(err) != test.want {
				t.Errorf("%v, want %s", err, test.want)
			}
		})
	}
}

// Whoever can connect would learn every method.
func TestReflectionIsByFlag(t *testing.T) {
	without, with := ownAddress(t), startDev(t).grpc
	start(t, "control", "--auth", "none", "--etcd-dir", t.TempDir(), "--agents", ownAddress(t), "--insecure-agent-token-file", write(t, []byte("token cluster-a\n")), "--admin", "", "--grpc", without)
	for address, want := range map[string]codes.Code{without: codes.Unimplemented, with: codes.OK} {
		conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		stream, err := reflectionv1.NewServerReflectionClient(conn).ServerReflectionInfo(ctx, grpc.WaitForReady(true))
		if err != nil {
			t.Fatal(err)
		}
		// The server may have ended the stream already, which Recv reports.
		_ = stream.Send(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}})
		if _, err := stream.Recv(); status.Code(err) != want {
			t.Errorf("%s: %v, want %s", address, err, want)
		}
	}
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// A page of another origin whose name resolves to the address of weir dev.
func TestDNSRebindingIsRefused(t *testing.T) {
	d := startDev(t)
	for host, want := range map[string]int{
		"localhost:8080": http.StatusOK, "[::1]:8080": http.StatusOK, d.rest: http.StatusOK,
		"attacker.example": http.StatusMisdirectedRequest, "attacker.example:8080": http.StatusMisdirectedRequest,
		"127.0.0.1.attacker.example": http.StatusMisdirectedRequest, "192.0.2.1": http.StatusMisdirectedRequest,
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+d.rest+"/cmf/api/v1/environments", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = host
		request.Header.Set("Origin", "http://"+host)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("host %s: %s: %s, want %d", host, response.Status, body, want)
		}
	}
}

func TestDevOnOtherAddressesRequiresAToken(t *testing.T) {
	dir := t.TempDir()
	d := startDev(t, "--http", "0.0.0.0:0", "--data-dir", dir)
	d.rest = strings.Replace(strings.Replace(d.rest, "[::]", "127.0.0.1", 1), "0.0.0.0", "127.0.0.1", 1)
	if code, body := d.call(t, http.MethodGet, "/cmf/api/v1/environments", "", ""); code != http.StatusUnauthorized {
		t.Errorf("without a token: %d %s", code, body)
	}
	token := strings.TrimSpace(string(mustRead(t, filepath.Join(dir, "token"))))
	if !strings.Contains(d.printed.String(), token) {
		t.Error("the token is not printed")
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+d.rest+"/cmf/api/v1/environments", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("with the token: %s", response.Status)
	}
}
