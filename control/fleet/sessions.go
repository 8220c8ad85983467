package fleet

import (
	"maps"
	"slices"
	"sync"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/resource/cluster"
	"github.com/openweir/weir/control/store"
)

// Sessions are the agents that are connected to this replica, and the way for
// requests to ask one of them something.
type Sessions struct {
	store    *store.Store
	clusters *cluster.Clusters
	// replica names this replica in session records.
	replica string

	mu        sync.Mutex
	byCluster map[string]*session
	closed    bool
	streams   sync.WaitGroup // those being served
}

// NewSessions makes the sessions of a replica.
func NewSessions(s *store.Store, clusters *cluster.Clusters, replica string) *Sessions {
	return &Sessions{store: s, clusters: clusters, replica: replica, byCluster: map[string]*session{}}
}

// begin counts a stream, which has to end with streams.Done; false if no more may
// begin.
func (s *Sessions) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.streams.Add(1)
	}
	return !s.closed
}

// close ends every session and lets no more begin.
func (s *Sessions) close() {
	s.mu.Lock()
	s.closed = true
	for _, session := range s.byCluster {
		session.end(errStopping)
	}
	s.mu.Unlock()
	s.streams.Wait()
}

// all are the sessions of this replica.
func (s *Sessions) all() []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.byCluster))
}

// Count is how many agents are connected to this replica.
func (s *Sessions) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.byCluster)
}

// add makes a session the one of its cluster on this replica. Sessions need not
// come here in the order in which they began.
func (s *Sessions) add(added *session) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errStopping
	}
	if other := s.byCluster[added.cluster]; other != nil {
		if other.epoch > added.epoch {
			return errSuperseded
		}
		other.end(errSuperseded)
	}
	s.byCluster[added.cluster] = added
	return nil
}

// remove ends what add began, unless another session has replaced this one.
func (s *Sessions) remove(removed *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byCluster[removed.cluster] == removed {
		delete(s.byCluster, removed.cluster)
	}
}

// of is the session of a cluster on this replica, nil if there is none.
func (s *Sessions) of(cluster string) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byCluster[cluster]
}

// ahead is how many objects of a cluster, by its key, are newer than their resources.
func (s *Sessions) ahead(key string) int {
	session := s.of(store.Segments(key)[0])
	if session == nil {
		return 0
	}
	return session.ahead.count()
}

// heartbeats are the last ones of all sessions, by the key of their cluster.
func (s *Sessions) heartbeats() map[string]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	received := make(map[string]int64, len(s.byCluster))
	for cluster, session := range s.byCluster {
		received[store.Key(cluster)] = session.lastHeartbeat.Load()
	}
	return received
}

// unreachable is the error for a request to the agent of a cluster that is not
// connected here, and the replica that it is connected to, if any. can and cannot
// say what the agent is needed for.
func (s *Sessions) unreachable(cluster, can, cannot string) (replica string, err error) {
	session := s.clusters.Sessions.In(s.store.Cached()).Get(store.Key(cluster))
	if replica := session.Message().GetReplica(); session != nil && replica != s.replica {
		return replica, apierror.Unavailable(nil, "The agent of Kubernetes cluster '%s' is connected to replica '%s', and only that replica can %s. Try again.", cluster, replica, can)
	}
	return "", apierror.Unavailable(nil, "The agent of Kubernetes cluster '%s' is not connected, so %s.", cluster, cannot)
}
