package interceptor_test

import (
	"context"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"

	"github.com/openweir/weir/control/access"
	"github.com/openweir/weir/control/interceptor"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// A caller whose credentials take time to verify must not hold up the other requests
// of the connection, and is left to the interceptors.
func TestTapDoesNotWait(t *testing.T) {
	info := &tap.Info{FullMethodName: cmfv1.EnvironmentService_GetEnvironment_FullMethodName}
	for name, test := range map[string]struct {
		err  error
		want codes.Code
	}{
		"known":      {nil, codes.OK},
		"would wait": {access.ErrWouldWait, codes.OK},
		"refused":    {status.Error(codes.Unauthenticated, "No."), codes.Unauthenticated},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, err := interceptor.Tap(func(ctx context.Context) (*access.Principal, error) {
				if access.MayWait(ctx) {
					t.Error("it may wait")
				}
				return access.Anonymous, test.err
			})(t.Context(), info)
			if status.Code(err) != test.want {
				t.Fatalf("got %v, want %s", err, test.want)
			}
			if err == nil && (access.PrincipalOf(ctx) != nil) != (test.err == nil) {
				t.Errorf("the caller is %v", access.PrincipalOf(ctx))
			}
			if err == nil && !access.MayWait(ctx) {
				t.Error("the interceptors may not wait either")
			}
		})
	}
}
