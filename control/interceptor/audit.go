package interceptor

import (
	"context"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/access"
	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/audit"
)

// unaryAudit records changes. It comes after the authentication, which finds the
// caller, and before the authorization, whose refusals are recorded too. No change is
// a stream.
func unaryAudit(table access.Table, log *audit.Log) grpc.UnaryServerInterceptor {
	changes := table.Changes()
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
		request, ok := req.(proto.Message)
		if !ok || !changes[info.FullMethod] {
			return handler(ctx, req)
		}
		secret := audit.HasSecrets(request.ProtoReflect().Descriptor())
		ctx, change, err := log.Begin(ctx, describe(ctx, table, info.FullMethod, request, secret))
		if err != nil {
			return nil, apierror.Unavailable(err, "The change cannot be recorded in the audit log, which is required. Try again.")
		}
		returned := false
		defer func() {
			switch {
			case !returned: // it panics
				change.End(ctx, audit.Result{Code: codes.Internal.String()}, "panic")
			case err != nil:
				s, message := toStatus(err), ""
				if !secret {
					message = s.Message()
				}
				change.End(ctx, audit.Result{Code: s.Code().String()}, message)
			default:
				change.End(ctx, succeeded(resp, secret), "")
			}
		}()
		resp, err = handler(ctx, req)
		returned = true
		return resp, err
	}
}

// describe says what is known of a change before it is carried out. There are no
// digests of secrets, which could be guessed from them.
func describe(ctx context.Context, table access.Table, method string, request proto.Message, secret bool) audit.Call {
	message := request.ProtoReflect()
	call := audit.Call{TraceID: traceID(ctx), Method: method, Resource: &audit.Resource{}, Parameters: audit.Parameters(message), Secret: secret}
	call.Resource.Type, call.Resource.Environment, call.Resource.Name = table.Resource(method, request)
	if principal := access.PrincipalOf(ctx); principal != nil {
		call.Caller = principal.Name
	}
	if p, ok := peer.FromContext(ctx); ok && p.Addr != nil {
		call.Source = p.Addr.String()
	}
	if resource := audit.ResourceIn(message); resource != nil {
		if call.Resource.Name == "" {
			call.Resource.Name = audit.NameOf(resource)
		}
		if !secret {
			call.RequestedSpecDigest = audit.SpecDigest(resource)
		}
	}
	return call
}

func succeeded(resp any, secret bool) audit.Result {
	result := audit.Result{Code: codes.OK.String()}
	reply, ok := resp.(proto.Message)
	if !ok || reply.ProtoReflect().Descriptor().Fields().Len() == 0 {
		return result
	}
	result.ReturnedName = audit.NameOf(reply.ProtoReflect())
	if !secret {
		result.ReturnedSpecDigest = audit.SpecDigest(reply.ProtoReflect())
	}
	return result
}

// traceID is that of the trace, or else the id of the request, or a random one.
func traceID(ctx context.Context) string {
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		return span.TraceID().String()
	}
	if id := requestID(ctx); id != "" {
		return id
	}
	return uuid.NewString()
}
