package fleet

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/internal/await"
)

// taken adds what waits in an outbox to what was taken before.
func taken(o *outbox, all map[sendable]bool) {
	for {
		_, next, _, more := o.next()
		if !more {
			return
		}
		if next != (sendable{}) {
			all[next] = true
		}
	}
}

func names(all map[sendable]bool) string {
	var out []string
	for s := range all {
		out = append(out, s.object+" "+s.key)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// expect waits until exactly these have been put into the outbox since the last
// call.
func expect(t *testing.T, what string, o *outbox, want ...sendable) {
	t.Helper()
	all, wanted := map[sendable]bool{}, map[sendable]bool{}
	for _, s := range want {
		wanted[s] = true
	}
	await.Success(t, what, func() error {
		taken(o, all)
		if !maps.Equal(all, wanted) {
			return fmt.Errorf("got %s, want %s", names(all), names(wanted))
		}
		return nil
	})
}

func TestChangesReachTheOutboxesOfTheSessionsThatTheyConcern(t *testing.T) {
	f := newFixture(t)
	f.putEnvironment("prod", "cluster-a")
	f.putEnvironment("stage", "cluster-b")
	for _, key := range []string{"prod/orders", "prod/payments", "stage/orders"} {
		f.put(key, uid)
	}
	a, b := f.begin("cluster-a"), f.begin("cluster-b")
	// Something of cluster-b is changed after each step, so that what should not
	// reach it would have.
	last := 0
	mark := func() sendable {
		last++
		key := fmt.Sprintf("stage/mark-%d", last)
		f.put(key, uid)
		return sendable{things, key}
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.follow(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("follow ended with %v", err)
		}
	}()
	expect(t, "everything at first, to cluster-a", a.out, sendable{things, "prod/orders"}, sendable{things, "prod/payments"})
	expect(t, "everything at first, to cluster-b", b.out, sendable{things, "stage/orders"})

	tomb := &agentv1.ObjectRef{Namespace: "flink", Kind: "Thing", Name: "gone"}
	for _, step := range []struct {
		what   string
		change func(*store.Tx)
		a, b   []sendable
	}{
		{"a resource", func(tx *store.Tx) { f.things.Put(tx, "prod/orders", &cmfv1.ComputePool{}) }, []sendable{{things, "prod/orders"}}, nil},
		{"a deletion", func(tx *store.Tx) { f.things.Delete(tx, "prod/payments") }, []sendable{{things, "prod/payments"}}, nil},
		{"what resources depend on", func(tx *store.Tx) { f.parts.Put(tx, "orders", wrapperspb.String("x")) },
			[]sendable{{things, "prod/orders"}}, []sendable{{things, "stage/orders"}}},
		{"an environment", func(tx *store.Tx) {
			f.Environments.Records.Put(tx, "prod", &cmfv1.Environment{Name: "prod", KubernetesClusterName: "cluster-a", KubernetesNamespace: "flink"})
		}, []sendable{{things, "prod/orders"}}, nil},
		{"a tombstone", func(tx *store.Tx) { f.Ownership.Remove(tx, "cluster-a", tomb, uid, false) },
			[]sendable{{tombstones, "cluster-a/flink/Thing/gone/" + uid}}, nil},
		{"a resource of no environment", func(tx *store.Tx) { f.things.Put(tx, "none/orders", &cmfv1.ComputePool{}) }, nil, nil},
	} {
		f.update(step.change)
		marked := mark()
		expect(t, step.what+", to cluster-b", b.out, append(step.b, marked)...)
		expect(t, step.what+", to cluster-a", a.out, step.a...)
	}
}

func TestSessionsLearnOfTheirCluster(t *testing.T) {
	f := newFixture(t)
	s := f.begin("cluster-a")
	setLifecycle := func(state string) {
		f.update(func(tx *store.Tx) {
			record := f.Clusters.Get(tx, "cluster-a")
			f.Clusters.Records.Put(tx, "cluster-a", &cmfv1.KubernetesCluster{
				Metadata: record.Value().GetMetadata(), Spec: &cmfv1.KubernetesClusterSpec{LifecycleState: state},
			})
		})
	}
	fire := func() { f.clusterChanged(f.view(), "cluster-a") }

	setLifecycle(contract.LifecycleDecommissioned)
	fire()
	fire()
	var messages []*agentv1.ConnectResponse
	for message, _, _, more := s.out.next(); more; message, _, _, more = s.out.next() {
		messages = append(messages, message)
	}
	if len(messages) != 1 || !messages[0].GetLifecycle().GetDecommissioned() {
		t.Errorf("after decommissioning, the messages are %v", messages)
	}
	setLifecycle(contract.LifecycleActive)
	fire()
	if err := wants(<-s.ended, errLifecycle); err != nil {
		t.Error(err)
	}
}

func TestASessionThatAnotherReplicaSupersededEnds(t *testing.T) {
	f := newFixture(t)
	older := f.begin("cluster-a")
	f.sessionChanged(f.view(), "cluster-a")
	select {
	case err := <-older.ended:
		t.Fatalf("the only session ended with %v", err)
	default:
	}
	newer := f.begin("cluster-a") // which another replica would have
	if err := await.Receive(t, "the end of the older session", older.ended); !errors.Is(err, errSuperseded) {
		t.Errorf("the older session ended with %v", err)
	}
	if err := f.Sessions.add(older); !errors.Is(err, errSuperseded) {
		t.Errorf("the older session was added again (%v)", err)
	}
	f.Sessions.remove(newer)
	if err := f.Sessions.add(older); err != nil {
		t.Fatal(err)
	}
	f.sessionChanged(f.view(), "cluster-a")
	if err := wants(<-older.ended, errSuperseded); err != nil {
		t.Error(err)
	}
}
