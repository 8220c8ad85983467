// Package tunnel fetches from the REST APIs of the Flink clusters of a workload
// cluster what the control plane asks for. It reads only, and reaches only for
// what the FlinkDeployment of a request resolves to. The protocol is specified
// at TunnelRequest in proto/cmf/agent/v1/agent.proto.
package tunnel

import (
	"bytes"
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
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

const (
	// maxFetches is how many requests may be under way, as the protocol has it.
	maxFetches = 64
	// maxPiece is how much of a body a message carries, in bytes.
	maxPiece = 32 << 10
)

// Limits of one answer. Zero fields have the values of production.
type Limits struct {
	// Head is how long Flink may take to begin; 30 s.
	Head time.Duration
	// Stall is how long an answer may stand still, for Flink's or the client's
	// sake; 60 s.
	Stall time.Duration
	// Total is how long an answer may take as a whole; 30 min.
	Total time.Duration
	// Body is how large a body may be, in bytes; 4 GiB.
	Body int64
}

func (l Limits) complete() Limits {
	defaults := Limits{Head: 30 * time.Second, Stall: time.Minute, Total: 30 * time.Minute, Body: 4 << 30}
	if l.Head == 0 {
		l.Head = defaults.Head
	}
	if l.Stall == 0 {
		l.Stall = defaults.Stall
	}
	if l.Total == 0 {
		l.Total = defaults.Total
	}
	if l.Body == 0 {
		l.Body = defaults.Body
	}
	return l
}

// Config is what a Tunnel needs.
type Config struct {
	// Resolver finds Flink clusters. Where it is nil there are none.
	Resolver flinkendpoint.Resolver
	// Namespaces are the only ones reached into; all where there are none.
	Namespaces []string
	// Send takes the answers, and returns at once.
	Send   func(*agentv1.TunnelReply)
	Log    *slog.Logger
	Limits Limits
}

// Tunnel answers requests for Flink's REST API.
type Tunnel struct {
	config    Config
	transport *http.Transport

	mu      sync.Mutex
	fetches map[string]*fetch // by request
	closed  bool
	running sync.WaitGroup
}

// fetch is one request under way.
type fetch struct {
	request *agentv1.TunnelRequest
	window  *window
	cancel  context.CancelCauseFunc
}

// New makes a tunnel.
func New(config Config) *Tunnel {
	config.Limits = config.Limits.complete()
	return &Tunnel{config: config, transport: newTransport(), fetches: map[string]*fetch{}}
}

// Open begins to answer a request, and returns at once.
func (t *Tunnel) Open(m *agentv1.TunnelRequest) {
	ctx, cancel := context.WithCancelCause(context.Background())
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
		t.dismiss(f)
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
		return refuse(agentv1.TunnelFailure_TUNNEL_FAILURE_INVALID, "The id of the request is in use.")
	case len(t.fetches) >= maxFetches:
		return refuse(agentv1.TunnelFailure_TUNNEL_FAILURE_BUSY, "The agent answers as many requests for web UIs as it can. Try again.")
	}
	t.fetches[f.request.GetRequestId()] = f
	t.running.Add(1)
	return nil
}

func (t *Tunnel) dismiss(f *fetch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.fetches, f.request.GetRequestId())
}

// Credit lets a request go on.
func (t *Tunnel) Credit(m *agentv1.TunnelCredit) {
	t.mu.Lock()
	f := t.fetches[m.GetRequestId()]
	t.mu.Unlock()
	if f != nil {
		f.window.grant(m.GetBytes())
	}
}

// Cancel ends a request.
func (t *Tunnel) Cancel(m *agentv1.TunnelCancel) {
	t.mu.Lock()
	f := t.fetches[m.GetRequestId()]
	t.mu.Unlock()
	if f != nil {
		f.cancel(errCancelled)
	}
}

// Reset ends all requests: the session that they came with has ended.
func (t *Tunnel) Reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, f := range t.fetches {
		f.cancel(errCancelled)
	}
}

// Close ends all requests, takes no more, and waits until nothing is left of
// them.
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
		t.config.Log.Debug("a request for a web UI failed", "namespace", m.GetRef().GetNamespace(), "deployment", m.GetRef().GetName(),
			"path", m.GetPath(), "failure", f.kind, "error", f.Error())
	}
	t.config.Send(&agentv1.TunnelReply{RequestId: m.GetRequestId(), Part: &agentv1.TunnelReply_End{End: end}})
}

// serve answers all but the end.
func (t *Tunnel) serve(ctx context.Context, f *fetch) error {
	whole := time.AfterFunc(t.config.Limits.Total, func() { f.cancel(errLong) })
	defer whole.Stop()
	slow := time.AfterFunc(t.config.Limits.Head, func() { f.cancel(errSlow) })
	defer slow.Stop()
	base, err := t.target(ctx, f.request)
	if err != nil {
		return err
	}
	request, err := newRequest(ctx, base, f.request)
	if err != nil {
		return err
	}
	// Not by a client, which would look at redirects.
	response, err := t.transport.RoundTrip(request)
	if err != nil {
		return fmt.Errorf("ask Flink: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	slow.Stop()
	head, err := headOf(response)
	if err != nil {
		return err
	}
	if response.ContentLength > t.config.Limits.Body {
		return t.tooLarge()
	}
	t.config.Send(&agentv1.TunnelReply{RequestId: f.request.GetRequestId(), Part: &agentv1.TunnelReply_Head{Head: head}})
	if f.request.GetMethod() == http.MethodHead {
		return nil
	}
	return t.body(ctx, f, response.Body)
}

// target is where the request goes.
func (t *Tunnel) target(ctx context.Context, m *agentv1.TunnelRequest) (*url.URL, error) {
	if err := checkRequest(m); err != nil {
		return nil, err
	}
	ref := m.GetRef()
	switch {
	case t.config.Resolver == nil:
		return nil, refuse(agentv1.TunnelFailure_TUNNEL_FAILURE_UNSUPPORTED, "No Flink runs in this workload cluster that the agent could reach.")
	case ref.GetApiVersion() != "flink.apache.org/v1beta1" || ref.GetKind() != "FlinkDeployment":
		return nil, refuse(agentv1.TunnelFailure_TUNNEL_FAILURE_INVALID, "%s %s has no web UI; a FlinkDeployment has.", ref.GetApiVersion(), ref.GetKind())
	case len(t.config.Namespaces) > 0 && !slices.Contains(t.config.Namespaces, ref.GetNamespace()):
		return nil, refuse(agentv1.TunnelFailure_TUNNEL_FAILURE_INVALID, "The agent does not work in namespace '%s'.", ref.GetNamespace())
	}
	base, err := t.config.Resolver.REST(ctx, ref.GetNamespace(), ref.GetName())
	if err != nil {
		return nil, fmt.Errorf("find the Flink cluster: %w", err)
	}
	return base, nil
}

// body sends a body in pieces.
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
			return fmt.Errorf("read Flink's answer: %w", err)
		}
	}
}

func (t *Tunnel) tooLarge() error {
	return refuse(agentv1.TunnelFailure_TUNNEL_FAILURE_BAD_ANSWER, "Flink's answer has more than %d bytes.", t.config.Limits.Body)
}
