// Package agent acts for the control plane in one workload cluster. It dials
// out to the control plane, applies what it is told to the cluster's API
// server, keeps it so, and reports back. Nothing ever dials in.
package agent

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"github.com/openweir/weir/agent/driver"
	"github.com/openweir/weir/agent/link"
	"github.com/openweir/weir/agent/tunnel"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// maxEvents is how many events the agent keeps for a control plane that does
// not answer.
const maxEvents = 1000

// maxMessage is how large a message of the control plane may be, in bytes. An
// API server accepts no object of more than about 1.5 MiB.
const maxMessage = 8 << 20

// Timing holds the intervals that tests shorten. Zero fields have the values of
// production.
type Timing struct {
	Backoff link.Backoff
	Driver  driver.Timing
}

// Agent is the agent of one workload cluster.
type Agent struct {
	link   *link.Link
	driver *driver.Driver
	tunnel *tunnel.Tunnel
	// statements is nil where the agent runs no statements.
	statements StatementDriver
}

// New makes an agent. It sends nothing before Run.
func New(config Config) (*Agent, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("configure the agent: %w", err)
	}
	log := config.Log
	if log == nil {
		log = slog.Default()
	}
	log = log.With("cluster", config.Cluster)
	outbox := link.NewOutbox(maxEvents)
	d, err := driver.New(driver.Config{
		Cluster:    config.Cluster,
		ProcessID:  uuid.NewString(),
		Version:    config.Version,
		Labels:     config.Labels,
		Kubernetes: config.Kubernetes,
		Namespaces: config.Namespaces,
		Reports:    outbox,
		Log:        log,
		Timing:     config.Timing.Driver,
	})
	if err != nil {
		return nil, fmt.Errorf("configure the agent: %w", err)
	}
	webUIs := tunnel.New(tunnel.Config{Resolver: config.Flink, Namespaces: config.Namespaces, Send: outbox.TunnelReply, Log: log})
	a := &Agent{driver: d, tunnel: webUIs}
	a.link = link.New(link.Config{
		Target:  config.ControlPlane,
		Dial:    config.dial,
		Handler: a.share(config.SQL, outbox),
		Outbox:  outbox,
		Fetch:   config.fetch(outbox),
		Tunnel:  webUIs,
		Log:     log,
		Backoff: config.Timing.Backoff,
	})
	return a, nil
}

// share gives statements to the SQL driver, if it runs any.
func (a *Agent) share(rows RowSource, outbox *link.Outbox) link.Handler {
	statements, runs := rows.(StatementDriver)
	if !runs {
		return a.driver
	}
	a.statements = statements
	statements.Report(outbox)
	return &handler{Driver: a.driver, statements: statements}
}

// fetch hands requests for rows to the one who has them, if there is one.
func (c Config) fetch(outbox *link.Outbox) func(*agentv1.FetchResults) {
	if c.SQL == nil {
		return nil
	}
	return func(request *agentv1.FetchResults) { c.SQL.Fetch(request, outbox.ResultPage) }
}

// Run acts until ctx ends, and returns once everything has come to rest. An
// identity that the control plane does not accept is no reason to end: it is
// logged, and tried again at most every half a minute, since tokens and
// certificates get mended while the agent runs.
func (a *Agent) Run(ctx context.Context) error {
	var all sync.WaitGroup
	all.Go(func() { a.driver.Run(ctx) })
	all.Go(func() { a.link.Run(ctx) })
	if a.statements != nil {
		all.Go(func() { a.statements.Run(ctx) })
	}
	all.Wait()
	a.tunnel.Close()
	return nil
}

// dial gives the options to dial the control plane with.
func (c Config) dial() ([]grpc.DialOption, error) {
	options, err := c.Identity.dialOptions()
	if err != nil {
		return nil, err
	}
	options = append(options,
		// Heartbeats find out a dead peer; this does so too while the agent waits
		// for Welcome. It must not be below what servers tolerate.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: time.Minute, Timeout: 20 * time.Second}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)),
		grpc.WithUserAgent("weir-agent/"+c.Version),
	)
	return append(options, c.DialOptions...), nil
}
