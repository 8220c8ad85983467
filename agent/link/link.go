// Package link is the agent's side of the stream to the control plane. It dials,
// sends Hello, heartbeats and the messages of the Outbox, passes what it receives
// to a Handler, and reconnects when the stream ends. The protocol is specified in
// proto/cmf/agent/v1/agent.proto.
package link

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// Handler handles the messages of the control plane. Its methods are not called
// concurrently, except for Heartbeat, and all but Hello must return at once.
type Handler interface {
	// Hello describes the cluster as it is now, for a new session.
	Hello(ctx context.Context) (*agentv1.Hello, error)
	// Heartbeat describes the health of the API server.
	Heartbeat() *agentv1.Heartbeat
	// Welcome begins a session. restored is the epoch from which on the control plane
	// knows everything that sessions have begun.
	Welcome(installation string, epoch, restored int64, decommissioned bool)
	// Apply, Delete, Orphan and Synced are the messages of the same names.
	Apply(*agentv1.Apply)
	Delete(*agentv1.Delete)
	Orphan(*agentv1.Orphan)
	Synced()
	// Decommissioned says that the cluster was decommissioned during a session.
	Decommissioned()
	// Disconnected ends a session. What is desired stays valid, unless the session
	// was superseded: then a newer session of the cluster is active, and the
	// handler must not act until the next Welcome.
	Disconnected(superseded bool)
}

// Config is what a Link needs.
type Config struct {
	// Target is the gRPC target of the control plane, such as "weir:9090".
	Target string
	// Dial returns the options to dial with, including credentials. It is called
	// for every attempt, so that renewed files are read.
	Dial    func() ([]grpc.DialOption, error)
	Handler Handler
	Outbox  *Outbox
	// Fetch puts rows of a query in the Outbox, and returns at once. If nil, the
	// agent replies that it has none.
	Fetch func(*agentv1.FetchResults)
	// Tunnel replies to requests for Flink's REST API. If nil, the agent replies
	// that it cannot.
	Tunnel Tunnel
	// Connected is set while there is a session; nil if nobody wants to know.
	Connected *atomic.Bool
	Log       *slog.Logger
	// Backoff is DefaultBackoff if it is zero.
	Backoff Backoff
	// WelcomeTimeout bounds the time from dialing to Welcome; 30 s if zero.
	WelcomeTimeout time.Duration
}

// Tunnel replies to requests for Flink's REST API through the Outbox. Its methods
// return at once.
type Tunnel interface {
	// Open, Credit and Cancel are the messages TunnelRequest, TunnelCredit and
	// TunnelCancel.
	Open(*agentv1.TunnelRequest)
	Credit(*agentv1.TunnelCredit)
	Cancel(*agentv1.TunnelCancel)
	// Reset cancels all requests: the session has ended or the cluster is
	// decommissioned.
	Reset()
}

// Link connects an agent to the control plane.
type Link struct {
	config Config
}

// New makes a link. It does nothing before Run.
func New(config Config) *Link {
	if config.Backoff == (Backoff{}) {
		config.Backoff = DefaultBackoff
	}
	if config.Fetch == nil {
		config.Fetch = func(m *agentv1.FetchResults) {
			config.Outbox.ResultPage(&agentv1.ResultPage{
				RequestId: m.GetRequestId(), Failure: agentv1.ResultFailure_RESULT_FAILURE_UNSUPPORTED,
				Message: "This agent runs no interactive statements, so it has no rows to fetch.",
			})
		}
	}
	if config.Tunnel == nil {
		config.Tunnel = noTunnel{config.Outbox}
	}
	if config.Connected == nil {
		config.Connected = new(atomic.Bool)
	}
	if config.WelcomeTimeout == 0 {
		config.WelcomeTimeout = 30 * time.Second
	}
	return &Link{config: config}
}

// Run runs one session after the other until ctx ends.
func (l *Link) Run(ctx context.Context) {
	failures := 0
	for {
		began := time.Now()
		err := l.session(ctx)
		if ctx.Err() != nil {
			return
		}
		if isWelcomed(err) {
			failures = l.config.Backoff.failuresAfter(time.Since(began), failures)
		}
		delay := l.delay(err, failures)
		l.logEnd(err, failures, delay)
		failures++
		if !sleep(ctx, delay) {
			return
		}
	}
}

// sessionError is why a session ended.
type sessionError struct {
	cause    error
	welcomed bool
}

func (e *sessionError) Error() string { return e.cause.Error() }
func (e *sessionError) Unwrap() error { return e.cause }

func isWelcomed(err error) bool {
	var e *sessionError
	return errors.As(err, &e) && e.welcomed
}

// errRenew ends a session because the agent itself requests a new one.
var errRenew = errors.New("the agent requested a new session")

func (l *Link) delay(err error, failures int) time.Duration {
	if errors.Is(err, errRenew) {
		return 0
	}
	switch status.Code(errors.Unwrap(err)) {
	case codes.Unauthenticated, codes.PermissionDenied, codes.Aborted:
		return l.config.Backoff.refused()
	}
	return l.config.Backoff.delay(failures)
}

func (l *Link) logEnd(err error, failures int, delay time.Duration) {
	log := l.config.Log.With("controlPlane", l.config.Target, "retryIn", delay.Round(time.Millisecond))
	if errors.Is(err, errRenew) {
		log.Info("starting a new session", "reason", err)
		return
	}
	switch status.Code(errors.Unwrap(err)) {
	case codes.Unauthenticated:
		log.Error("the control plane rejected this agent's token or client certificate; "+
			"provide a valid one (files are read again for every attempt)", "error", err)
	case codes.PermissionDenied:
		log.Error("the control plane does not permit this agent to act for the cluster: "+
			"its identity is for another cluster or banned, or the cluster was deleted", "error", err)
	case codes.Aborted:
		log.Error("superseded by a newer session of another agent for this cluster; "+
			"unless that agent replaces this one, two agents share one identity", "error", err)
	default:
		log.Warn("session with the control plane ended", "error", err, "attempt", failures+1)
	}
}

// sleep waits, and reports whether ctx is still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}

// session dials and runs one session until it ends.
func (l *Link) session(ctx context.Context) error {
	l.config.Outbox.clearRenewal()
	hello, err := l.config.Handler.Hello(ctx)
	if err != nil {
		return &sessionError{cause: fmt.Errorf("describe the cluster: %w", err)}
	}
	options, err := l.config.Dial()
	if err != nil {
		return &sessionError{cause: fmt.Errorf("prepare to dial %s: %w", l.config.Target, err)}
	}
	// A new connection for every session resolves the name again and may reach
	// another replica.
	conn, err := grpc.NewClient(l.config.Target, options...)
	if err != nil {
		return &sessionError{cause: fmt.Errorf("dial %s: %w", l.config.Target, err)}
	}
	defer func() { _ = conn.Close() }()

	s := &session{
		handler:   l.config.Handler,
		outbox:    l.config.Outbox,
		fetch:     l.config.Fetch,
		tunnel:    l.config.Tunnel,
		log:       l.config.Log,
		timeout:   l.config.WelcomeTimeout,
		connected: l.config.Connected,
	}
	cause := s.run(ctx, agentv1.NewFleetServiceClient(conn), hello)
	l.config.Connected.Store(false)
	if s.welcomed {
		l.config.Tunnel.Reset()
		l.config.Handler.Disconnected(status.Code(cause) == codes.Aborted)
	}
	return &sessionError{cause: cause, welcomed: s.welcomed}
}
