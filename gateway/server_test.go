package gateway_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
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

// TestLargeHeadersGetAnError: one of the API, whatever the protocol, and the connection
// does not end without a word.
func TestLargeHeadersGetAnError(t *testing.T) {
	certified := httptest.NewTLSServer(http.NotFoundHandler())
	defer certified.Close()
	roots := x509.NewCertPool()
	roots.AddCert(certified.Certificate())
	handler, err := gateway.New(gateway.Config{Conn: inProcess(t, newControl()), Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	for protocol, name := range map[string]string{"http/1.1": "HTTP/1.1", "h2": "HTTP/2.0"} {
		t.Run(name, func(t *testing.T) {
			ctx, stop := context.WithCancel(context.Background())
			listener, served := listen(t), make(chan error, 1)
			secure := tls.NewListener(listener, &tls.Config{Certificates: certified.TLS.Certificates, NextProtos: []string{protocol}})
			go func() { served <- gateway.Serve(ctx, secure, handler, nil, quiet()) }()
			client := &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots}}}
			t.Cleanup(func() {
				client.CloseIdleConnections()
				stop()
				if err := await.Receive(t, "the end of the server", served); err != nil {
					t.Error(err)
				}
			})
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+listener.Addr().String()+"/healthz", nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Authorization", "Bearer "+strings.Repeat("x", 80<<10))
			response, err := client.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			if response.StatusCode != http.StatusRequestHeaderFieldsTooLarge || response.Proto != name || string(body) != errorBody("The headers of the request are larger than 65536 bytes.") {
				t.Errorf("%s responds with %d %s, %v", response.Proto, response.StatusCode, body, err)
			}
		})
	}
}
