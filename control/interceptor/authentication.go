package interceptor

import (
	"context"
	"strings"

	"google.golang.org/grpc"

	"github.com/openweir/weir/control/access"
)

// isPublic is true for the methods whose callers are authenticated here.
// Agents are authenticated by their own service, from the first message; health
// and reflection are for everybody who can connect.
func isPublic(method string) bool { return strings.HasPrefix(method, "/cmf.v1.") }

// unaryAuthentication makes sure that every call has an authenticated caller, also of a
// service that was registered without Registrar.
func unaryAuthentication(authenticate access.Authenticate) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		if !isPublic(info.FullMethod) {
			return handler(ctx, req)
		}
		principal, err := authenticated(ctx, authenticate)
		if err != nil {
			return nil, err
		}
		return handler(access.WithPrincipal(ctx, principal), req)
	}
}

// authenticated returns the caller of a method. Tap has found most; it does not wait,
// and there is none in the same process.
func authenticated(ctx context.Context, authenticate access.Authenticate) (*access.Principal, error) {
	if principal := access.PrincipalOf(ctx); principal != nil {
		return principal, nil
	}
	return authenticate(ctx)
}
