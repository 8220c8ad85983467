package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/openweir/weir/control/query"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/resource/agentidentity"
	"github.com/openweir/weir/control/resource/cluster"
	"github.com/openweir/weir/control/resource/environment"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/store/storetest"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

const (
	// things are a kind of resource with an object, which is rendered from the
	// resource and its part.
	things = "things"
	thing  = "prod/orders"
	uid    = "uid-1"
)

var ref = &agentv1.ObjectRef{ApiVersion: "v1", Kind: "Thing", Namespace: "flink", Name: "orders"}

// fixture is a fleet over an etcd of its own.
type fixture struct {
	*Fleet
	t      *testing.T
	things *store.Collection[*cmfv1.ComputePool]
	status *store.Collection[*storev1.StatusRecord]
	parts  *store.Collection[*wrapperspb.StringValue]
	// requests counts what is read from etcd and written to it. The questions for its
	// revision are not among them: the store also asks while an answer is slow.
	requests atomic.Int64
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	client := storetest.Etcd(t)
	f := &fixture{t: t}
	client.KV = countingKV{client.KV, &f.requests}
	log := slog.New(slog.DiscardHandler)
	s := store.New(client, "/test", log)
	ownership, watches := resource.NewOwnership(s), resource.NewWatches()
	clusters := cluster.New(s, watches)
	environments := environment.New(s, watches, clusters)
	f.things = store.NewCollection[*cmfv1.ComputePool](s, things)
	f.status = store.NewCollection[*storev1.StatusRecord](s, "thing-status")
	f.parts = store.NewCollection[*wrapperspb.StringValue](s, "parts")
	registry := resource.NewRegistry(resource.Room{Kinds: []resource.Registered{&resource.Kind[*cmfv1.ComputePool, *cmfv1.ComputePool]{
		List: &query.List[resource.Item[*cmfv1.ComputePool]]{Plural: things}, Objects: []*resource.Object{f.object(ownership)},
	}}})
	f.Fleet = New(Config{
		Store: s, Registry: registry, Ownership: ownership, Environments: environments, Clusters: clusters,
		Identities: agentidentity.New(s, nil, agentidentity.DefaultLifetime),
		Sessions:   NewSessions(s, clusters, "replica-1"), Etcd: client, Heartbeat: time.Second, Log: log,
	})
	storetest.Start(t, s)
	return f
}

func (f *fixture) object(ownership *resource.Ownership) *resource.Object {
	return &resource.Object{
		Name: things, Resources: f.things.Scope(""),
		Render: func(at store.Reader, _ *store.Object[*cmfv1.Environment], key string) (*agentv1.Apply, error) {
			record := f.things.In(at).Get(key)
			if record == nil {
				return nil, nil
			}
			part := f.parts.In(at).Get(store.Segments(key)[1]).Message().GetValue()
			return &agentv1.Apply{Ref: ref, OwnerUid: record.Value().GetMetadata().GetUid(), Generation: record.Revision, Hash: part}, nil
		},
		// A part is named as the thing is.
		Depends: []resource.Dependency{{Scope: f.parts.Scope(""), Keys: func(at store.Reader, part string) []string {
			var dependent []string
			for key := range f.things.Scope("").Keys(at) {
				if store.Segments(key)[1] == part {
					dependent = append(dependent, key)
				}
			}
			return dependent
		}}},
		Store: resource.Reported(f.things, f.status, func(p *cmfv1.ComputePool) string { return p.GetMetadata().GetUid() },
			func(tx *store.Tx, record *store.Object[*cmfv1.ComputePool], before *storev1.StatusRecord, report resource.Report) (*storev1.StatusRecord, error) {
				for _, event := range report.Events {
					f.parts.Put(tx, "event-"+event.GetId(), wrapperspb.String(event.GetMessage()))
				}
				return resource.Observe(before, report), nil
			}),
		Status: func(at store.Reader, key string) *storev1.StatusRecord { return f.status.In(at).Get(key).Message() },
		Gone: func(tx *store.Tx, cluster string, ref *agentv1.ObjectRef, claim *storev1.ClaimRecord) error {
			f.things.Delete(tx, claim.GetKey())
			ownership.Unclaim(tx, cluster, ref)
			return nil
		},
	}
}

// put creates or replaces a thing on cluster-a, whose environment is there.
func (f *fixture) put(key, uid string) {
	f.t.Helper()
	f.update(func(tx *store.Tx) {
		f.things.Put(tx, key, &cmfv1.ComputePool{Metadata: &cmfv1.ObjectMeta{Uid: uid}})
	})
}

func (f *fixture) putEnvironment(name, cluster string) {
	f.t.Helper()
	f.update(func(tx *store.Tx) {
		f.Environments.Records.Put(tx, name, &cmfv1.Environment{Name: name, KubernetesClusterName: cluster})
		f.Clusters.Environments.Put(tx, store.Key(cluster, name), &emptypb.Empty{})
	})
}

func (f *fixture) update(change func(*store.Tx)) {
	f.t.Helper()
	f.view() // so that the cache has what was written before
	_, err := f.Store.Update(f.t.Context(), func(tx *store.Tx) error {
		change(tx)
		return nil
	})
	if err != nil {
		f.t.Fatal(err)
	}
}

// view reads what etcd has.
func (f *fixture) view() *store.Snapshot {
	f.t.Helper()
	at, err := f.Store.View(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	return at
}

// begin begins a session of a cluster, which is that of no stream.
func (f *fixture) begin(cluster string) *session {
	f.t.Helper()
	grant, err := f.Etcd.Grant(f.t.Context(), 60)
	if err != nil {
		f.t.Fatal(err)
	}
	s := &session{
		fleet: f.Fleet, cluster: cluster, process: "process", log: f.Log, lease: grant.ID, out: newOutbox(),
		held: map[object]mark{}, deletions: map[string]deletionMark{}, unrendered: map[sendable]string{}, ended: make(chan error, 1),
	}
	if _, err := s.register(f.t.Context(), &agentv1.Hello{Cluster: cluster, ProcessId: s.process}); err != nil {
		f.t.Fatal(err)
	}
	if err := f.Sessions.add(s); err != nil {
		f.t.Fatal(err)
	}
	return s
}

// countingKV counts requests to etcd.
type countingKV struct {
	clientv3.KV
	count *atomic.Int64
}

func (c countingKV) Get(ctx context.Context, key string, opts ...clientv3.OpOption) (*clientv3.GetResponse, error) {
	if question := clientv3.OpGet(key, opts...); !question.IsCountOnly() {
		c.count.Add(1)
	}
	return c.KV.Get(ctx, key, opts...)
}

func (c countingKV) Txn(ctx context.Context) clientv3.Txn {
	c.count.Add(1)
	return c.KV.Txn(ctx)
}

func wants(err, want error) error {
	if !errors.Is(err, want) {
		return fmt.Errorf("got %v, want %v", err, want)
	}
	return nil
}
