// Package fleet is the control plane's side of the protocol that agents speak,
// cmf.agent.v1: it takes their streams, sends each the objects that its cluster
// is to hold, and stores what they report. What is sent and when follows from
// the state alone, so any replica can serve any agent.
package fleet

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/openweir/weir/control/seal"
	"github.com/openweir/weir/control/state"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// tombstones are no resources but what is left of them: objects that have to
// go.
const tombstones = "tombstones"

// missedHeartbeats is how many heartbeats may be missing before a session is
// taken for dead. The protocol promises three.
const missedHeartbeats = 3

// Config is what a Fleet is made of.
type Config struct {
	State *state.State
	// Etcd grants the leases of sessions.
	Etcd *clientv3.Client
	// Replica names this replica in session records.
	Replica string
	// Keys open the secrets that clusters are to hold.
	Keys *seal.Keys
	// Tokens that agents may present.
	Tokens Tokens
	// Heartbeat is the period asked of agents; the one named to an agent varies
	// by a tenth.
	Heartbeat time.Duration
	// Version of the control plane, told to agents.
	Version string
	Log     *slog.Logger
}

// Fleet serves the agents of this replica.
type Fleet struct {
	agentv1.UnimplementedFleetServiceServer
	Config

	mu       sync.Mutex
	sessions map[string]*session // by cluster
	stopped  bool
	live     sync.WaitGroup // of streams being served

	reports *reports
	// kept are the kinds of resources that have objects on clusters, by
	// collection, and in the order in which they are sent.
	kept      map[string]keptKind
	keptOrder []string
}

// New makes a Fleet. Run has to be running for its streams to be of use.
func New(cfg Config) *Fleet {
	f := &Fleet{Config: cfg, sessions: map[string]*session{}, kept: map[string]keptKind{}}
	f.reports = newReports(f)
	f.addMappings()
	f.addComputePools()
	f.addApplications()
	f.addStatementClusters()
	f.addStatements()
	f.addSavepoints()
	return f
}

// Register adds the service to a gRPC server.
func (f *Fleet) Register(server grpc.ServiceRegistrar) {
	agentv1.RegisterFleetServiceServer(server, f)
}

// Run follows the state and wakes the sessions that it concerns, until the
// context ends. Then it ends every session and waits for their last words to be
// stored.
func (f *Fleet) Run(ctx context.Context) error {
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() error { return f.followEnvironments(inner) })
	group.Go(func() error { return f.followTombstones(inner) })
	for _, kind := range f.kept {
		for _, loop := range kind.follow {
			group.Go(func() error { return loop(inner) })
		}
	}
	group.Go(func() error { return f.followClusters(inner) })
	group.Go(func() error { return f.followSessions(inner) })
	group.Go(func() error { return f.reports.run(inner) })
	err := group.Wait()
	f.stop()
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("fleet: %w", err)
	}
	return nil
}

// stop ends every session and takes no more.
func (f *Fleet) stop() {
	f.mu.Lock()
	f.stopped = true
	for _, s := range f.sessions {
		s.end(errStopping)
	}
	f.mu.Unlock()
	f.live.Wait()
}

// Sessions counts the agents connected to this replica.
func (f *Fleet) Sessions() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.sessions)
}

// admit makes a session the one of its cluster on this replica. Sessions need
// not come here in the order in which they began.
func (f *Fleet) admit(s *session) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped {
		return errStopping
	}
	if other := f.sessions[s.cluster]; other != nil {
		if other.epoch > s.epoch {
			return errSuperseded
		}
		other.end(errSuperseded)
	}
	f.sessions[s.cluster] = s
	return nil
}

// dismiss forgets a session, unless another has taken its place already.
func (f *Fleet) dismiss(s *session) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sessions[s.cluster] == s {
		delete(f.sessions, s.cluster)
	}
}

// sessionOf is the session of a cluster on this replica, nil where there is
// none.
func (f *Fleet) sessionOf(cluster string) *session {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sessions[cluster]
}

// nextHeartbeat is the period with jitter, so that a fleet does not beat in
// step.
func (f *Fleet) nextHeartbeat() time.Duration {
	tenth := int64(f.Heartbeat / 10)
	return f.Heartbeat + time.Duration(rand.Int64N(2*tenth+1)-tenth)
}
