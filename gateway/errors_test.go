package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/openweir/weir/gateway"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func detailed(t *testing.T, code codes.Code, text string, details ...proto.Message) error {
	t.Helper()
	s := status.New(code, text)
	for _, d := range details {
		var err error
		if s, err = s.WithDetails(protoadapt.MessageV1Of(d)); err != nil {
			t.Fatal(err)
		}
	}
	return s.Err()
}

func restError(messages ...string) *cmfv1.RestError {
	body := &cmfv1.RestError{}
	for _, m := range messages {
		body.Errors = append(body.Errors, &cmfv1.Error{Message: m})
	}
	return body
}

func TestErrorsOfTheControlPlane(t *testing.T) {
	const secret = "dial tcp 10.0.0.1:2379: refused"
	for _, tc := range []struct {
		name   string
		err    error
		status int
		want   []string
	}{
		{"its text, where it is the client's affair", status.Error(codes.NotFound, `There is no "x".`), 404, []string{`There is no "x".`}},
		{"all messages", detailed(t, codes.InvalidArgument, "a; b", restError("a: is wrong", "b: is wrong")), 400, []string{"a: is wrong", "b: is wrong"}},
		{"a status of its own", detailed(t, codes.InvalidArgument, "x", restError("immutable"), &cmfv1.HttpStatus{Code: 422}), 422, []string{"immutable"}},
		{"gone", detailed(t, codes.FailedPrecondition, "gone", &cmfv1.HttpStatus{Code: 410}), 410, []string{"gone"}},
		{"not a status of an error", detailed(t, codes.NotFound, "x", &cmfv1.HttpStatus{Code: 200}), 404, []string{"x"}},
		{"exists", status.Error(codes.AlreadyExists, "taken"), 409, []string{"taken"}},
		{"aborted", status.Error(codes.Aborted, "again"), 409, []string{"again"}},
		{"precondition", status.Error(codes.FailedPrecondition, "in use"), 409, []string{"in use"}},
		{"out of range", status.Error(codes.OutOfRange, "too far"), 400, []string{"too far"}},
		{"denied", status.Error(codes.PermissionDenied, "not yours"), 403, []string{"not yours"}},
		{"who", status.Error(codes.Unauthenticated, "no token"), 401, []string{"no token"}},
		{"exhausted", status.Error(codes.ResourceExhausted, secret), 413, []string{"The request or its response is too large."}},
		{"too large", detailed(t, codes.ResourceExhausted, "x", restError("The request is larger than 1 byte."), &cmfv1.HttpStatus{Code: 413}), 413, []string{"The request is larger than 1 byte."}},
		{"limited", detailed(t, codes.ResourceExhausted, "x", restError("Too many."), &cmfv1.HttpStatus{Code: 429}, &errdetails.RetryInfo{RetryDelay: durationpb.New(2100 * time.Millisecond)}), 429, []string{"Too many."}},
		{"unimplemented", status.Error(codes.Unimplemented, secret), 501, []string{"This operation is not implemented."}},
		{"unavailable", status.Error(codes.Unavailable, secret), 503, []string{"The control plane is not available."}},
		{"unavailable with a message", detailed(t, codes.Unavailable, secret, restError("Try later.")), 503, []string{"Try later."}},
		{"too late", status.Error(codes.DeadlineExceeded, secret), 504, []string{"The request took too long."}},
		{"internal", status.Error(codes.Internal, secret), 500, []string{"Internal error."}},
		{"data loss", status.Error(codes.DataLoss, secret), 500, []string{"Internal error."}},
		{"unknown", status.Error(codes.Unknown, secret), 500, []string{"Internal error."}},
		{"a code that is none", status.Error(codes.Code(99), secret), 500, []string{"Internal error."}},
		{"not a status", errors.New(secret), 500, []string{"Internal error."}},
		{"no text", status.Error(codes.NotFound, ""), 404, []string{"Not Found."}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for name, connect := range transports {
				t.Run(name, func(t *testing.T) {
					s := startWith(t, connect(t, newControl().fails("GetEnvironment", tc.err)))
					got := s.do(t, "GET", "/cmf/api/v1/environments/test", "")
					got.expect(t, tc.status, errorBody(tc.want...))
					if got.header.Get("Content-Type") != "application/json" || got.header.Get("Cache-Control") != "no-store" {
						t.Errorf("headers %v", got.header)
					}
					wait := map[int]string{503: "2", 429: "3"}[tc.status]
					if again := got.header.Get("Retry-After"); again != wait {
						t.Errorf("Retry-After %q with %d", again, tc.status)
					}
					if challenge := got.header.Get("WWW-Authenticate"); (challenge != "") != (tc.status == 401) {
						t.Errorf("WWW-Authenticate %q with %d", challenge, tc.status)
					}
				})
			}
		})
	}
}

// A watch is refused as any other request is.
func TestWatchesThatAreLimited(t *testing.T) {
	limited := detailed(t, codes.ResourceExhausted, "x", restError("Too many."), &cmfv1.HttpStatus{Code: 429}, &errdetails.RetryInfo{RetryDelay: durationpb.New(time.Millisecond)})
	for name, connect := range watchServers {
		t.Run(name, func(t *testing.T) {
			s := startWith(t, connect(t, &watchable{watch: func(*cmfv1.WatchApplicationsRequest, grpc.ServerStreamingServer[cmfv1.WatchApplicationsResponse]) error {
				return limited
			}}))
			got := s.do(t, "GET", watchPath, "")
			got.expect(t, 429, errorBody("Too many."))
			if again := got.header.Get("Retry-After"); again != "1" {
				t.Errorf("Retry-After %q", again)
			}
		})
	}
}

func TestErrorsInYAML(t *testing.T) {
	c := newControl().fails("GetEnvironment", detailed(t, codes.InvalidArgument, "x", restError("a: is wrong", "yes")))
	s := start(t, c)
	got := s.do(t, "GET", "/cmf/api/v1/environments/test", "", "Accept: application/yaml")
	got.expect(t, 400, "errors:\n  - message: 'a: is wrong'\n  - message: \"yes\"\n")
	if got.header.Get("Content-Type") != "application/yaml" {
		t.Errorf("Content-Type %q", got.header.Get("Content-Type"))
	}
	s.do(t, "GET", "/hello", "", "Accept: text/yaml").expect(t, 404, "errors:\n  - message: 'Resource not found: [hello]'\n")
}

func TestPanicsResultIn500(t *testing.T) {
	t.Run("in a service", func(t *testing.T) {
		// In process: with a grpc.Server recovering is for its interceptors.
		c := newControl().on("GetEnvironment", func(context.Context, proto.Message) (proto.Message, error) { panic("secret") })
		start(t, c).do(t, "GET", "/cmf/api/v1/environments/test", "").expect(t, 500, errorBody("Internal error."))
	})
	t.Run("in the gateway", func(t *testing.T) {
		s := start(t, newControl(), func(c *gateway.Config) {
			c.Ready = func(context.Context) error { panic("secret") }
		})
		s.do(t, "GET", "/readyz", "").expect(t, 500, errorBody("Internal error."))
	})
}

// The deadline of a call reaches a control plane in another process.
func TestCallsAreBounded(t *testing.T) {
	c := newControl().on("GetEnvironment", func(ctx context.Context, _ proto.Message) (proto.Message, error) {
		<-ctx.Done()
		return nil, fmt.Errorf("wait for nothing: %w", ctx.Err())
	})
	s := startWith(t, overSocket(t, c), func(c *gateway.Config) { c.Timeout = 20 * time.Millisecond })
	s.do(t, "GET", "/cmf/api/v1/environments/test", "").expect(t, http.StatusGatewayTimeout, errorBody("The request took too long."))
}

// TestAResponseThatCannotBeWritten is a 500, not half an answer.
func TestAResponseThatCannotBeWritten(t *testing.T) {
	nan := 0.0
	nan /= nan
	c := newControl().returns("GetResourceInformation", &cmfv1.ResourceInformation{Status: &cmfv1.ResourceInformationStatus{
		ResourceSummary: &cmfv1.ResourceTotals{Cpu: &nan},
	}})
	start(t, c).do(t, "GET", "/cmf/api/v1/resource-information", "").expect(t, 500, errorBody("Internal error."))
}
