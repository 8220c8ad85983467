package interceptor

import (
	"context"
	"errors"

	"google.golang.org/grpc/tap"

	"github.com/openweir/weir/control/access"
)

// Tap authenticates callers of the public API from the headers of a request, so that
// nothing more is read of those who are refused.
func Tap(authenticate access.Authenticate) tap.ServerInHandle {
	return func(ctx context.Context, info *tap.Info) (context.Context, error) {
		if !isPublic(info.FullMethodName) {
			return ctx, nil
		}
		// All requests of a connection pass here one by one.
		principal, err := authenticate(access.WithoutWaiting(ctx))
		if errors.Is(err, access.ErrWouldWait) {
			return ctx, nil // the interceptors authenticate the caller
		}
		if err != nil {
			return nil, toStatus(err).Err()
		}
		return access.WithPrincipal(ctx, principal), nil
	}
}
