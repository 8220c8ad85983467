package driver

import (
	"context"
	"io"
	"net/http"
	"sync"

	"k8s.io/client-go/rest"
)

// inMemory serves requests without sockets, so that a driver and its API server can
// run with the clock of testing/synctest.
func inMemory(handler http.Handler) *rest.Config {
	return &rest.Config{Host: "http://cluster", QPS: -1, Transport: memoryTransport{handler}}
}

type memoryTransport struct{ handler http.Handler }

func (m memoryTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(r.Context())
	body, w := io.Pipe()
	reply := &memoryReply{header: http.Header{}, body: w, begun: make(chan struct{})}
	served := r.Clone(ctx)
	if served.Body == nil {
		served.Body = http.NoBody
	}
	go func() {
		m.handler.ServeHTTP(reply, served)
		reply.WriteHeader(http.StatusOK)
		_ = w.Close()
	}()
	context.AfterFunc(ctx, func() { _ = body.CloseWithError(ctx.Err()) })
	select {
	case <-reply.begun:
	case <-ctx.Done():
		cancel()
		return nil, ctx.Err()
	}
	return &http.Response{
		StatusCode: reply.code, Status: http.StatusText(reply.code), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: reply.header, Body: memoryBody{body, cancel}, ContentLength: -1, Request: r,
	}, nil
}

// memoryReply is a reply whose body is read while it is written.
type memoryReply struct {
	header http.Header
	body   *io.PipeWriter
	once   sync.Once
	begun  chan struct{} // closed with the head
	code   int
}

func (r *memoryReply) Header() http.Header { return r.header }

func (r *memoryReply) WriteHeader(code int) {
	r.once.Do(func() {
		r.code = code
		r.header = r.header.Clone()
		close(r.begun)
	})
}

func (r *memoryReply) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(p)
}

func (r *memoryReply) Flush() { r.WriteHeader(http.StatusOK) }

// memoryBody ends the request when it is closed.
type memoryBody struct {
	*io.PipeReader
	cancel context.CancelFunc
}

func (b memoryBody) Close() error {
	b.cancel()
	return b.PipeReader.Close()
}
