// Package tunnel forwards requests of the control plane to the REST APIs of the
// Flink clusters of a workload cluster. It is read-only, and connects only to
// what the FlinkDeployment of a request resolves to. The protocol is specified
// at TunnelRequest in proto/cmf/agent/v1/agent.proto.
package tunnel

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/openweir/weir/agent/flinkendpoint"
	"github.com/openweir/weir/flink"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

const (
	// maxFetches is the maximum number of concurrent requests, as specified by the
	// protocol.
	maxFetches = 64
	// maxPiece is the maximum part of a body in one message, in bytes.
	maxPiece = 32 << 10
)

// Limits of one response. Zero fields stand for the defaults.
type Limits struct {
	// Head is the time until Flink must respond; 30 s.
	Head time.Duration
	// Stall is the time that a response may make no progress, be it because of
	// Flink or of the client; 60 s.
	Stall time.Duration
	// Total is the maximum duration of a response; 30 min.
	Total time.Duration
	// Body is the maximum size of a body, in bytes; 4 GiB.
	Body int64
}

func (l Limits) withDefaults() Limits {
	return Limits{
		Head:  cmp.Or(l.Head, 30*time.Second),
		Stall: cmp.Or(l.Stall, time.Minute),
		Total: cmp.Or(l.Total, 30*time.Minute),
		Body:  cmp.Or(l.Body, 4<<30),
	}
}

// Config is what a Tunnel needs.
type Config struct {
	// Resolver finds Flink clusters. If nil, there are none.
	Resolver flinkendpoint.Resolver
	// Namespaces restricts the tunnel to these namespaces. Empty means all.
	Namespaces []string
	// Send takes the replies, and returns at once.
	Send   func(*agentv1.TunnelReply)
	Log    *slog.Logger
	Limits Limits
}

// Tunnel replies to requests for Flink's REST API.
type Tunnel struct {
	config    Config
	transport *http.Transport

	mu      sync.Mutex
	fetches map[string]*fetch // by request
	closed  bool
	running sync.WaitGroup
}

// fetch is one request in progress.
type fetch struct {
	request *agentv1.TunnelRequest
	window  *window
	cancel  context.CancelCauseFunc
}

// New returns a tunnel.
func New(config Config) *Tunnel {
	config.Limits = config.Limits.withDefaults()
	return &Tunnel{config: config, transport: newTransport(), fetches: map[string]*fetch{}}
}

// Open starts to serve a request, and returns at once.
func (t *Tunnel) Open(m *agentv1.TunnelRequest) {
	ctx, cancel := context.WithCancelCause(context.Background()) //nolint:forbidigo // a request ends with Cancel, Reset or Close
	f := &fetch{request: m, window: newWindow(m.GetWindow()), cancel: cancel}
	if err := t.admit(f); err != nil {
		cancel(nil)
		t.end(m, failureOf(ctx, err))
		return
	}
	go func() {
		defer t.running.Done()
		defer cancel(nil)
		err := t.serve(ctx, f)
		t.remove(f)
		if err != nil {
			t.end(m, failureOf(ctx, err))
			return
		}
		t.end(m, nil)
	}()
}

func (t *Tunnel) admit(f *fetch) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed:
		return errCancelled
	case t.fetches[f.request.GetRequestId()] != nil:
		return refuse(agentv1.TunnelFailure_TUNNEL_FAILURE_INVALID, "The request id is already in use.")
	case len(t.fetches) >= maxFetches:
		return refuse(agentv1.TunnelFailure_TUNNEL_FAILURE_BUSY, "The agent is serving its maximum number of web UI requests. Try again.")
	}
	t.fetches[f.request.GetRequestId()] = f
	t.running.Add(1)
	return nil
}

func (t *Tunnel) remove(f *fetch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.fetches, f.request.GetRequestId())
}

// Credit extends the window of a request.
func (t *Tunnel) Credit(m *agentv1.TunnelCredit) {
	t.mu.Lock()
	f := t.fetches[m.GetRequestId()]
	t.mu.Unlock()
	if f != nil {
		f.window.grant(m.GetBytes())
	}
}

// Cancel cancels a request.
func (t *Tunnel) Cancel(m *agentv1.TunnelCancel) {
	t.mu.Lock()
	f := t.fetches[m.GetRequestId()]
	t.mu.Unlock()
	if f != nil {
		f.cancel(errCancelled)
	}
}

// Reset cancels all requests: their session has ended.
func (t *Tunnel) Reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, f := range t.fetches {
		f.cancel(errCancelled)
	}
}

// Close cancels all requests, rejects further ones, and waits until all have
// ended.
func (t *Tunnel) Close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.Reset()
	t.running.Wait()
	t.transport.CloseIdleConnections()
}

func (t *Tunnel) end(m *agentv1.TunnelRequest, f *failure) {
	end := &agentv1.TunnelEnd{}
	if f != nil {
		end.Failure, end.Message = f.kind, f.message
		t.config.Log.Debug("web UI request failed", "namespace", m.GetRef().GetNamespace(), "deployment", m.GetRef().GetName(),
			"path", m.GetPath(), "failure", f.kind, "error", f.Error())
	}
	t.config.Send(&agentv1.TunnelReply{RequestId: m.GetRequestId(), Part: &agentv1.TunnelReply_End{End: end}})
}

// serve sends all of the reply but its end.
func (t *Tunnel) serve(ctx context.Context, f *fetch) error {
	total := time.AfterFunc(t.config.Limits.Total, func() { f.cancel(errLong) })
	defer total.Stop()
	head := time.AfterFunc(t.config.Limits.Head, func() { f.cancel(errHead) })
	defer head.Stop()
	base, err := t.target(ctx, f.request)
	if err != nil {
		return err
	}
	request, err := newRequest(ctx, base, f.request)
	if err != nil {
		return err
	}
	// Not through an http.Client, which would follow redirects.
	response, err := t.transport.RoundTrip(request)
	if err != nil {
		return fmt.Errorf("send the request to Flink: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	head.Stop()
	header, err := headOf(response)
	if err != nil {
		return err
	}
	if response.ContentLength > t.config.Limits.Body {
		return t.tooLarge()
	}
	t.config.Send(&agentv1.TunnelReply{RequestId: f.request.GetRequestId(), Part: &agentv1.TunnelReply_Head{Head: header}})
	if f.request.GetMethod() == http.MethodHead {
		return nil
	}
	return t.body(ctx, f, response.Body)
}

// target returns the base URL for a request.
func (t *Tunnel) target(ctx context.Context, m *agentv1.TunnelRequest) (*url.URL, error) {
	if err := checkRequest(m); err != nil {
		return nil, err
	}
	ref := m.GetRef()
	switch {
	case t.config.Resolver == nil:
		return nil, refuse(agentv1.TunnelFailure_TUNNEL_FAILURE_UNSUPPORTED, "The agent cannot reach Flink clusters in this workload cluster.")
	case ref.GetApiVersion() != flink.APIVersion || ref.GetKind() != flink.KindDeployment:
		return nil, refuse(agentv1.TunnelFailure_TUNNEL_FAILURE_INVALID, "%s %s has no web UI; only a FlinkDeployment has.", ref.GetApiVersion(), ref.GetKind())
	case len(t.config.Namespaces) > 0 && !slices.Contains(t.config.Namespaces, ref.GetNamespace()):
		return nil, refuse(agentv1.TunnelFailure_TUNNEL_FAILURE_INVALID, "The agent is not configured for namespace '%s'.", ref.GetNamespace())
	}
	base, err := t.config.Resolver.REST(ctx, ref.GetNamespace(), ref.GetName())
	if err != nil {
		return nil, fmt.Errorf("find the Flink cluster: %w", err)
	}
	return base, nil
}

// body forwards a body in pieces.
func (t *Tunnel) body(ctx context.Context, f *fetch, body io.Reader) error {
	stalled := time.AfterFunc(t.config.Limits.Stall, func() { f.cancel(errStalled) })
	defer stalled.Stop()
	piece := make([]byte, maxPiece)
	for sent := int64(0); ; {
		size, err := f.window.take(ctx, maxPiece)
		if err != nil {
			return err
		}
		n, err := body.Read(piece[:size])
		f.window.grant(size - int64(n))
		if sent += int64(n); sent > t.config.Limits.Body {
			return t.tooLarge()
		}
		if n > 0 {
			stalled.Reset(t.config.Limits.Stall)
			t.config.Send(&agentv1.TunnelReply{RequestId: f.request.GetRequestId(), Part: &agentv1.TunnelReply_Body{Body: bytes.Clone(piece[:n])}})
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the response of Flink: %w", err)
		}
	}
}

func (t *Tunnel) tooLarge() error {
	return refuse(agentv1.TunnelFailure_TUNNEL_FAILURE_BAD_ANSWER, "The response of Flink is larger than %d bytes.", t.config.Limits.Body)
}
