// Package agent acts for the control plane in one workload cluster. It dials
// out to the control plane, keeps the cluster's objects in the desired state,
// and reports back. Nothing dials in.
package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
	"k8s.io/client-go/rest"

	"github.com/openweir/weir/agent/certificate"
	"github.com/openweir/weir/agent/driver"
	"github.com/openweir/weir/agent/fence"
	"github.com/openweir/weir/agent/link"
	"github.com/openweir/weir/agent/policyfile"
	"github.com/openweir/weir/agent/sql"
	"github.com/openweir/weir/agent/tunnel"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// maxEvents is the number of events that the agent keeps until the control plane
// has acknowledged them.
const maxEvents = 1000

// maxMessage is the maximum size of a message of the control plane, in bytes. An
// API server accepts no object of more than about 1.5 MiB.
const maxMessage = 8 << 20

// Timing holds the intervals that tests and sandboxes shorten. Zero fields have the values of
// production.
type Timing struct {
	Backoff link.Backoff
	Driver  driver.Timing
}

// Agent is the agent of one workload cluster.
type Agent struct {
	config Config
	fence  *fence.Fence
	outbox *link.Outbox
	tunnel *tunnel.Tunnel
	// drivers share the objects: the first one that handles an object gets it.
	drivers []ObjectDriver
	health  HealthSource
	// results is nil if the cluster runs no statements.
	results ResultSource
	// connected is set while there is a session with the control plane.
	connected atomic.Bool
	// certificate is nil if the agent does not join by token.
	certificate *certificate.Certificate
	// follow follows the file of policies, if there is one, until its context ends.
	follow   func(context.Context)
	requests *requests
	repairs  func() int64
}

// New makes an agent. It sends nothing before Run.
func New(config Config) (*Agent, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("invalid agent configuration: %w", err)
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	config.Log = config.Log.With("cluster", config.Cluster)
	requests := newRequests()
	config.Kubernetes = rest.CopyConfig(config.Kubernetes)
	config.Kubernetes.Wrap(requests.count)
	outbox := link.NewOutbox(maxEvents)
	sessions, err := fence.New(fence.Config{
		Cluster: config.Cluster, Namespace: config.fenceNamespace(), Kubernetes: config.Kubernetes, Log: config.Log,
	})
	if err != nil {
		return nil, fmt.Errorf("invalid agent configuration: %w", err)
	}
	file, err := config.openPolicies()
	if err != nil {
		return nil, fmt.Errorf("invalid agent configuration: %w", err)
	}
	var policies driver.Policies
	if file != nil {
		policies = file
	}
	kubernetes, err := driver.New(driver.Config{
		Cluster:     config.Cluster,
		Version:     config.Version,
		Kubernetes:  config.Kubernetes,
		Namespaces:  config.Namespaces,
		PodSecurity: config.PodSecurity,
		Policies:    policies,
		Fence:       sessions,
		Reports:     outbox,
		Log:         config.Log,
		Timing:      config.Timing.Driver,
	})
	if err != nil {
		return nil, fmt.Errorf("invalid agent configuration: %w", err)
	}
	a := &Agent{
		config: config,
		fence:  sessions,
		outbox: outbox,
		tunnel: tunnel.New(tunnel.Config{
			Resolver: config.Flink, Namespaces: config.Namespaces, Send: outbox.TunnelReply, Log: config.Log,
		}),
		drivers: []ObjectDriver{kubernetes},
		health:  kubernetes,
		follow: func(ctx context.Context) {
			if file != nil {
				file.Follow(ctx, kubernetes.PoliciesChanged)
			}
		},
		results:  config.Results,
		requests: requests,
		repairs:  kubernetes.Repairs,
	}
	if config.Identity.JoinTokenFile != "" {
		if a.certificate, err = config.joined(); err != nil {
			return nil, fmt.Errorf("invalid agent configuration: %w", err)
		}
	}
	if config.Flink != nil {
		statements := sql.New(sql.Config{Endpoints: config.Flink, Fence: sessions, Reports: outbox, Policies: policies, Log: config.Log})
		a.drivers, a.results = append(a.drivers, statements), statements
	}
	return a, nil
}

// Ready returns why the agent does not do what the control plane desires now; nil if
// it does.
func (a *Agent) Ready(context.Context) error {
	if !a.connected.Load() {
		return errors.New("the agent is not connected to the control plane")
	}
	return nil
}

// Run acts until ctx ends, and returns when everything has stopped. An identity
// that the control plane rejects does not end it: that is logged and retried
// within a minute, since tokens and certificates may be renewed meanwhile.
func (a *Agent) Run(ctx context.Context) error {
	connection := link.New(link.Config{
		Target: a.config.ControlPlane,
		Dial:   func() ([]grpc.DialOption, error) { return a.dial(ctx) },
		Handler: &dispatcher{
			HealthSource: a.health, config: &a.config, processID: uuid.NewString(), drivers: a.drivers, fence: a.fence, ack: a.outbox.Ack,
		},
		Outbox:    a.outbox,
		Fetch:     a.fetch(),
		Tunnel:    a.tunnel,
		Connected: &a.connected,
		Log:       a.config.Log,
		Backoff:   a.config.Timing.Backoff,
	})
	unregister, err := a.registerMetrics(a.config.meters())
	if err != nil {
		a.config.Log.Warn("metrics of the agent cannot be registered", "error", err)
	}
	defer unregister()
	var running sync.WaitGroup
	for _, driver := range a.drivers {
		running.Go(func() { driver.Run(ctx) })
	}
	if a.certificate != nil {
		running.Go(func() {
			a.certificate.Run(ctx, func() { a.outbox.Renew("the certificate of the agent was renewed") })
		})
	}
	running.Go(func() { a.follow(ctx) })
	running.Go(func() { connection.Run(ctx) })
	running.Wait()
	a.tunnel.Close()
	return nil
}

// openPolicies opens the file of policies; nil if there is none.
func (c Config) openPolicies() (*policyfile.File, error) {
	if c.PolicyFile == "" {
		return nil, nil
	}
	return policyfile.Open(c.PolicyFile, c.Log)
}

// fetch returns the function that passes on requests for rows; nil if there is no
// source of rows.
func (a *Agent) fetch() func(*agentv1.FetchResults) {
	if a.results == nil {
		return nil
	}
	return func(request *agentv1.FetchResults) { a.results.Fetch(request, a.outbox.ResultPage) }
}

// dial returns the options to dial the control plane with for a session.
func (a *Agent) dial(ctx context.Context) ([]grpc.DialOption, error) {
	if a.certificate == nil {
		return a.config.dial(nil)
	}
	current, err := a.certificate.Current(ctx)
	if err != nil {
		return nil, err
	}
	return a.config.dial(current)
}

// joined returns the certificate that the agent joins for.
func (c Config) joined() (*certificate.Certificate, error) {
	var store certificate.Store = certificate.Directory(c.Identity.Directory)
	if c.Identity.Directory == "" {
		secret, err := certificate.NewSecret(c.Kubernetes, c.fenceNamespace(), c.Cluster)
		if err != nil {
			return nil, err
		}
		store = secret
	}
	return certificate.New(certificate.Config{
		Cluster: c.Cluster, Store: store, Token: c.Identity.joinToken, Log: c.Log,
		Dial: func(current *tls.Certificate) (*grpc.ClientConn, error) {
			options, err := c.dial(current)
			if err != nil {
				return nil, err
			}
			return grpc.NewClient(c.ControlPlane, options...)
		},
	}), nil
}

// dial returns the options to dial the control plane with. joined is the certificate
// that the agent has joined for, if any.
func (c Config) dial(joined *tls.Certificate) ([]grpc.DialOption, error) {
	options, err := c.Identity.dialOptions(joined)
	if err != nil {
		return nil, err
	}
	options = append(options,
		// Heartbeats detect a dead peer only after Welcome; this does before. Servers
		// close connections that ping more often than they allow.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: time.Minute, Timeout: 20 * time.Second}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)),
		grpc.WithUserAgent("weir-agent/"+c.Version),
	)
	return append(options, c.DialOptions...), nil
}
