package control_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/openweir/weir/control"
	"github.com/openweir/weir/internal/await"
)

func TestClientCertificateNamesTheCluster(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	server := ours.issue(t, func(c *x509.Certificate) {
		c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	})
	files := &control.TLSFiles{
		Cert:      writeFile(t, "server.crt", server.certificate),
		Key:       writeFile(t, "server.key", server.key),
		ClientCAs: []string{writeFile(t, "agents.crt", ours.pem)},
	}
	r := start(t, func(c *control.Config) { c.AgentTLS = files })
	bearer := metadata.Pairs("authorization", "Bearer "+anyToken)

	for _, test := range []struct {
		name     string
		identity *pair
		md       metadata.MD
		code     codes.Code
		message  string
	}{
		{"the cluster's", ours.client(t, "weir://cluster/cluster-a"), nil, codes.OK, ""},
		{"one of several names", ours.client(t, "weir://cluster/cluster-b", "weir://cluster/cluster-a"), nil, codes.OK, ""},
		{"no certificate, but a token", nil, bearer, codes.OK, ""},
		{"a certificate that names no cluster, but a token", ours.client(t, "spiffe://example/agent"), bearer, codes.OK, ""},
		{
			"another cluster's, whatever the token", ours.client(t, "weir://cluster/cluster-b"), bearer,
			codes.PermissionDenied, `the client certificate is for cluster "cluster-b", not for "cluster-a"`,
		},
		{
			"a certificate without a cluster name", ours.client(t, "weir://agent/cluster-a"), nil,
			codes.Unauthenticated, "the agent presents neither a client certificate with a URI SAN weir://cluster/<name> nor a static token",
		},
		{
			"none", nil, nil,
			codes.Unauthenticated, "the agent presents neither a client certificate with a URI SAN weir://cluster/<name> nor a static token",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := dialWith(t, r.agents, test.md, grpc.WithTransportCredentials(credentials.NewTLS(ours.clientConfig(t, test.identity))))
			a.begin(hello("cluster-a"))
			if test.code != codes.OK {
				a.awaitEnd(test.code, test.message)
				return
			}
			await.Success(t, "Welcome", func() error { return difference(true, a.welcome() != nil) })
		})
	}

	t.Run("a certificate of another authority", func(t *testing.T) {
		conn := must(tls.Dial("tcp", r.agents, ours.clientConfig(t, theirs.client(t, "weir://cluster/cluster-a"))))(t)
		defer func() { _ = conn.Close() }()
		// The client learns of the refusal when it reads.
		_, err := conn.Read(make([]byte, 1))
		if err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("handshake ended with %v, want a complaint about the certificate", err)
		}
	})

	t.Run("certificates are reloaded", func(t *testing.T) {
		renewed := theirs.issue(t, func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)} })
		writeTo(t, files.Cert, renewed.certificate)
		writeTo(t, files.Key, renewed.key)
		conn := must(tls.Dial("tcp", r.agents, theirs.clientConfig(t, nil)))(t)
		_ = conn.Close()
	})
}

func TestPlainConnectionToATLSReplicaIsRefused(t *testing.T) {
	authority := newAuthority(t)
	server := authority.issue(t, func(*x509.Certificate) {})
	r := start(t, func(c *control.Config) {
		c.AgentTLS = &control.TLSFiles{Cert: writeFile(t, "server.crt", server.certificate), Key: writeFile(t, "server.key", server.key)}
	})
	a := dial(t, r.agents, anyToken)
	a.begin(hello("cluster-a"))
	await.Closed(t, "the end of the stream", a.ended)
	equal(t, "code", codes.Unavailable, status.Code(a.err))
}

// authority signs certificates of the tests.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pem         []byte
}

// pair is a certificate and its key, both PEM.
type pair struct{ certificate, key []byte }

func newAuthority(t testing.TB) *authority {
	t.Helper()
	template := certificate()
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	der := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))(t)
	return &authority{must(x509.ParseCertificate(der))(t), key, block("CERTIFICATE", der)}
}

func (a *authority) issue(t testing.TB, change func(*x509.Certificate)) *pair {
	t.Helper()
	template := certificate()
	change(template)
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	der := must(x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key))(t)
	return &pair{block("CERTIFICATE", der), block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(key))(t))}
}

// client issues a certificate for an agent, with these URIs.
func (a *authority) client(t testing.TB, uris ...string) *pair {
	t.Helper()
	return a.issue(t, func(c *x509.Certificate) {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		for _, uri := range uris {
			c.URIs = append(c.URIs, must(url.Parse(uri))(t))
		}
	})
}

// clientConfig trusts the authority and presents the identity, if any.
func (a *authority) clientConfig(t testing.TB, identity *pair) *tls.Config {
	t.Helper()
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: x509.NewCertPool(), NextProtos: []string{"h2"}}
	config.RootCAs.AddCert(a.certificate)
	if identity != nil {
		config.Certificates = []tls.Certificate{must(tls.X509KeyPair(identity.certificate, identity.key))(t)}
	}
	return config
}

func certificate() *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: "test"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func writeFile(t testing.TB, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	writeTo(t, path, content)
	return path
}

func writeTo(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
