package authentication_test

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/openweir/weir/control/access"
	"github.com/openweir/weir/control/access/authentication"
)

// authenticator returns an authenticator and what it logs.
func authenticator(t *testing.T, config authentication.Config) (*authentication.Authenticator, *bytes.Buffer) {
	t.Helper()
	log := &bytes.Buffer{}
	a, err := authentication.New(config, slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	return a, log
}

func withToken(ctx context.Context, token string) context.Context {
	return metadata.NewIncomingContext(ctx, metadata.Pairs("authorization", "Bearer "+token))
}

// refused checks that a caller is not authenticated, learns nothing of why, and that
// the log tells it.
func refused(t *testing.T, err error, log *bytes.Buffer, reason string) {
	t.Helper()
	got := status.Convert(err)
	if want := "Authentication is required: present a valid bearer token or client certificate."; got.Code() != codes.Unauthenticated || got.Message() != want {
		t.Errorf("the caller is told %s: %q, want %s: %q", got.Code(), got.Message(), codes.Unauthenticated, want)
	}
	if !strings.Contains(log.String(), reason) {
		t.Errorf("the log says %q, and nothing of %q", log, reason)
	}
}

func TestTokensOfIssuersAreVerified(t *testing.T) {
	ec, ed := ecdsaKey(t), ed25519Key(t)
	idp := newIssuer(t, public("rsa", rsaKey()), public("ec", ec), public("ed", ed),
		jose.JSONWebKey{KeyID: "pinned", Algorithm: "PS256", Key: rsaKey().Public()}, jose.JSONWebKey{KeyID: "secret", Key: []byte("a shared secret of 32 bytes or so")})
	config := authentication.Config{Issuers: []authentication.IssuerConfig{{
		URL: idp.url, Audiences: []string{"weir", "weir-cli"}, CAFile: idp.caFile,
		ClaimsConfig: authentication.ClaimsConfig{GroupsClaim: "realm.groups", GroupPrefix: "idp:"},
	}}}
	now := time.Now()
	ok := valid(idp.url)
	signed := func(c claims) string { return sign(t, jose.RS256, "rsa", rsaKey(), c) }
	for name, token := range map[string]string{
		"RS256":           signed(ok),
		"PS384":           sign(t, jose.PS384, "rsa", rsaKey(), ok),
		"ES256":           sign(t, jose.ES256, "ec", ec, ok),
		"EdDSA":           sign(t, jose.EdDSA, "ed", ed, ok),
		"one audience":    signed(ok.with(claims{"aud": "weir-cli"})),
		"algorithm of it": sign(t, jose.PS256, "pinned", rsaKey(), ok),
	} {
		t.Run(name, func(t *testing.T) {
			a, log := authenticator(t, config)
			got, err := a.Authenticate(withToken(t.Context(), token))
			if err != nil {
				t.Fatalf("%v: %s", err, log)
			}
			want := &access.Principal{Name: "User:alice", Expires: time.Unix(ok["exp"].(int64), 0)}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	for name, test := range map[string]struct{ token, reason string }{
		"not signed":                       {unsigned(t, ok), "unexpected signature algorithm"},
		"the public key as a secret":       {sign(t, jose.HS256, "rsa", publicPEM(t, rsaKey()), ok), "unexpected signature algorithm"},
		"a published secret":               {sign(t, jose.HS256, "secret", []byte("a shared secret of 32 bytes or so"), ok), "unexpected signature algorithm"},
		"another key of that name":         {sign(t, jose.ES256, "ec", ecdsaKey(t), ok), "no key of the issuer"},
		"a key of another name":            {sign(t, jose.ES256, "ed", ec, ok), "no key of the issuer"},
		"another algorithm than the key's": {sign(t, jose.RS256, "pinned", rsaKey(), ok), "no key of the issuer"},
		"another issuer":                   {signed(ok.with(claims{"iss": "https://elsewhere.example.com"})), "issuer of the token is not configured"},
		"the issuer with a slash":          {signed(ok.with(claims{"iss": idp.url + "/"})), "issuer of the token is not configured"},
		"no issuer":                        {signed(ok.with(claims{"iss": nil})), "issuer of the token is not configured"},
		"another audience":                 {signed(ok.with(claims{"aud": "grafana"})), "audience of the token"},
		"no audience":                      {signed(ok.with(claims{"aud": nil})), "audience of the token"},
		"expired":                          {signed(ok.with(claims{"exp": now.Add(-time.Second).Unix()})), "token is expired"},
		"no expiry":                        {signed(ok.with(claims{"exp": nil})), "token is expired"},
		"not valid yet":                    {signed(ok.with(claims{"nbf": now.Add(time.Hour).Unix()})), "before the nbf"},
		"no user":                          {signed(ok.with(claims{"sub": nil})), "no string claim sub"},
		"an empty user":                    {signed(ok.with(claims{"sub": ""})), "the name is empty"},
		"the anonymous user":               {signed(ok.with(claims{"sub": "ANONYMOUS"})), "reserved"},
		"everybody":                        {signed(ok.with(claims{"sub": "*"})), "stands for everybody"},
		"two lines":                        {signed(ok.with(claims{"sub": "alice\nbob"})), "cannot be printed"},
		"groups that are numbers":          {signed(ok.with(claims{"realm": claims{"groups": []int{1}}})), "not a string"},
		"no token":                         {"", "has no token"},
		"no JWT":                           {"abc", "not a JWT"},
		"no payload":                       {"e30.%.e30", "not base64url"},
		"no claims":                        {"e30.W10.e30", "not a JSON object"},
		"a huge token":                     {signed(ok.with(claims{"padding": strings.Repeat("x", 16<<10)})), "larger than 16 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			a, log := authenticator(t, config)
			_, err := a.Authenticate(withToken(t.Context(), test.token))
			refused(t, err, log, test.reason)
		})
	}
}

func TestCredentialsHaveToBeOneBearerToken(t *testing.T) {
	idp := newIssuer(t, public("rsa", rsaKey()))
	a, log := authenticator(t, authentication.Config{Issuers: []authentication.IssuerConfig{{URL: idp.url, Audiences: []string{"weir"}, CAFile: idp.caFile}}})
	token := sign(t, jose.RS256, "rsa", rsaKey(), valid(idp.url))
	for name, test := range map[string]struct {
		md     metadata.MD
		reason string
	}{
		"none":          {metadata.MD{}, "no credentials"},
		"two":           {metadata.Pairs("authorization", "Bearer "+token, "authorization", "Bearer "+token), "more than one"},
		"Basic":         {metadata.Pairs("authorization", "Basic YTpi"), "not Bearer"},
		"no scheme":     {metadata.Pairs("authorization", token), "not Bearer"},
		"not UTF-8":     {metadata.Pairs("authorization", "Bearer \xff"), "not a JWT"},
		"a certificate": {metadata.Pairs(authentication.ClientCertificateKey, "forged"), "no credentials"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := a.Authenticate(metadata.NewIncomingContext(t.Context(), test.md))
			refused(t, err, log, test.reason)
		})
	}
	if strings.Contains(log.String(), token) {
		t.Error("the log contains a token")
	}
	if _, err := a.Authenticate(metadata.NewIncomingContext(t.Context(), metadata.Pairs("authorization", "bearer "+token))); err != nil {
		t.Errorf("a scheme in lower case: %v", err)
	}
}

func TestClaimsNameUserAndGroups(t *testing.T) {
	for name, test := range map[string]struct {
		config authentication.ClaimsConfig
		claims claims
		want   *access.Principal
	}{
		"the subject": {authentication.ClaimsConfig{}, nil, &access.Principal{Name: "User:alice"}},
		"another claim, with a prefix": {
			authentication.ClaimsConfig{UserClaim: "email", UserPrefix: "corp:"}, claims{"email": "a@example.com", "email_verified": true},
			&access.Principal{Name: "User:corp:a@example.com"},
		},
		"an address that the issuer has not checked": {authentication.ClaimsConfig{UserClaim: "email"}, claims{"email": "a@example.com", "email_verified": false}, nil},
		"groups": {
			authentication.ClaimsConfig{GroupsClaim: "groups", GroupPrefix: "g:"}, claims{"groups": []string{"ops", "dev"}},
			&access.Principal{Name: "User:alice", Groups: []string{"Group:g:ops", "Group:g:dev"}},
		},
		"a single group":         {authentication.ClaimsConfig{GroupsClaim: "groups"}, claims{"groups": "ops"}, &access.Principal{Name: "User:alice", Groups: []string{"Group:ops"}}},
		"no groups":              {authentication.ClaimsConfig{GroupsClaim: "groups"}, nil, &access.Principal{Name: "User:alice"}},
		"groups nobody asks for": {authentication.ClaimsConfig{}, claims{"groups": []string{"ops"}}, &access.Principal{Name: "User:alice"}},
		"a nested claim":         {authentication.ClaimsConfig{GroupsClaim: "realm_access.roles"}, claims{"realm_access": claims{"roles": []string{"ops"}}}, &access.Principal{Name: "User:alice", Groups: []string{"Group:ops"}}},
		"a claim with dots": {
			authentication.ClaimsConfig{GroupsClaim: "https://example.com/groups"}, claims{"https://example.com/groups": []string{"ops"}},
			&access.Principal{Name: "User:alice", Groups: []string{"Group:ops"}},
		},
		"groups that are an object": {authentication.ClaimsConfig{GroupsClaim: "groups"}, claims{"groups": claims{"ops": true}}, nil},
		"a group for everybody":     {authentication.ClaimsConfig{GroupsClaim: "groups"}, claims{"groups": []string{"*"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			a, log := authenticator(t, authentication.Config{PublicKeys: []authentication.PublicKeyConfig{{
				Issuer: "Confluent", KeyFile: writeFile(t, "key.pem", publicPEM(t, rsaKey())), ClaimsConfig: test.config,
			}}})
			all := valid("Confluent").with(test.claims)
			got, err := a.Authenticate(withToken(t.Context(), sign(t, jose.RS256, "", rsaKey(), all)))
			if (err != nil) != (test.want == nil) {
				t.Fatalf("the error is %v: %s", err, log)
			}
			if test.want != nil {
				test.want.Expires = time.Unix(all["exp"].(int64), 0)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A Metadata Service has no discovery, and its tokens have no audience of Weir's.
func TestTokensOfAMetadataServiceAreVerifiedByItsKey(t *testing.T) {
	config := authentication.PublicKeyConfig{Issuer: "Confluent", KeyFile: writeFile(t, "key.pem", publicPEM(t, rsaKey()))}
	strict := config
	strict.Audiences = []string{"weir"}
	ok := valid("Confluent").with(claims{"aud": nil})
	for name, test := range map[string]struct {
		config authentication.PublicKeyConfig
		token  string
		reason string // empty if the token is accepted
	}{
		"valid":                      {config, sign(t, jose.RS256, "", rsaKey(), ok), ""},
		"another audience":           {strict, sign(t, jose.RS256, "", rsaKey(), ok), "audience of the token"},
		"another key":                {config, sign(t, jose.ES256, "", ecdsaKey(t), ok), "no public keys able to verify jwt"},
		"the public key as a secret": {config, sign(t, jose.HS256, "", publicPEM(t, rsaKey()), ok), "unexpected signature algorithm"},
		"not signed":                 {config, unsigned(t, ok), "unexpected signature algorithm"},
		"expired":                    {config, sign(t, jose.RS256, "", rsaKey(), ok.with(claims{"exp": 1})), "expired"},
	} {
		t.Run(name, func(t *testing.T) {
			a, log := authenticator(t, authentication.Config{PublicKeys: []authentication.PublicKeyConfig{test.config}})
			got, err := a.Authenticate(withToken(t.Context(), test.token))
			if test.reason != "" {
				refused(t, err, log, test.reason)
			} else if err != nil || got.Name != "User:alice" {
				t.Errorf("the caller is %v, %v", got, err)
			}
		})
	}
}

func TestAnIssuerThatIsDownDoesNotStopTheStart(t *testing.T) {
	idp := newIssuer(t, public("rsa", rsaKey()))
	idp.down.Store(true)
	key := writeFile(t, "key.pem", publicPEM(t, rsaKey()))
	a, log := authenticator(t, authentication.Config{
		Issuers:    []authentication.IssuerConfig{{URL: idp.url, Audiences: []string{"weir"}, CAFile: idp.caFile}},
		PublicKeys: []authentication.PublicKeyConfig{{Issuer: "Confluent", KeyFile: key}},
	})
	_, err := a.Authenticate(withToken(t.Context(), sign(t, jose.RS256, "rsa", rsaKey(), valid(idp.url))))
	refused(t, err, log, "503 Service Unavailable")
	if _, err := a.Authenticate(withToken(t.Context(), sign(t, jose.RS256, "", rsaKey(), valid("Confluent")))); err != nil {
		t.Errorf("a token of another issuer: %v", err)
	}
}

func TestUnknownKeysDoNotFloodTheIssuer(t *testing.T) {
	idp := newIssuer(t, public("rsa", rsaKey()))
	a, _ := authenticator(t, authentication.Config{Issuers: []authentication.IssuerConfig{{URL: idp.url, Audiences: []string{"weir"}, CAFile: idp.caFile}}})
	begun := time.Now()
	forged := ecdsaKey(t)
	for i := range 200 {
		token := sign(t, jose.ES256, fmt.Sprint("unknown-", i), crypto.Signer(forged), valid(idp.url))
		if _, err := a.Authenticate(withToken(t.Context(), token)); status.Code(err) != codes.Unauthenticated {
			t.Fatalf("a forged token: %v", err)
		}
	}
	// One at the start, and one in each interval since.
	if most := 1 + int32(time.Since(begun)/(10*time.Second)); idp.fetches.Load() > most {
		t.Errorf("the keys were fetched %d times, want at most %d", idp.fetches.Load(), most)
	}
	if _, err := a.Authenticate(withToken(t.Context(), sign(t, jose.RS256, "rsa", rsaKey(), valid(idp.url)))); err != nil {
		t.Errorf("a valid token after the flood: %v", err)
	}
}

// Requests of a connection are not held up by one whose keys have to be fetched.
func TestTokensAreNotWaitedForWithoutWaiting(t *testing.T) {
	idp := newIssuer(t, public("rsa", rsaKey()))
	a, log := authenticator(t, authentication.Config{Issuers: []authentication.IssuerConfig{{URL: idp.url, Audiences: []string{"weir"}, CAFile: idp.caFile}}})
	ctx := withToken(t.Context(), sign(t, jose.RS256, "rsa", rsaKey(), valid(idp.url)))
	if _, err := a.Authenticate(access.WithoutWaiting(ctx)); !errors.Is(err, access.ErrWouldWait) || idp.fetches.Load() != 0 {
		t.Errorf("without keys: %v after %d fetches, want %v", err, idp.fetches.Load(), access.ErrWouldWait)
	}
	if _, err := a.Authenticate(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Authenticate(access.WithoutWaiting(ctx)); err != nil {
		t.Errorf("with keys: %v", err)
	}
	forged := withToken(t.Context(), sign(t, jose.ES256, "unknown", ecdsaKey(t), valid(idp.url)))
	_, err := a.Authenticate(access.WithoutWaiting(forged))
	refused(t, err, log, "no key of the issuer")
}

func BenchmarkAuthenticate(b *testing.B) {
	key := writeFile(b, "key.pem", publicPEM(b, rsaKey()))
	a, err := authentication.New(authentication.Config{PublicKeys: []authentication.PublicKeyConfig{{Issuer: "Confluent", KeyFile: key}}}, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	ctx := withToken(b.Context(), sign(b, jose.RS256, "", rsaKey(), valid("Confluent")))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := a.Authenticate(ctx); err != nil {
				b.Fatal(err)
			}
		}
	})
}
