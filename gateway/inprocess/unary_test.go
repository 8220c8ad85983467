package inprocess_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"

	"github.com/openweir/weir/gateway/inprocess"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestAUnaryCall(t *testing.T) {
	service := &echo{unary: func(_ context.Context, in *cmfv1.JsonObject) (*cmfv1.JsonObject, error) {
		return object(in.GetJson() + "!"), nil
	}}
	onEach(t, service, interceptors{}, func(t *testing.T, conn grpc.ClientConnInterface) {
		out := object("left over")
		if err := conn.Invoke(t.Context(), unaryMethod, object("hello"), out); err != nil || out.GetJson() != "hello!" {
			t.Errorf("got %q, %v", out.GetJson(), err)
		}
	})
}

func TestErrorsOfHandlers(t *testing.T) {
	rich, err := status.New(codes.InvalidArgument, "bad").WithDetails(protoadapt.MessageV1Of(&cmfv1.HttpStatus{Code: 422}))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name    string
		err     error
		code    codes.Code
		message string
		details int
	}{
		{"a status", status.Error(codes.NotFound, "not there"), codes.NotFound, "not there", 0},
		{"a status with details", rich.Err(), codes.InvalidArgument, "bad", 1},
		{"a wrapped status", fmt.Errorf("get: %w", status.Error(codes.Aborted, "again")), codes.Aborted, "get: rpc error: code = Aborted desc = again", 0},
		{"a plain error", errors.New("oops"), codes.Unknown, "oops", 0},
		{"a cancelled context of its own", fmt.Errorf("wait: %w", context.Canceled), codes.Canceled, "wait: context canceled", 0},
		{"a deadline of its own", context.DeadlineExceeded, codes.DeadlineExceeded, "context deadline exceeded", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			service := &echo{
				unary:  func(context.Context, *cmfv1.JsonObject) (*cmfv1.JsonObject, error) { return nil, tc.err },
				stream: func(grpc.ServerStream) error { return tc.err },
			}
			onEach(t, service, interceptors{}, func(t *testing.T, conn grpc.ClientConnInterface) {
				err := conn.Invoke(t.Context(), unaryMethod, object("x"), object(""))
				expectStatus(t, err, tc.code, tc.message)
				if n := len(status.Convert(err).Details()); n != tc.details {
					t.Errorf("%d details, want %d", n, tc.details)
				}
				if errors.Is(err, tc.err) && tc.name == "a plain error" {
					t.Error("the error itself reached the client")
				}
				stream, err := conn.NewStream(t.Context(), &echoService.Streams[0], serverMethod)
				if err != nil {
					t.Fatal(err)
				}
				_, err = receiveAll(stream)
				expectStatus(t, err, tc.code, tc.message)
			})
		})
	}
}

func TestUnknownMethods(t *testing.T) {
	onEach(t, &echo{}, interceptors{}, func(t *testing.T, conn grpc.ClientConnInterface) {
		err := conn.Invoke(t.Context(), "/test.Echo/Nothing", object("x"), object(""))
		expectStatus(t, err, codes.Unimplemented, "")
		err = conn.Invoke(t.Context(), "/test.Other/Unary", object("x"), object(""))
		expectStatus(t, err, codes.Unimplemented, "")
	})
}

func TestThePeerIsWhomTheCallIsMadeFor(t *testing.T) {
	conn := inProcess(false)(t, &echo{unary: func(ctx context.Context, _ *cmfv1.JsonObject) (*cmfv1.JsonObject, error) {
		p, _ := peer.FromContext(ctx)
		return object(p.Addr.String()), nil
	}}, interceptors{})
	client := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 4711}
	for want, ctx := range map[string]context.Context{
		"inprocess": t.Context(), "192.0.2.1:4711": inprocess.WithClientAddress(t.Context(), client),
	} {
		reply := object("")
		if err := conn.Invoke(ctx, unaryMethod, object("x"), reply); err != nil || reply.GetJson() != want {
			t.Errorf("the peer is %s, want %s: %v", reply.GetJson(), want, err)
		}
	}
}

func TestMetadataIsSentInBothDirections(t *testing.T) {
	service := &echo{unary: func(ctx context.Context, _ *cmfv1.JsonObject) (*cmfv1.JsonObject, error) {
		in, _ := metadata.FromIncomingContext(ctx)
		if err := grpc.SetHeader(ctx, metadata.Pairs("seen", in.Get("sent")[0])); err != nil {
			return nil, err
		}
		if err := grpc.SetHeader(ctx, metadata.Pairs("seen-bin", in.Get("bytes-bin")[0])); err != nil {
			return nil, err
		}
		if method, _ := grpc.Method(ctx); method != unaryMethod {
			return nil, fmt.Errorf("the method is %s", method)
		}
		if p, ok := peer.FromContext(ctx); !ok || p.Addr == nil {
			return nil, errors.New("there is no peer")
		}
		if err := grpc.SetTrailer(ctx, metadata.Pairs("last", "word")); err != nil {
			return nil, err
		}
		if in.Get("fail") != nil {
			return nil, status.Error(codes.NotFound, "as asked")
		}
		return object("x"), nil
	}}
	onEach(t, service, interceptors{}, func(t *testing.T, conn grpc.ClientConnInterface) {
		for _, pairs := range [][]string{{}, {"fail", "yes"}} {
			ctx := metadata.AppendToOutgoingContext(t.Context(), append(pairs, "Sent", "hello", "bytes-bin", "\x00\xff")...)
			var header, trailer metadata.MD
			err := conn.Invoke(ctx, unaryMethod, object("x"), object(""), grpc.Header(&header), grpc.Trailer(&trailer))
			if (err != nil) != (len(pairs) > 0) {
				t.Fatal(err)
			}
			want := metadata.MD{"seen": {"hello"}, "seen-bin": {"\x00\xff"}}
			delete(header, "content-type") // of gRPC itself
			if diff := cmp.Diff(want, header); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"word"}, trailer.Get("last")); diff != "" {
				t.Errorf("trailer (-want +got):\n%s", diff)
			}
		}
	})
}

func TestTheHeaderIsSentOnlyOnce(t *testing.T) {
	service := &echo{unary: func(ctx context.Context, _ *cmfv1.JsonObject) (*cmfv1.JsonObject, error) {
		if err := grpc.SendHeader(ctx, metadata.Pairs("a", "1")); err != nil {
			return nil, err
		}
		if grpc.SendHeader(ctx, metadata.Pairs("a", "2")) == nil || grpc.SetHeader(ctx, metadata.Pairs("a", "3")) == nil {
			return nil, errors.New("the header was sent again")
		}
		return object("x"), nil
	}}
	onEach(t, service, interceptors{}, func(t *testing.T, conn grpc.ClientConnInterface) {
		var header metadata.MD
		if err := conn.Invoke(t.Context(), unaryMethod, object("x"), object(""), grpc.Header(&header)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"1"}, header.Get("a")); diff != "" {
			t.Errorf("header (-want +got):\n%s", diff)
		}
	})
}

type clientKey struct{}

// TestContextValuesAreNotPassedOn: what the client's context holds is its own affair, the
// more so what it sends.
func TestContextValuesAreNotPassedOn(t *testing.T) {
	service := &echo{unary: func(ctx context.Context, _ *cmfv1.JsonObject) (*cmfv1.JsonObject, error) {
		if ctx.Value(clientKey{}) != nil {
			return nil, errors.New("a value of the client's is there")
		}
		if _, ok := metadata.FromOutgoingContext(ctx); ok {
			return nil, errors.New("the client's metadata would be sent on")
		}
		if in, _ := metadata.FromIncomingContext(ctx); in.Get("older") != nil {
			return nil, errors.New("the client's own incoming metadata is there")
		}
		return object("x"), nil
	}}
	onEach(t, service, interceptors{}, func(t *testing.T, conn grpc.ClientConnInterface) {
		ctx := context.WithValue(t.Context(), clientKey{}, "x")
		ctx = metadata.NewIncomingContext(ctx, metadata.Pairs("older", "x"))
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "secret")
		if err := conn.Invoke(ctx, unaryMethod, object("x"), object("")); err != nil {
			t.Error(err)
		}
	})
}

func TestDeadlinesArePassedOn(t *testing.T) {
	service := &echo{unary: func(ctx context.Context, in *cmfv1.JsonObject) (*cmfv1.JsonObject, error) {
		if in.GetJson() == "wait" {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		deadline, ok := ctx.Deadline()
		return object(fmt.Sprint(ok, ok && time.Until(deadline) > 50*time.Minute)), nil
	}}
	onEach(t, service, interceptors{}, func(t *testing.T, conn grpc.ClientConnInterface) {
		ask := func(ctx context.Context, what string) (string, error) {
			out := object("")
			err := conn.Invoke(ctx, unaryMethod, object(what), out)
			return out.GetJson(), err
		}
		if got, err := ask(t.Context(), "deadline"); err != nil || got != "false false" {
			t.Errorf("without a deadline the handler has %q, %v", got, err)
		}
		bounded, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if got, err := ask(bounded, "deadline"); err != nil || got != "true true" {
			t.Errorf("of an hour the handler has %q, %v", got, err)
		}
		short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		_, err := ask(short, "wait")
		expectStatus(t, err, codes.DeadlineExceeded, "")
		_, err = ask(short, "deadline") // it is over already
		expectStatus(t, err, codes.DeadlineExceeded, "")
	})
}

func TestCancellationIsPassedOn(t *testing.T) {
	began, ended := make(chan struct{}, 1), make(chan error, 1)
	service := &echo{unary: func(ctx context.Context, _ *cmfv1.JsonObject) (*cmfv1.JsonObject, error) {
		// Contexts made of the handler's end with it too.
		inner, cancel := context.WithCancel(context.WithValue(ctx, clientKey{}, "x"))
		defer cancel()
		began <- struct{}{}
		<-inner.Done()
		ended <- ctx.Err()
		return nil, ctx.Err()
	}}
	onEach(t, service, interceptors{}, func(t *testing.T, conn grpc.ClientConnInterface) {
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 1)
		go func() { result <- conn.Invoke(ctx, unaryMethod, object("x"), object("")) }()
		<-began
		cancel()
		expectStatus(t, <-result, codes.Canceled, "")
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the handler's context ended with %v", err)
		}
		expectStatus(t, conn.Invoke(ctx, unaryMethod, object("x"), object("")), codes.Canceled, "")
	})
}

// TestTheHandlersContextEndsWithTheCall, so that what it left running stops.
func TestTheHandlersContextEndsWithTheCall(t *testing.T) {
	contexts := make(chan context.Context, 1)
	service := &echo{unary: func(ctx context.Context, _ *cmfv1.JsonObject) (*cmfv1.JsonObject, error) {
		contexts <- ctx
		return object("x"), nil
	}}
	onEach(t, service, interceptors{}, func(t *testing.T, conn grpc.ClientConnInterface) {
		if err := conn.Invoke(t.Context(), unaryMethod, object("x"), object("")); err != nil {
			t.Fatal(err)
		}
		<-(<-contexts).Done()
	})
}

func TestInterceptorsRunInOrder(t *testing.T) {
	var order []string
	named := func(name string) grpc.UnaryServerInterceptor {
		return func(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			order = append(order, name+" "+info.FullMethod)
			return handler(ctx, request)
		}
	}
	service := &echo{unary: func(context.Context, *cmfv1.JsonObject) (*cmfv1.JsonObject, error) {
		order = append(order, "handler")
		return object("x"), nil
	}}
	with := interceptors{unary: []grpc.UnaryServerInterceptor{named("first"), named("second"), named("third")}}
	onEach(t, service, with, func(t *testing.T, conn grpc.ClientConnInterface) {
		order = nil
		if err := conn.Invoke(t.Context(), unaryMethod, object("x"), object("")); err != nil {
			t.Fatal(err)
		}
		want := []string{"first " + unaryMethod, "second " + unaryMethod, "third " + unaryMethod, "handler"}
		if diff := cmp.Diff(want, order); diff != "" {
			t.Errorf("order (-want +got):\n%s", diff)
		}
	})
}

// TestTheTraceIsPassedOn in process; over a socket that is the work of otelgrpc.
func TestTheTraceIsPassedOn(t *testing.T) {
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled})
	service := &echo{unary: func(ctx context.Context, _ *cmfv1.JsonObject) (*cmfv1.JsonObject, error) {
		return object(trace.SpanContextFromContext(ctx).TraceID().String()), nil
	}}
	conn := inProcess(false)(t, service, interceptors{})
	out := object("")
	if err := conn.Invoke(trace.ContextWithSpanContext(t.Context(), span), unaryMethod, object("x"), out); err != nil {
		t.Fatal(err)
	}
	if out.GetJson() != span.TraceID().String() {
		t.Errorf("the handler is part of trace %s", out.GetJson())
	}
}
