package limit

import (
	"context"
	"fmt"
	"math"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/access"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/internal/await"
)

const (
	get       = cmfv1.EnvironmentService_GetEnvironment_FullMethodName
	openWatch = cmfv1.EnvironmentService_WatchEnvironments_FullMethodName
	fetch     = cmfv1.FlinkWebUIService_FetchFlinkWebUI_FullMethodName
)

var alice, bob = &access.Principal{Name: "User:alice"}, &access.Principal{Name: "User:bob"}

func newLimiter(t *testing.T, config Config) *Limiter {
	t.Helper()
	sizes, err := NewSizes()
	if err != nil {
		t.Fatal(err)
	}
	return New(config, sizes)
}

// begin begins a request that has to be admitted.
func begin(t *testing.T, l *Limiter, principal *access.Principal, method string) *Request {
	t.Helper()
	request, err := l.Begin(principal, method)
	if err != nil {
		t.Fatalf("%s of %s: %v", method, principal.Name, err)
	}
	return request
}

// refused checks that a refusal names the limit, and returns when to try again.
func refused(t *testing.T, err error, limit string) time.Duration {
	t.Helper()
	s := status.Convert(err)
	if s.Code() != codes.ResourceExhausted || !strings.Contains(s.Message(), limit) {
		t.Fatalf("got %v, want a refusal that names %q", err, limit)
	}
	wait, http := time.Duration(0), int32(0)
	for _, detail := range s.Details() {
		switch d := detail.(type) {
		case *errdetails.RetryInfo:
			wait = d.GetRetryDelay().AsDuration()
		case *cmfv1.HttpStatus:
			http = d.GetCode()
		}
	}
	if wait <= 0 || http != 429 {
		t.Errorf("the refusal says to try again after %s, and the HTTP status %d", wait, http)
	}
	return wait
}

func TestRequestsPerSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, Config{RequestsPerSecond: 10})
		for range 20 {
			begin(t, l, alice, get).End()
		}
		_, err := l.Begin(alice, get)
		wait := refused(t, err, "10 requests per second")
		if wait != 100*time.Millisecond {
			t.Errorf("the caller is to wait %s", wait)
		}
		begin(t, l, bob, get)
		await.Elapse(wait)
		begin(t, l, alice, get)
		if _, err := l.Begin(alice, get); err == nil {
			t.Error("a refused request has made more room than the time")
		}
	})
}

func TestWhatIsUnderWay(t *testing.T) {
	l := newLimiter(t, Config{RequestsInFlight: 2, Watches: 1, WebUIRequests: 1})
	for method, limit := range map[string]struct {
		most int
		name string
	}{get: {2, "2 requests in flight"}, openWatch: {1, "1 open watches"}, fetch: {1, "1 open requests for Flink web UIs"}} {
		var requests []*Request
		for range limit.most {
			requests = append(requests, begin(t, l, alice, method))
		}
		_, err := l.Begin(alice, method)
		refused(t, err, limit.name)
		begin(t, l, bob, method)
		requests[0].End()
		requests[0].End() // which gives nothing back again
		begin(t, l, alice, method)
		_, err = l.Begin(alice, method)
		refused(t, err, limit.name)
	}
}

func TestRequestBytesPerSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, Config{RequestBytesPerSecond: 1 << 20})
		message := &cmfv1.CreateOrUpdateApplicationRequest{EnvName: strings.Repeat("x", maxRequest-8)}
		request := begin(t, l, alice, get)
		if err := request.Received(message); err != nil { // the largest one always fits at first
			t.Fatal(err)
		}
		wait := refused(t, request.Received(message), "1048576 bytes")
		if wait < 7*time.Second || wait > 8*time.Second {
			t.Errorf("the caller is to wait %s for %d bytes", wait, proto.Size(message))
		}
		if err := begin(t, l, bob, get).Received(message); err != nil {
			t.Error(err)
		}
		await.Elapse(wait)
		if err := request.Received(message); err != nil {
			t.Error(err)
		}
	})
}

func TestNoLimits(t *testing.T) {
	l := newLimiter(t, Config{})
	for range 10_000 {
		if err := begin(t, l, alice, get).Received(&cmfv1.GetEnvironmentRequest{EnvName: "prod"}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestUsersAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, Config{RequestsPerSecond: 10, RequestsInFlight: 1})
		l.callers.max = 100
		busy := begin(t, l, bob, get)
		for i := range 3 * l.callers.max {
			begin(t, l, &access.Principal{Name: fmt.Sprint("User:", i)}, get).End()
		}
		if got := len(l.callers.byKey); got > l.callers.max {
			t.Errorf("%d callers are known", got)
		}
		if _, err := l.Begin(bob, get); err == nil {
			t.Error("a caller with a request in flight was forgotten")
		}
		busy.End()
		await.Elapse(2 * idle)
		come := l.callers.max / forgetAtOnce * 2 // each has some forgotten
		for i := range come {
			begin(t, l, &access.Principal{Name: fmt.Sprint("User:new-", i)}, get).End()
		}
		if got := len(l.callers.byKey); got > come {
			t.Errorf("%d callers are known, of which %d are not idle", got, come)
		}
	})
}

// from is the context of a request from an address.
func from(t *testing.T, address string) context.Context {
	t.Helper()
	return peer.NewContext(t.Context(), &peer.Peer{Addr: net.TCPAddrFromAddrPort(mustParse(t, address))})
}

// TestFailuresPerSecond: those who fail to authenticate cost nothing any more, and
// others with the same address are not affected.
func TestFailuresPerSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		verified := 0
		type credentials struct{}
		l := newLimiter(t, Config{FailuresPerSecond: 5})
		authenticate := l.Authenticate(func(ctx context.Context) (*access.Principal, error) {
			if ctx.Value(credentials{}) == "known" {
				return alice, nil
			}
			if !access.MayVerify(ctx) {
				return nil, access.ErrNotVerified
			}
			verified++
			if ctx.Value(credentials{}) == "new" {
				return bob, nil
			}
			return nil, status.Error(codes.Unauthenticated, "No.")
		})
		with := func(what, address string) error {
			_, err := authenticate(context.WithValue(from(t, address), credentials{}, what))
			return err
		}
		for range 10 {
			if err := with("wrong", "192.0.2.1:4711"); status.Code(err) != codes.Unauthenticated {
				t.Fatal(err)
			}
		}
		for range 100 {
			refused(t, with("wrong", "192.0.2.1:4712"), "5 requests per second of the address 192.0.2.1 are not authenticated")
		}
		refused(t, with("new", "192.0.2.1:4711"), "192.0.2.1")
		if verified != 10 {
			t.Errorf("the credentials of %d requests were verified", verified)
		}
		if err := with("known", "192.0.2.1:4711"); err != nil {
			t.Errorf("a caller who is known: %v", err)
		}
		if err := with("new", "192.0.2.2:4711"); err != nil {
			t.Errorf("a caller with another address: %v", err)
		}
		await.Elapse(time.Second)
		if err := with("new", "192.0.2.1:4711"); err != nil {
			t.Errorf("a second later: %v", err)
		}
	})
}

func TestSources(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.1:4711":              "192.0.2.1",
		"[::ffff:192.0.2.1]:4711":     "192.0.2.1",
		"[2001:db8:1:2:3:4:5:6]:4711": "2001:db8:1:2::/64",
		"[2001:db8:1:2::9%eth0]:4711": "2001:db8:1:2::/64",
	} {
		if got := sourceOf(from(t, address)); got != want {
			t.Errorf("%s is %s, want %s", address, got, want)
		}
	}
	if got := sourceOf(t.Context()); got != "" {
		t.Errorf("a request without an address is of %q", got)
	}
}

func TestConfigurationsThatMakeNoSense(t *testing.T) {
	if err := Default.Validate(); err != nil {
		t.Error(err)
	}
	err := Config{RequestsPerSecond: -1, Watches: math.MaxInt}.Validate()
	if err == nil || !strings.Contains(err.Error(), "requests per second") || !strings.Contains(err.Error(), "watches") {
		t.Errorf("the error is %v", err)
	}
	if err := (Connections{Total: -1}).Validate(); err == nil {
		t.Error("a negative number of connections is accepted")
	}
}
