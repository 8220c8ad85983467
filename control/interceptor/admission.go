package interceptor

import (
	"context"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/access"
	"github.com/openweir/weir/control/limit"
	"github.com/openweir/weir/control/recovery"
)

// Registrar returns a registrar that admits the unary calls of public services before
// their messages are read: it authenticates the caller, if Tap could not, and applies
// the limits. Interceptors of unary calls are too late for that. They are not for
// streams, whose calls Stream admits.
func Registrar(server grpc.ServiceRegistrar, config Config) grpc.ServiceRegistrar {
	return registrar{server, config}
}

type registrar struct {
	server grpc.ServiceRegistrar
	config Config
}

// RegisterService registers a service.
func (r registrar) RegisterService(desc *grpc.ServiceDesc, service any) {
	admitted := *desc
	admitted.Methods = slices.Clone(desc.Methods)
	for i := range admitted.Methods {
		method := &admitted.Methods[i]
		if name := "/" + desc.ServiceName + "/" + method.MethodName; isPublic(name) {
			method.Handler = r.config.admitted(name, method.Handler)
		}
	}
	r.server.RegisterService(&admitted, service)
}

func (c Config) admitted(method string, handler grpc.MethodHandler) grpc.MethodHandler {
	return func(service any, ctx context.Context, decode func(any) error, chain grpc.UnaryServerInterceptor) (any, error) {
		begun := time.Now()
		ctx, request, err := c.admit(ctx, method)
		if err != nil {
			return nil, finish(ctx, c.Log, method, begun, err)
		}
		defer request.End()
		return handler(service, ctx, func(message any) error {
			if err := decode(message); err != nil {
				return err
			}
			if err := request.Received(message.(proto.Message)); err != nil {
				return finish(ctx, c.Log, method, begun, err)
			}
			return nil
		}, chain)
	}
}

// admit authenticates the caller of a public method and begins the request. The context
// that it returns has the caller.
func (c Config) admit(ctx context.Context, method string) (_ context.Context, _ *limit.Request, err error) {
	defer recovery.ToError(&err)
	principal, err := authenticated(ctx, c.Authenticate)
	if err != nil {
		return ctx, nil, err
	}
	request, err := c.Limiter.Begin(principal, method)
	if err != nil {
		return ctx, nil, err
	}
	return access.WithPrincipal(ctx, principal), request, nil
}

// streamAdmission admits streams as Registrar does unary calls.
func streamAdmission(config Config) grpc.StreamServerInterceptor {
	return func(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		if !isPublic(info.FullMethod) {
			return handler(service, stream)
		}
		ctx, request, err := config.admit(stream.Context(), info.FullMethod)
		if err != nil {
			return err
		}
		defer request.End()
		return handler(service, admittedStream{stream, ctx, request})
	}
}

// admittedStream is a stream whose context has its principal, and whose messages are
// limited.
type admittedStream struct {
	grpc.ServerStream
	ctx     context.Context //nolint:containedctx // grpc.ServerStream has its context as a method
	request *limit.Request
}

// Context returns the context of the stream, with the principal.
func (s admittedStream) Context() context.Context { return s.ctx }

// RecvMsg receives a message within the limits.
func (s admittedStream) RecvMsg(m any) error {
	if err := s.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	return s.request.Received(m.(proto.Message))
}
