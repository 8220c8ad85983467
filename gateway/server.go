package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/openweir/weir/gateway/inprocess"
)

// Limits of the HTTP server.
const (
	readHeaderTimeout = 10 * time.Second
	// readTimeout covers a whole request. A body of the default limit takes
	// this long at 70 KB/s.
	readTimeout = 60 * time.Second
	// writeTimeout covers the call and the response.
	writeTimeout   = 2 * time.Minute
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 64 << 10
	// readHeaderBytes is what is read of headers, so that requests with more than
	// maxHeaderBytes get an error of the API. Beyond that, HTTP/1 and, up to twice as
	// much, HTTP/2 respond with 431 by themselves; HTTP/2 then ends the connection.
	readHeaderBytes = 2 * maxHeaderBytes
	// ShutdownGrace is how long requests under way may take to end once the
	// server begins to shut down.
	ShutdownGrace = 10 * time.Second
)

// Serve serves HTTP on a listener until ctx ends, and closes it. hosts are the names
// that requests may be addressed to, see checkHost. Requests
// under way then have ShutdownGrace to end; those that do not are cut off, and
// watches end at once.
// The error is nil after an orderly end.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, hosts []string, log *slog.Logger) error {
	server := &http.Server{
		Handler:           checkHost(listener.Addr(), hosts, handler),
		BaseContext:       withStopping(ctx),
		ConnContext:       withClientAddress,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    readHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve HTTP on %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), ShutdownGrace)
	defer cancel()
	err := server.Shutdown(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		log.Warn("requests were aborted at shutdown", "grace", ShutdownGrace)
		err = server.Close()
	}
	if ended := <-served; err == nil && !errors.Is(ended, http.ErrServerClosed) {
		err = ended
	}
	if err != nil {
		return fmt.Errorf("shut the HTTP server on %s down: %w", listener.Addr(), err)
	}
	return nil
}

// withClientAddress makes the address of a client known to a control plane in the same
// process. Other connections do not look at the context.
func withClientAddress(ctx context.Context, conn net.Conn) context.Context {
	return inprocess.WithClientAddress(ctx, conn.RemoteAddr())
}
