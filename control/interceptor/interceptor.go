// Package interceptor is what every RPC of the control plane passes through, unary
// and streaming alike: panics become internal errors, errors become statuses, callers
// are authenticated, limited and authorized, changes are recorded in the audit log, and requests
// are held to the rules of the proto.
package interceptor

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/access"
	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/audit"
	"github.com/openweir/weir/control/limit"
	"github.com/openweir/weir/control/recovery"
	"github.com/openweir/weir/control/validate"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// requestIDHeader carries the id that the gateway gave a request.
const requestIDHeader = "x-request-id"

// Config is what the interceptors need. Everything but Audit is required.
type Config struct {
	// Authenticate returns who the caller of a method of the public API is.
	Authenticate access.Authenticate
	// Limiter bounds what each caller may use.
	Limiter *limit.Limiter
	// Authorizer knows what callers may do, and Table what each method needs.
	Authorizer *access.Authorizer
	Table      access.Table
	// Audit records every change; nil for none.
	Audit *audit.Log
	// Log receives the errors that are not the caller's.
	Log *slog.Logger
}

// Unary is the chain for unary RPCs, outermost first.
func Unary(config Config) []grpc.UnaryServerInterceptor {
	chain := []grpc.UnaryServerInterceptor{unaryErrors(config.Log), unaryRecovery, unaryAuthentication(config.Authenticate)}
	if config.Audit != nil {
		chain = append(chain, unaryAudit(config.Table, config.Audit))
	}
	return append(chain, unaryAuthorization(config.Table, config.Authorizer), unaryValidation)
}

// Stream is the chain for streaming RPCs: the same as Unary, except that no stream is a
// change to record.
func Stream(config Config) []grpc.StreamServerInterceptor {
	return []grpc.StreamServerInterceptor{
		streamErrors(config.Log), streamRecovery, streamAdmission(config),
		streamAuthorization(config.Table, config.Authorizer), streamValidation,
	}
}

func unaryErrors(log *slog.Logger) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		begun := time.Now()
		resp, err := handler(ctx, req)
		return resp, finish(ctx, log, info.FullMethod, begun, err)
	}
}

func streamErrors(log *slog.Logger) grpc.StreamServerInterceptor {
	return func(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		begun := time.Now()
		return finish(stream.Context(), log, info.FullMethod, begun, handler(srv, stream))
	}
}

// finish gives an error its status, and logs those that are ours.
func finish(ctx context.Context, log *slog.Logger, method string, begun time.Time, err error) error {
	if err == nil {
		return nil
	}
	s := toStatus(err)
	switch s.Code() {
	case codes.Unavailable:
		if bareStatus(err) {
			break
		}
		fallthrough
	case codes.Internal, codes.Unknown, codes.DataLoss:
		log.ErrorContext(ctx, "request failed", "method", method, "code", s.Code().String(), "error", err,
			"request_id", requestID(ctx), "took", time.Since(begun))
	}
	return s.Err()
}

// bareStatus tells whether a handler ended with a status of its own making and
// no cause, as the end of an agent's session does: the agent is to come again,
// and nothing has failed.
func bareStatus(err error) bool {
	_, isAPIError := errors.AsType[*apierror.Error](err)
	_, isStatus := status.FromError(err)
	return isStatus && !isAPIError && errors.Unwrap(err) == nil
}

func requestID(ctx context.Context) string {
	if values := metadata.ValueFromIncomingContext(ctx, requestIDHeader); len(values) > 0 {
		return values[0]
	}
	return ""
}

func unaryRecovery(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
	defer recovery.ToError(&err)
	return handler(ctx, req)
}

func streamRecovery(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	defer recovery.ToError(&err)
	return handler(srv, stream)
}

// ownValidation are the methods whose service reports broken rules itself,
// together with what else it finds wrong.
var ownValidation = map[string]bool{
	cmfv1.EnvironmentService_CreateOrUpdateEnvironment_FullMethodName: true,
}

func unaryValidation(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if !ownValidation[info.FullMethod] {
		if err := checkRequest(req); err != nil {
			return nil, err
		}
	}
	return handler(ctx, req)
}

func streamValidation(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	return handler(srv, validatedStream{stream})
}

// validatedStream holds every message received to the rules.
type validatedStream struct{ grpc.ServerStream }

// RecvMsg receives and validates a message.
func (s validatedStream) RecvMsg(m any) error {
	if err := s.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	return checkRequest(m)
}

func checkRequest(req any) error {
	message, ok := req.(proto.Message)
	if !ok {
		return status.Errorf(codes.Internal, "%T is not a proto message", req)
	}
	violations, err := validate.Request(message)
	if err != nil {
		return err
	}
	return violations.Invalid()
}
