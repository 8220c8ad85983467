package authentication_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/openweir/weir/control/access/authentication"
)

// authority signs client certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	file        string
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{key: ecdsaKey(t)}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.certificate = issue(t, template, template, a.key, a.key)
	a.file = writeFile(t, "ca.pem", pemOf("CERTIFICATE", a.certificate.Raw))
	return a
}

func issue(t *testing.T, template, parent *x509.Certificate, key, by *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// sign makes a certificate of a client, with changes to what is usual.
func (a *authority) sign(t *testing.T, change func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Alice", OrganizationalUnit: []string{"Streams"}, Organization: []string{"Acme"}},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	change(template)
	return issue(t, template, a.certificate, ecdsaKey(t), a.key)
}

func uris(t *testing.T, texts ...string) func(*x509.Certificate) {
	t.Helper()
	return func(c *x509.Certificate) {
		for _, text := range texts {
			uri, err := url.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			c.URIs = append(c.URIs, uri)
		}
	}
}

// withCertificates is the context of an RPC over a connection with a client certificate.
func withCertificates(ctx context.Context, chain ...*x509.Certificate) context.Context {
	return peer.NewContext(ctx, &peer.Peer{AuthInfo: credentials.TLSInfo{State: tls.ConnectionState{PeerCertificates: chain}}})
}

func TestCertificatesNameUsers(t *testing.T) {
	ca := newAuthority(t, "users")
	unchanged := func(*x509.Certificate) {}
	for name, test := range map[string]struct {
		rules  []string
		change func(*x509.Certificate)
		want   string // empty if the certificate is refused
		reason string
	}{
		"the subject":                 {nil, unchanged, "User:CN=Alice,OU=Streams,O=Acme", ""},
		"the default":                 {[]string{"DEFAULT"}, unchanged, "User:CN=Alice,OU=Streams,O=Acme", ""},
		"a group of the pattern":      {[]string{"RULE:^CN=(.*?),OU=.*$/$1/"}, unchanged, "User:Alice", ""},
		"in lower case":               {[]string{"RULE:^CN=(.*?),.*$/$1/L"}, unchanged, "User:alice", ""},
		"in upper case":               {[]string{"RULE:^CN=(.*?),.*$/$1/U"}, unchanged, "User:ALICE", ""},
		"a group beside letters":      {[]string{"RULE:^CN=(.*?),OU=(.*?),.*$/$2x$1/"}, unchanged, "User:StreamsxAlice", ""},
		"a slash":                     {[]string{`RULE:^CN=(.*?),.*$/team\/$1/`}, unchanged, "User:team/Alice", ""},
		"the first rule that matches": {[]string{"RULE:^CN=Bob,.*$/bob/", "RULE:^CN=Ali.*$/alice/", "DEFAULT"}, unchanged, "User:alice", ""},
		"a pattern of a part":         {[]string{"RULE:CN=Alice/alice/"}, unchanged, "", "no rule matches"},
		"a comma in a name":           {[]string{"RULE:^CN=([^,]*),.*$/$1/"}, func(c *x509.Certificate) { c.Subject.CommonName = "root,O=Acme" }, `User:root\`, ""},
		"no subject":                  {nil, func(c *x509.Certificate) { c.Subject = pkix.Name{} }, "", "the name is empty"},
		"a SAN":                       {[]string{"RULE:^CN=Bob$/bob/"}, uris(t, "weir://user/alice@example.com"), "User:alice@example.com", ""},
		"a SAN of something else":     {nil, uris(t, "spiffe://example.com/alice"), "User:CN=Alice,OU=Streams,O=Acme", ""},
		"a SAN with everybody":        {nil, uris(t, "weir://user/*"), "", "stands for everybody"},
		"a SAN without a name":        {nil, uris(t, "weir://user/"), "", "is for weir://user/"},
		"two users":                   {nil, uris(t, "weir://user/alice", "weir://user/bob"), "", "more than one user"},
		"an agent":                    {nil, uris(t, "weir://cluster/edge"), "", "is for weir://cluster/edge"},
		"an agent that is a user":     {nil, uris(t, "weir://user/alice", "weir://cluster/edge"), "", "is for weir://cluster/edge"},
		"a gateway":                   {nil, uris(t, "weir://gateway/one"), "", "gateways are not configured"},
		"expired":                     {nil, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }, "", "expired"},
		"not valid yet":               {nil, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }, "", "not yet valid"},
		"a certificate of a server":   {nil, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }, "", "incompatible key usage"},
		"an attribute without a name": {nil, func(c *x509.Certificate) {
			c.Subject = pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{1, 2, 3}, Value: "x"}}}
		}, "User:1.2.3=#130178", ""},
	} {
		t.Run(name, func(t *testing.T) {
			a, log := authenticator(t, authentication.Config{Certificates: &authentication.CertificatesConfig{CAFile: ca.file, Rules: test.rules}})
			certificate := ca.sign(t, test.change)
			got, err := a.Authenticate(withCertificates(t.Context(), certificate))
			switch {
			case test.want == "":
				refused(t, err, log, test.reason)
			case err != nil:
				t.Errorf("%v: %s", err, log)
			case got.Name != test.want || !got.Expires.Equal(certificate.NotAfter):
				t.Errorf("the caller is %s until %s, want %s until %s", got.Name, got.Expires, test.want, certificate.NotAfter)
			}
		})
	}
}

func TestCertificatesOfOtherAuthoritiesAreRefused(t *testing.T) {
	ours, other := newAuthority(t, "users"), newAuthority(t, "users")
	a, log := authenticator(t, authentication.Config{Certificates: &authentication.CertificatesConfig{CAFile: ours.file}})
	_, err := a.Authenticate(withCertificates(t.Context(), other.sign(t, uris(t, "weir://user/alice")), other.certificate))
	refused(t, err, log, "signed by unknown authority")
}

func TestATokenGoesBeforeACertificate(t *testing.T) {
	ca := newAuthority(t, "users")
	a, log := authenticator(t, authentication.Config{
		Certificates: &authentication.CertificatesConfig{CAFile: ca.file},
		PublicKeys:   []authentication.PublicKeyConfig{{Issuer: "Confluent", KeyFile: writeFile(t, "key.pem", publicPEM(t, rsaKey()))}},
	})
	connection := withCertificates(t.Context(), ca.sign(t, uris(t, "weir://user/service")))
	got, err := a.Authenticate(withToken(connection, sign(t, jose.RS256, "", rsaKey(), valid("Confluent"))))
	if err != nil || got.Name != "User:alice" {
		t.Errorf("the caller is %v, %v, want User:alice", got, err)
	}
	_, err = a.Authenticate(withToken(connection, "invalid"))
	refused(t, err, log, "not a JWT")
}

// Only a gateway may say which certificate its client has.
func TestGatewaysPassCertificatesOn(t *testing.T) {
	users, gateways := newAuthority(t, "users"), newAuthority(t, "gateways")
	user := users.sign(t, uris(t, "weir://user/alice"))
	stranger := newAuthority(t, "users").sign(t, uris(t, "weir://user/alice"))
	expired := users.sign(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	gateway := gateways.sign(t, uris(t, "weir://gateway/one"))
	for name, test := range map[string]struct {
		connection *x509.Certificate // nil without TLS
		passed     string
		want       string // empty if the caller is refused
		reason     string
	}{
		"a gateway":                             {gateway, string(user.Raw), "User:alice", ""},
		"a gateway with nothing":                {gateway, "", "", "no credentials"},
		"a gateway with garbage":                {gateway, "garbage", "", "cannot be read"},
		"a gateway with a stranger":             {gateway, string(stranger.Raw), "", "unknown authority"},
		"a gateway with an expired certificate": {gateway, string(expired.Raw), "", "expired"},
		"a gateway with a gateway":              {gateway, string(gateway.Raw), "", "unknown authority"},
		"a gateway of a user's making":          {users.sign(t, uris(t, "weir://gateway/one")), string(user.Raw), "", "unknown authority"},
		"an expired gateway": {
			gateways.sign(t, func(c *x509.Certificate) { uris(t, "weir://gateway/one")(c); c.NotAfter = time.Now().Add(-time.Minute) }),
			string(user.Raw), "", "expired",
		},
		"another user":      {users.sign(t, uris(t, "weir://user/bob")), string(user.Raw), "User:bob", ""},
		"somebody with TLS": {gateways.sign(t, func(*x509.Certificate) {}), string(user.Raw), "", "unknown authority"},
		"somebody":          {nil, string(user.Raw), "", "no credentials"},
	} {
		t.Run(name, func(t *testing.T) {
			a, log := authenticator(t, authentication.Config{
				Certificates: &authentication.CertificatesConfig{CAFile: users.file}, Gateways: &authentication.GatewaysConfig{CAFile: gateways.file},
			})
			ctx := t.Context()
			if test.connection != nil {
				ctx = withCertificates(ctx, test.connection)
			}
			if test.passed != "" {
				ctx = metadata.NewIncomingContext(ctx, metadata.Pairs(authentication.ClientCertificateKey, test.passed))
			}
			got, err := a.Authenticate(ctx)
			switch {
			case test.want == "":
				refused(t, err, log, test.reason)
			case err != nil || got.Name != test.want:
				t.Errorf("the caller is %v, %v, want %s: %s", got, err, test.want, log)
			}
		})
	}
}

func TestReasonsInTheLogAreShort(t *testing.T) {
	a, log := authenticator(t, authentication.Config{PublicKeys: []authentication.PublicKeyConfig{{
		Issuer: "Confluent", KeyFile: writeFile(t, "key.pem", publicPEM(t, rsaKey())), Audiences: []string{"weir"},
	}}})
	_, err := a.Authenticate(withToken(t.Context(), sign(t, jose.RS256, "", rsaKey(), valid("Confluent").with(claims{"aud": strings.Repeat("é", 4<<10)}))))
	refused(t, err, log, "audience of the token")
	if log.Len() > 1024 {
		t.Errorf("the log has %d bytes of one caller", log.Len())
	}
}
