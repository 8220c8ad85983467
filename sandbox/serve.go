package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// shutdownGrace is how long requests in progress may take to complete.
const shutdownGrace = 500 * time.Millisecond

// serve answers HTTP until the context ends, and returns when every request
// has.
func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	var requests requests
	server := &http.Server{
		Handler:           requests.counted(handler),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		// Watches end with the context.
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		requests.end()
		return fmt.Errorf("serve the sandbox's API: %w", err)
	case <-ctx.Done():
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	err := server.Shutdown(limited)
	if errors.Is(err, context.DeadlineExceeded) {
		// Connections that sent nothing yet do not count as idle.
		err = server.Close()
	}
	if ended := <-failed; err == nil && !errors.Is(ended, http.ErrServerClosed) {
		err = ended
	}
	requests.end()
	if err != nil {
		return fmt.Errorf("stop the sandbox's API: %w", err)
	}
	return nil
}

// requests knows the requests in progress.
type requests struct {
	mu       sync.Mutex
	ended    bool
	progress sync.WaitGroup
}

// counted returns the handler with its requests counted; it answers none after
// end.
func (r *requests) counted(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if !r.begin() {
			return
		}
		defer r.progress.Done()
		handler.ServeHTTP(w, request)
	})
}

func (r *requests) begin() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return false
	}
	r.progress.Add(1)
	return true
}

// end waits for the requests in progress and lets no other begin.
func (r *requests) end() {
	r.mu.Lock()
	r.ended = true
	r.mu.Unlock()
	r.progress.Wait()
}
