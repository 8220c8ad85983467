package interceptor

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/access"
	"github.com/openweir/weir/control/apierror"
)

var (
	errExpired = status.Error(codes.Unauthenticated, "The credentials have expired.")
	errRevoked = status.Error(codes.Unauthenticated, "The credentials have been revoked.")
)

func unaryAuthorization(table access.Table, authorizer *access.Authorizer) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		if !isPublic(info.FullMethod) {
			return handler(ctx, req)
		}
		permissions, _, err := authorizer.Permissions(access.PrincipalOf(ctx))
		if err != nil {
			return nil, err
		}
		ctx, err = table.Authorize(access.WithPermissions(ctx, permissions), permissions, info.FullMethod, req.(proto.Message))
		if err != nil {
			return nil, err
		}
		return handler(ctx, req)
	}
}

// streamAuthorization judges the request of a stream when it is received, and again
// when the role bindings change. The stream ends when its credentials expire or are
// revoked.
func streamAuthorization(table access.Table, authorizer *access.Authorizer) grpc.StreamServerInterceptor {
	return func(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		if !isPublic(info.FullMethod) {
			return handler(srv, stream)
		}
		ctx, cancel := context.WithCancelCause(stream.Context())
		defer cancel(nil)
		principal := access.PrincipalOf(ctx)
		permissions, changed, err := authorizer.Permissions(principal)
		if err != nil {
			return err
		}
		authorized := &authorizedStream{ServerStream: stream, ctx: access.WithPermissions(ctx, permissions)}
		authorized.authorize = func(request proto.Message) error {
			var err error
			authorized.ctx, err = table.Authorize(authorized.ctx, permissions, info.FullMethod, request)
			if err == nil && (!principal.Unrestricted || !principal.Expires.IsZero()) {
				go func() {
					cancel(judge(ctx, table, authorizer, permissions, changed, info.FullMethod, request))
				}()
			}
			return err
		}
		err = handler(srv, authorized)
		if ended := context.Cause(ctx); stream.Context().Err() == nil && ended != nil && !errors.Is(ended, context.Canceled) {
			return ended
		}
		return err
	}
}

// judge returns why a stream has to end, once it has to.
func judge(ctx context.Context, table access.Table, authorizer *access.Authorizer, permissions *access.Permissions, changed <-chan struct{}, method string, request proto.Message) error {
	principal := access.PrincipalOf(ctx)
	var expired <-chan time.Time
	if !principal.Expires.IsZero() {
		timer := time.NewTimer(time.Until(principal.Expires))
		defer timer.Stop()
		expired = timer.C
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-expired:
			return errExpired
		case <-principal.Revoked:
			return errRevoked
		case <-changed:
		}
		var now *access.Permissions
		var err error
		if now, changed, err = authorizer.Permissions(principal); err != nil {
			return err
		}
		if now.Equal(permissions) {
			continue
		}
		if _, err := table.Authorize(ctx, now, method, request); err != nil {
			return err
		}
		return apierror.TooOld("The permissions of %s have changed. Start a new watch without resourceVersion.", principal.Name)
	}
}

// authorizedStream judges the request of a stream before the service receives it.
type authorizedStream struct {
	grpc.ServerStream
	ctx       context.Context //nolint:containedctx // grpc.ServerStream has its context as a method
	authorize func(request proto.Message) error
}

// Context returns the context of the stream, with the permissions.
func (s *authorizedStream) Context() context.Context { return s.ctx }

// RecvMsg receives and authorizes a message.
func (s *authorizedStream) RecvMsg(m any) error {
	if err := s.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	return s.authorize(m.(proto.Message))
}
