package cluster

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/store/storetest"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/internal/await"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLostSessionsAreExplained(t *testing.T) {
	s := storetest.New(storetest.Etcd(t))
	c := New(s, resource.NewWatches())
	storetest.Start(t, s)
	write := func(change func(tx *store.Tx)) {
		t.Helper()
		if _, err := s.Update(t.Context(), func(tx *store.Tx) error { change(tx); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	status := func(name string) *cmfv1.KubernetesClusterStatus {
		t.Helper()
		at, err := s.View(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return c.StatusOf(at, name)
	}
	early, late := timestamppb.New(time.Unix(100, 0)), timestamppb.New(time.Unix(200, 0))
	add := func(tx *store.Tx, name, message string, session bool) {
		record := cluster("ACTIVE")
		record.Metadata.Name = name
		c.Records.Put(tx, name, record)
		c.Status.Put(tx, name, &storev1.ClusterStatusRecord{LastHeartbeat: early, DisconnectMessage: message})
		if session {
			c.Sessions.Put(tx, name, &storev1.SessionRecord{Replica: name, LastHeartbeat: late})
		}
	}
	latest := timestamppb.New(time.Unix(300, 0))
	write(func(tx *store.Tx) {
		add(tx, "lost-before", "", false)
		add(tx, "left-before", "The agent closed its connection.", false)
		add(tx, "lost-after", "", true)
		add(tx, "connected", "", true)
		for _, replica := range []string{"lost-after", "connected"} {
			c.Heartbeats.Put(tx, replica, &storev1.HeartbeatsRecord{Received: map[string]int64{replica: latest.AsTime().UnixMilli()}})
		}
	})
	if got := status("lost-before").GetMessage(); got != "No agent of this cluster is connected." {
		t.Errorf("a cluster whose session nobody has explained says %q", got)
	}

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.explainLostSessions(ctx) }()
	await.Until(t, "the cluster without a session has a reason", func() bool { return status("lost-before").GetMessage() == expired })
	write(func(tx *store.Tx) { c.Sessions.Delete(tx, "lost-after") })
	await.Until(t, "the cluster that lost its session has a reason", func() bool { return status("lost-after").GetMessage() == expired })
	if got := status("lost-after").GetLastHeartbeatTimestamp(); !got.AsTime().Equal(latest.AsTime()) {
		t.Errorf("the last heartbeat was at %v, want %v as its replica stored it", got.AsTime(), latest.AsTime())
	}
	await.Until(t, "the heartbeats of the replica without sessions are deleted", func() bool {
		return c.Heartbeats.In(s.Cached()).Get("lost-after") == nil
	})
	if got := status("lost-after").GetLastHeartbeatTimestamp(); !got.AsTime().Equal(latest.AsTime()) {
		t.Errorf("the last heartbeat was at %v after that, want %v", got.AsTime(), latest.AsTime())
	}
	if c.Heartbeats.In(s.Cached()).Get("connected") == nil {
		t.Error("the heartbeats of a replica with a session are deleted")
	}
	if got := status("left-before").GetMessage(); got != "The agent closed its connection." {
		t.Errorf("the reason that there was is now %q", got)
	}
	if got := status("connected"); got.GetState() != "CONNECTED" || got.GetMessage() != "" {
		t.Errorf("the connected cluster is %v", got)
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
}
