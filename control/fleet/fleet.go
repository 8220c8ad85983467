// Package fleet is the control plane's side of the protocol that agents speak,
// cmf.agent.v1: it serves their streams, sends each the objects that its cluster
// is to hold, and stores what they report. What is sent follows from the store
// alone, so any replica can serve any agent. What objects there are, package
// resource describes.
package fleet

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.opentelemetry.io/otel"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/resource/agentidentity"
	"github.com/openweir/weir/control/resource/agenttoken"
	"github.com/openweir/weir/control/resource/cluster"
	"github.com/openweir/weir/control/resource/environment"
	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// missedHeartbeats is how many heartbeats may be missing before a session ends.
// The protocol promises three.
const missedHeartbeats = 3

// Config is what a Fleet is made of.
type Config struct {
	Store        *store.Store
	Registry     *resource.Registry
	Ownership    *resource.Ownership
	Environments *environment.Environments
	Clusters     *cluster.Clusters
	Sessions     *Sessions
	// Etcd grants the leases of sessions.
	Etcd *clientv3.Client
	// Tokens that agents may present in place of a certificate.
	Tokens Tokens
	// JoinTokens are those that agents exchange for certificates of Identities.
	JoinTokens *agenttoken.Tokens
	Identities *agentidentity.Identities
	// Heartbeat is the period asked of agents; the one that an agent is given
	// varies by a tenth.
	Heartbeat time.Duration
	// Version of the control plane, as agents see it.
	Version string
	Log     *slog.Logger
}

// Fleet serves the agents of this replica.
type Fleet struct {
	agentv1.UnimplementedFleetServiceServer
	Config

	triggers
	reports *reports
	metrics *metrics
}

// New makes a Fleet. Run has to be running for its streams to be of use.
func New(config Config) *Fleet {
	f := &Fleet{Config: config, metrics: newMetrics()}
	f.triggers = f.newTriggers()
	f.reports = newReports(f)
	if err := f.registerMetrics(otel.GetMeterProvider()); err != nil {
		config.Log.Warn("metrics of the fleet cannot be registered", "error", err)
	}
	return f
}

// Register adds the service to a gRPC server.
func (f *Fleet) Register(server grpc.ServiceRegistrar) {
	agentv1.RegisterFleetServiceServer(server, f)
}

// Run sends to agents what changes and stores what they report, until the
// context ends. Then it ends every session and waits until the ends are recorded.
func (f *Fleet) Run(ctx context.Context) error {
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() error { return f.follow(inner) })
	group.Go(func() error { return f.reports.run(inner) })
	group.Go(func() error { return f.storeHeartbeats(inner) })
	err := group.Wait()
	f.Sessions.close()
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("fleet: %w", err)
	}
	return nil
}

// nextHeartbeat is the period with jitter, so that the heartbeats of a fleet are
// spread evenly.
func (f *Fleet) nextHeartbeat() time.Duration {
	tenth := int64(f.Heartbeat / 10)
	return f.Heartbeat + time.Duration(rand.Int64N(2*tenth+1)-tenth)
}
