// Package link keeps the agent's side of the stream to the control plane: it
// dials, says Hello, sends heartbeats and what is in the Outbox, hands what it
// hears to a Handler, and connects again whenever the stream ends. The protocol
// is specified in proto/cmf/agent/v1/agent.proto.
package link

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// Handler acts on what the control plane says. Its methods are never called
// concurrently, except for Heartbeat, and all but Hello must return at once.
type Handler interface {
	// Hello describes the cluster as it is now, for a new session.
	Hello(ctx context.Context) (*agentv1.Hello, error)
	// Heartbeat describes how the API server does.
	Heartbeat() *agentv1.Heartbeat
	// Welcome begins a session.
	Welcome(epoch int64, decommissioned bool)
	// Apply, Delete and Synced are the messages of the same names.
	Apply(*agentv1.Apply)
	Delete(*agentv1.Delete)
	Synced()
	// Decommissioned tells that the cluster has become so during a session.
	Decommissioned()
	// Disconnected tells that a session has ended. What the handler knows stays
	// right, unless superseded: then a newer session of the same cluster acts
	// on it and the handler must not, until the next Welcome.
	Disconnected(superseded bool)
}

// Config is what a Link needs.
type Config struct {
	// Target is the control plane as gRPC names it, such as "weir:9090".
	Target string
	// Dial gives the options to dial with, credentials among them. It is called
	// for every attempt, so that renewed files count.
	Dial    func() ([]grpc.DialOption, error)
	Handler Handler
	Outbox  *Outbox
	// Fetch has rows of a query put in the Outbox, and returns at once. Where it
	// is nil, the agent answers that it cannot.
	Fetch func(*agentv1.FetchResults)
	// Tunnel answers requests for Flink's REST API. Where it is nil, the agent
	// answers that it cannot.
	Tunnel Tunnel
	Log    *slog.Logger
	// Backoff is DefaultBackoff where it is zero.
	Backoff Backoff
	// WelcomeTimeout bounds the time from dialling to Welcome; 30 s where zero.
	WelcomeTimeout time.Duration
}

// Tunnel answers requests for Flink's REST API by the Outbox. Its methods return
// at once.
type Tunnel interface {
	// Open, Credit and Cancel are the messages TunnelRequest, TunnelCredit and
	// TunnelCancel.
	Open(*agentv1.TunnelRequest)
	Credit(*agentv1.TunnelCredit)
	Cancel(*agentv1.TunnelCancel)
	// Reset tells that nobody waits for answers any more: the session has ended,
	// or the cluster is decommissioned.
	Reset()
}

// Link connects an agent with the control plane.
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
				Message: "This release of the agent runs no interactive statements on Flink, so there are no rows to fetch.",
			})
		}
	}
	if config.Tunnel == nil {
		config.Tunnel = noTunnel{config.Outbox}
	}
	if config.WelcomeTimeout == 0 {
		config.WelcomeTimeout = 30 * time.Second
	}
	return &Link{config: config}
}

// Run holds one session after the other until ctx ends.
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
		l.report(err, failures, delay)
		failures++
		if !sleep(ctx, delay) {
			return
		}
	}
}

// ended says how a session ended.
type ended struct {
	cause    error
	welcomed bool
}

func (e *ended) Error() string { return e.cause.Error() }
func (e *ended) Unwrap() error { return e.cause }

func isWelcomed(err error) bool {
	var e *ended
	return errors.As(err, &e) && e.welcomed
}

// errRenew ends a session because the agent itself wants a new one.
var errRenew = errors.New("the agent asked for a new session")

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

func (l *Link) report(err error, failures int, delay time.Duration) {
	log := l.config.Log.With("controlPlane", l.config.Target, "retryIn", delay.Round(time.Millisecond))
	if errors.Is(err, errRenew) {
		log.Info("begin a new session", "reason", err)
		return
	}
	switch status.Code(errors.Unwrap(err)) {
	case codes.Unauthenticated:
		log.Error("the control plane does not accept this agent's token or client certificate; "+
			"give the agent a valid one (files are read anew for every attempt)", "error", err)
	case codes.PermissionDenied:
		log.Error("the control plane does not let this agent's identity act for the cluster; "+
			"the identity and the cluster's name must belong together", "error", err)
	case codes.Aborted:
		log.Error("another agent has begun a newer session for this cluster, and this one stands back; "+
			"if that was not a replacement of this agent, two agents share one identity", "error", err)
	default:
		log.Warn("no session with the control plane", "error", err, "attempt", failures+1)
	}
}

// sleep waits, and says whether ctx still lives.
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

// session dials and holds one session until it ends.
func (l *Link) session(ctx context.Context) error {
	l.config.Outbox.renewing()
	hello, err := l.config.Handler.Hello(ctx)
	if err != nil {
		return &ended{cause: fmt.Errorf("describe the cluster: %w", err)}
	}
	options, err := l.config.Dial()
	if err != nil {
		return &ended{cause: fmt.Errorf("prepare to dial %s: %w", l.config.Target, err)}
	}
	// A connection of its own for every session leaves nothing behind of a dead
	// one, resolves the name anew and may meet another replica.
	conn, err := grpc.NewClient(l.config.Target, options...)
	if err != nil {
		return &ended{cause: fmt.Errorf("dial %s: %w", l.config.Target, err)}
	}
	defer func() { _ = conn.Close() }()

	s := &session{
		handler: l.config.Handler,
		outbox:  l.config.Outbox,
		fetch:   l.config.Fetch,
		tunnel:  l.config.Tunnel,
		log:     l.config.Log,
		timeout: l.config.WelcomeTimeout,
	}
	cause := s.run(ctx, agentv1.NewFleetServiceClient(conn), hello)
	if s.welcomed {
		l.config.Tunnel.Reset()
		l.config.Handler.Disconnected(status.Code(cause) == codes.Aborted)
	}
	return &ended{cause: cause, welcomed: s.welcomed}
}
