package machinetoken

import (
	"context"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/openweir/weir/control/access"
	"github.com/openweir/weir/control/access/accesstest"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/resource/rolebinding"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/store/storetest"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestTokensAreWellFormed(t *testing.T) {
	one, two := newToken("ci-deploy"), newToken("ci-deploy")
	if one == two {
		t.Error("two tokens are the same")
	}
	// What docs/security.md gives to scanners.
	if pattern := regexp.MustCompile(`^weir_[a-z0-9-]{4,45}_[0-9a-f]{72}$`); !pattern.MatchString(one) {
		t.Errorf("the token is %s", one)
	}
	if name, ok := nameIn(one); !ok || name != "ci-deploy" {
		t.Errorf("the name in %s is %q, %t", one, name, ok)
	}
	withSum := func(body string) string { return body + checksum(body) }
	for _, malformed := range []string{
		"", "weir_", "weir_ci-deploy", "weir_ci-deploy_", strings.TrimPrefix(one, "weir_"), one[:len(one)-1], one + "0",
		one[:len(one)-1] + "g", strings.Replace(one, "ci-deploy", "ci-deplox", 1), " " + one,
		withSum("weir_ci-deploy_" + strings.Repeat("a", 63)), withSum("weir_CI_" + strings.Repeat("a", 64)), withSum("weir_a/b/c_" + strings.Repeat("a", 64)),
		withSum("xxxx_ci-deploy_" + strings.Repeat("a", 64)),
	} {
		if name, ok := nameIn(malformed); ok {
			t.Errorf("%q is a token of %q", malformed, name)
		}
	}
}

func started(t *testing.T) *service {
	t.Helper()
	s := store.New(storetest.Etcd(t), "/weir", slog.New(slog.DiscardHandler))
	watches := resource.NewWatches()
	tokens := New(s, watches, rolebinding.New(s, watches), access.NewAuthorizer())
	storetest.Start(t, s)
	return &service{Tokens: tokens}
}

func (s *service) create(t *testing.T, name string, lifetime time.Duration) *cmfv1.MachineToken {
	t.Helper()
	created, err := s.CreateMachineToken(accesstest.Unrestricted(t.Context(), t), &cmfv1.CreateMachineTokenRequest{Token: &cmfv1.MachineToken{
		Metadata: &cmfv1.ObjectMeta{Name: name}, Spec: &cmfv1.MachineTokenSpec{Lifetime: durationpb.New(lifetime)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return created
}

func TestExpiredTokensAreDeleted(t *testing.T) {
	s := started(t)
	s.create(t, "short", time.Hour)
	s.create(t, "long", 3*time.Hour)
	for _, test := range []struct {
		after time.Duration
		want  []string // that are left
	}{
		{59 * time.Minute, []string{"long", "short"}},
		{2 * time.Hour, []string{"long"}},
		{3 * time.Hour, nil},
	} {
		for _, name := range []string{"short", "long", "absent"} {
			if err := s.expire(t.Context(), store.Key(name), time.Now().Add(test.after)); err != nil {
				t.Fatal(err)
			}
		}
		page, err := s.ListMachineTokens(accesstest.Unrestricted(t.Context(), t), &cmfv1.ListMachineTokensRequest{})
		if err != nil {
			t.Fatal(err)
		}
		var left []string
		for _, token := range page.GetItems() {
			left = append(left, token.GetMetadata().GetName())
		}
		if strings.Join(left, ",") != strings.Join(test.want, ",") {
			t.Errorf("after %s: %v, want %v", test.after, left, test.want)
		}
	}
}

// TestOtherCredentialsAreLeftToOthers: a token of an issuer, none at all, and what
// cannot be read.
func TestOtherCredentialsAreLeftToOthers(t *testing.T) {
	s := started(t)
	token := s.create(t, "ci-deploy", time.Hour).GetStatus().GetToken()
	other := &access.Principal{Name: "User:other"}
	authenticate := s.Authenticate(func(ctx context.Context) (*access.Principal, error) { return other, nil })
	for _, test := range []struct {
		headers []string
		want    string // empty if nobody is authenticated
	}{
		{[]string{"Bearer " + token}, "User:machine:ci-deploy"},
		{[]string{"bearer  " + token}, "User:machine:ci-deploy"},
		{[]string{"Bearer weir_x"}, ""},
		{[]string{"Bearer eyJhbGciOiJFUzI1NiJ9.e30.c2ln"}, "User:other"},
		{[]string{"Basic " + token}, "User:other"},
		{[]string{"Bearer " + token, "Bearer " + token}, "User:other"},
		{nil, "User:other"},
	} {
		ctx := metadata.NewIncomingContext(t.Context(), metadata.MD{"authorization": test.headers})
		principal, err := authenticate(access.WithoutWaiting(ctx))
		switch {
		case test.want == "" && status.Code(err) != codes.Unauthenticated:
			t.Errorf("%q: %v, %v", test.headers, principal, err)
		case test.want != "" && (err != nil || principal.Name != test.want):
			t.Errorf("%q: %v, %v, want %s", test.headers, principal, err, test.want)
		}
	}
}

// TestATokenThatGoesBeforeItIsKnownIsRevoked: between the look at the record and the
// first principal.
func TestATokenThatGoesBeforeItIsKnownIsRevoked(t *testing.T) {
	s := started(t)
	s.create(t, "ci-deploy", time.Hour)
	record := s.kind.Records.In(s.store.Cached()).Get(store.Key("ci-deploy"))
	if _, err := s.DeleteMachineToken(t.Context(), &cmfv1.DeleteMachineTokenRequest{MachineTokenName: "ci-deploy"}); err != nil {
		t.Fatal(err)
	}
	if s.kind.Records.In(s.store.Cached()).Get(record.Key) != nil {
		t.Error("the replica does not know yet that the token is deleted")
	}
	if principal, err := s.principal(record); err == nil {
		t.Errorf("the token is of %v", principal)
	}
	for range s.used.Range {
		t.Error("the token is kept")
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	s := store.New(storetest.Etcd(b), "/weir", slog.New(slog.DiscardHandler))
	watches := resource.NewWatches()
	tokens := &service{Tokens: New(s, watches, rolebinding.New(s, watches), access.NewAuthorizer())}
	storetest.Start(b, s)
	created, err := tokens.CreateMachineToken(accesstest.Unrestricted(b.Context(), b), &cmfv1.CreateMachineTokenRequest{Token: &cmfv1.MachineToken{Metadata: &cmfv1.ObjectMeta{Name: "ci-deploy"}}})
	if err != nil {
		b.Fatal(err)
	}
	authenticate := tokens.Authenticate(access.AllowAnonymous)
	ctx := metadata.NewIncomingContext(b.Context(), metadata.Pairs("authorization", "Bearer "+created.GetStatus().GetToken()))
	for b.Loop() {
		if _, err := authenticate(ctx); err != nil {
			b.Fatal(err)
		}
	}
}
