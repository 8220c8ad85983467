package gateway_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/openweir/weir/gateway"
	"github.com/openweir/weir/internal/await"
)

func serve(t *testing.T, handler http.Handler) (address string, stop context.CancelFunc, served <-chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	listener, done := listen(t), make(chan error, 1)
	go func() { done <- gateway.Serve(ctx, listener, handler, nil, quiet()) }()
	return listener.Addr().String(), cancel, done
}

func get(t *testing.T, address string) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

// TestShutdownWaitsForRequests that are under way.
func TestShutdownWaitsForRequests(t *testing.T) {
	begun, proceed := make(chan struct{}), make(chan struct{})
	address, stop, served := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(begun)
		<-proceed
		_, _ = io.WriteString(w, "whole")
	}))
	go func() {
		<-begun
		stop()
		close(proceed)
	}()
	response := get(t, address)
	if body, err := io.ReadAll(response.Body); string(body) != "whole" || err != nil {
		t.Errorf("answered %q, %v", body, err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// TestShutdownIsBounded, neither for requests nor for connections
// that idle.
func TestShutdownIsBounded(t *testing.T) {
	begun := make(chan struct{})
	address, stop, served := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
	}))
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-begun
	stop()
	if err := await.Receive(t, "the end of the server", served); err != nil {
		t.Error(err)
	}
}

func TestServeReturnsTheCause(t *testing.T) {
	listener := listen(t)
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	err := gateway.Serve(t.Context(), listener, http.NotFoundHandler(), nil, quiet())
	if err == nil || !strings.Contains(err.Error(), listener.Addr().String()) {
		t.Errorf("error %v", err)
	}
}

func TestHeadersAreBounded(t *testing.T) {
	s := start(t, newControl())
	got := s.do(t, "GET", "/healthz", "", "X-Big: "+strings.Repeat("x", 128<<10))
	if got.status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d", got.status)
	}
}
