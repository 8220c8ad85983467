package fleet

import (
	"fmt"
	"testing"
	"time"

	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// The number of writes does not depend on the number of agents, and every replica
// shows the last heartbeat of each.
func TestHeartbeatsOfAllAgentsAreOneWrite(t *testing.T) {
	f := newFixture(t)
	const agents = 50
	var sessions []*session
	for n := range agents {
		name := fmt.Sprintf("cluster-%d", n)
		sessions = append(sessions, f.begin(name))
		f.update(func(tx *store.Tx) {
			f.Clusters.Records.Put(tx, name, &cmfv1.KubernetesCluster{Metadata: &cmfv1.KubernetesClusterMetadata{Name: name}})
		})
	}
	before := f.requests.Load()
	for range 20 {
		for _, s := range sessions {
			s.heartbeat(t.Context(), &agentv1.Heartbeat{})
		}
	}
	if err := f.recordHeartbeats(t.Context()); err != nil {
		t.Fatal(err)
	}
	if asked := f.requests.Load() - before; asked != 1 {
		t.Errorf("etcd got %d requests for %d heartbeats, want 1", asked, 20*agents)
	}
	at := f.view()
	for _, s := range sessions {
		status := f.Clusters.StatusOf(at, s.cluster)
		if got, want := status.GetLastHeartbeatTimestamp().AsTime(), time.UnixMilli(s.lastHeartbeat.Load()); !got.Equal(want) || status.GetState() != "CONNECTED" {
			t.Errorf("%s is %v, with a heartbeat at %s, want %s", s.cluster, status, got, want)
		}
	}
}
