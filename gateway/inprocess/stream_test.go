package inprocess_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/openweir/weir/gateway/inprocess"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestServerStreams(t *testing.T) {
	const n = 100 // more than any window
	service := &echo{stream: func(s grpc.ServerStream) error {
		in := new(cmfv1.JsonObject)
		if err := s.RecvMsg(in); err != nil {
			return err
		}
		if err := s.SendHeader(metadata.Pairs("a", "1")); err != nil {
			return err
		}
		s.SetTrailer(metadata.Pairs("b", "2"))
		reused := new(cmfv1.JsonObject)
		for i := range n {
			reused.Json = fmt.Sprint(in.GetJson(), i)
			if err := s.SendMsg(reused); err != nil {
				return err
			}
		}
		return status.Error(codes.Aborted, "enough")
	}}
	onEach(t, service, interceptors{}, func(t *testing.T, conn grpc.ClientConnInterface) {
		stream, err := conn.NewStream(t.Context(), &echoService.Streams[0], serverMethod)
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.SendMsg(object("x")); err != nil {
			t.Fatal(err)
		}
		if err := stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
		if header, err := stream.Header(); err != nil || header.Get("a") == nil {
			t.Errorf("header %v, %v", header, err)
		}
		got, err := receiveAll(stream)
		expectStatus(t, err, codes.Aborted, "enough")
		var want []string
		for i := range n {
			want = append(want, fmt.Sprint("x", i))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("messages (-want +got):\n%s", diff)
		}
		if stream.Trailer().Get("b") == nil {
			t.Errorf("trailer %v", stream.Trailer())
		}
	})
}

func TestClientStreams(t *testing.T) {
	service := &echo{stream: func(s grpc.ServerStream) error {
		sum := ""
		for {
			in := new(cmfv1.JsonObject)
			if err := s.RecvMsg(in); errors.Is(err, io.EOF) {
				return s.SendMsg(object(sum))
			} else if err != nil {
				return err
			}
			sum += in.GetJson()
		}
	}}
	onEach(t, service, interceptors{}, func(t *testing.T, conn grpc.ClientConnInterface) {
		stream, err := conn.NewStream(t.Context(), &echoService.Streams[1], clientMethod)
		if err != nil {
			t.Fatal(err)
		}
		for range 50 {
			if err := stream.SendMsg(object("x")); err != nil {
				t.Fatal(err)
			}
		}
		if err := stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
		out := new(cmfv1.JsonObject)
		if err := stream.RecvMsg(out); err != nil || len(out.GetJson()) != 50 {
			t.Errorf("got %q, %v", out.GetJson(), err)
		}
	})
}

func TestBidirectionalStreams(t *testing.T) {
	var order []string
	service := &echo{stream: func(s grpc.ServerStream) error {
		for {
			in := new(cmfv1.JsonObject)
			if err := s.RecvMsg(in); err != nil {
				return nil
			}
			if err := s.SendMsg(object(in.GetJson() + "!")); err != nil {
				return err
			}
		}
	}}
	with := interceptors{stream: []grpc.StreamServerInterceptor{
		func(service any, s grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
			order = append(order, fmt.Sprint("first ", info.FullMethod, info.IsClientStream, info.IsServerStream))
			return handler(service, s)
		},
		func(service any, s grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
			order = append(order, "second")
			return handler(service, s)
		},
	}}
	onEach(t, service, with, func(t *testing.T, conn grpc.ClientConnInterface) {
		order = nil
		stream, err := conn.NewStream(t.Context(), &echoService.Streams[2], bidiMethod)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 50 {
			if err := stream.SendMsg(object(fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
			out := new(cmfv1.JsonObject)
			if err := stream.RecvMsg(out); err != nil || out.GetJson() != fmt.Sprint(i, "!") {
				t.Fatalf("got %q, %v", out.GetJson(), err)
			}
		}
		if err := stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
		if got, err := receiveAll(stream); len(got) > 0 || err != nil {
			t.Errorf("after the end %q, %v", got, err)
		}
		if diff := cmp.Diff([]string{"first " + bidiMethod + "true true", "second"}, order); diff != "" {
			t.Errorf("interceptors (-want +got):\n%s", diff)
		}
	})
}

func TestCancellationEndsAStream(t *testing.T) {
	ended := make(chan error, 1)
	service := &echo{stream: func(s grpc.ServerStream) error {
		for {
			if err := s.SendMsg(object("x")); err != nil {
				ended <- err
				return err
			}
		}
	}}
	onEach(t, service, interceptors{}, func(t *testing.T, conn grpc.ClientConnInterface) {
		ctx, cancel := context.WithCancel(t.Context())
		stream, err := conn.NewStream(ctx, &echoService.Streams[0], serverMethod)
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.RecvMsg(new(cmfv1.JsonObject)); err != nil {
			t.Fatal(err)
		}
		cancel()
		_, err = receiveAll(stream)
		expectStatus(t, err, codes.Canceled, "")
		if err := <-ended; err == nil {
			t.Error("the handler could go on sending")
		}
	})
}

// TestCloseWaitsForStreams and refuses calls after it.
func TestCloseWaitsForStreams(t *testing.T) {
	begun, ended := make(chan struct{}), false
	service := &echo{stream: func(s grpc.ServerStream) error {
		close(begun)
		<-s.Context().Done()
		ended = true
		return nil
	}}
	conn := inProcess(false)(t, service, interceptors{}).(*inprocess.Conn)
	if _, err := conn.NewStream(t.Context(), &echoService.Streams[0], serverMethod); err != nil {
		t.Fatal(err)
	}
	<-begun
	conn.Close()
	if !ended {
		t.Error("Close did not wait")
	}
	expectStatus(t, conn.Invoke(t.Context(), unaryMethod, object("x"), object("")), codes.Canceled, "")
	_, err := conn.NewStream(t.Context(), &echoService.Streams[0], serverMethod)
	expectStatus(t, err, codes.Canceled, "")
}

func TestLateAndDuplicateRegistrationPanics(t *testing.T) {
	refused := func(name string, f func()) {
		t.Helper()
		defer func() {
			if recover() == nil {
				t.Errorf("%s was taken", name)
			}
		}()
		f()
	}
	conn := inProcess(false)(t, &echo{}, interceptors{}).(*inprocess.Conn)
	refused("the same service twice", func() { conn.RegisterService(&echoService, &echo{}) })
	_ = conn.Invoke(t.Context(), "/nothing", nil, nil)
	refused("a service after the first call", func() {
		conn.RegisterService(&grpc.ServiceDesc{ServiceName: "late"}, nil)
	})
}
