package fleet

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/resource/cluster"
	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// measure registers the metrics of a fleet. What it returns reads a metric by the
// values of its labels; of a histogram, how much was observed.
func measure(t *testing.T, f *fixture) func(name string) map[string]int64 {
	t.Helper()
	reader := sdk.NewManualReader()
	if err := f.registerMetrics(sdk.NewMeterProvider(sdk.WithReader(reader))); err != nil {
		t.Fatal(err)
	}
	return func(name string) map[string]int64 {
		t.Helper()
		var all metricdata.ResourceMetrics
		if err := reader.Collect(t.Context(), &all); err != nil {
			t.Fatal(err)
		}
		got := map[string]int64{}
		note := func(point metricdata.DataPoint[int64]) {
			label := ""
			for _, kv := range point.Attributes.ToSlice() {
				label += kv.Value.AsString()
			}
			got[label] = point.Value
		}
		for _, m := range all.ScopeMetrics[0].Metrics {
			if m.Name != name {
				continue
			}
			switch data := m.Data.(type) {
			case metricdata.Gauge[int64]:
				for _, point := range data.DataPoints {
					note(point)
				}
			case metricdata.Sum[int64]:
				for _, point := range data.DataPoints {
					note(point)
				}
			case metricdata.Histogram[float64]:
				for _, point := range data.DataPoints {
					got[""] += int64(point.Count)
				}
			}
		}
		return got
	}
}

func equal(t *testing.T, what string, want, got map[string]int64) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestOrphansAndDeletionsAreCountedByCluster(t *testing.T) {
	f := newFixture(t)
	read := measure(t, f)
	f.update(func(tx *store.Tx) {
		for _, name := range []string{"cluster-a", "cluster-b"} {
			f.Clusters.Records.Put(tx, store.Key(name), cluster.NewRecord(name, nil, resource.Now()))
		}
		for _, owner := range []string{"one", "two"} {
			f.Ownership.Orphans.Put(tx, resource.TombstoneKey("cluster-a", ref, owner), &storev1.OrphanRecord{OwnerUid: owner})
		}
		f.Ownership.Remove(tx, "cluster-b", ref, "three", false)
	})
	f.view()
	equal(t, "orphans", map[string]int64{"cluster-a": 2, "cluster-b": 0}, read("weir.orphans"))
	equal(t, "deletions", map[string]int64{"cluster-a": 0, "cluster-b": 1}, read("weir.deletions"))
	equal(t, "objects that are ahead", map[string]int64{"cluster-a": 0, "cluster-b": 0}, read("weir.cluster.ahead"))
}

func TestClustersAreConnectedWhileTheyHaveASession(t *testing.T) {
	f := newFixture(t)
	read := measure(t, f)
	f.update(func(tx *store.Tx) {
		retired := cluster.NewRecord("retired", nil, resource.Now())
		retired.Spec.LifecycleState = contract.LifecycleDecommissioned
		f.Clusters.Records.Put(tx, store.Key("retired"), retired)
		f.Clusters.Records.Put(tx, store.Key("lost"), cluster.NewRecord("lost", nil, resource.Now()))
	})
	f.begin("cluster-a")
	f.view()
	equal(t, "connected", map[string]int64{"cluster-a": 1, "lost": 0}, read("weir.cluster.connected"))
}

func TestSessionsAreCountedByStateAndBySizeOfTheirOutbox(t *testing.T) {
	f := newFixture(t)
	read := measure(t, f)
	f.begin("syncing").out.changed(sendable{things, thing})
	f.begin("synced").progress.synced.Store(true)
	idle := f.begin("idle")
	idle.idle.Store(true)
	idle.out.add(lifecycleMessage(true))
	equal(t, "sessions", map[string]int64{stateSyncing: 1, stateSynced: 1, stateDecommissioned: 1}, read("weir.sessions"))
	equal(t, "depth of outboxes", map[string]int64{"": 2}, read("weir.outbox.depth"))
}

func TestEndsOfSessionsAreCountedByReason(t *testing.T) {
	f := newFixture(t)
	read := measure(t, f)
	want := map[string]int64{endClosed: 0, endLost: 0}
	for _, reason := range reasons {
		want[reason.name] = 0
	}
	equal(t, "ends at first", want, read("weir.session.ends"))
	for name, err := range map[string]error{endClosed: nil, endLost: errors.New("connection reset"), "silent": errSilent} {
		s := f.begin("cluster-a")
		s.stream = contextStream{context: t.Context}
		s.finish(err)
		want[name]++
	}
	equal(t, "ends", want, read("weir.session.ends"))
}

// sentStream takes what is sent.
type sentStream struct {
	contextStream
	sent []*agentv1.ConnectResponse
}

func (s *sentStream) Send(m *agentv1.ConnectResponse) error {
	s.sent = append(s.sent, m)
	return nil
}

func TestTheTimeUntilAChangeIsAppliedIsMeasured(t *testing.T) {
	f := newFixture(t)
	read := measure(t, f)
	f.putEnvironment("prod", "cluster-a")
	s := f.begin("cluster-a")
	stream := &sentStream{contextStream: contextStream{context: t.Context}}
	s.stream = stream
	for step, want := range []struct {
		what    string
		outcome agentv1.Outcome
		hash    string
		count   map[string]int64
	}{
		{"refused", agentv1.Outcome_OUTCOME_REFUSED, "", map[string]int64{}},
		{"another revision", agentv1.Outcome_OUTCOME_APPLIED, "other", map[string]int64{}},
		{"applied", agentv1.Outcome_OUTCOME_APPLIED, "", map[string]int64{"": 1}},
		{"applied again", agentv1.Outcome_OUTCOME_APPLIED, "", map[string]int64{"": 1}},
	} {
		if step == 0 {
			f.put(thing, uid)
			f.view()
			s.out.changed(sendable{things, thing})
			if _, err := s.drain(t.Context()); err != nil || len(stream.sent) != 1 {
				t.Fatalf("%d messages were sent (%v), want the Apply", len(stream.sent), err)
			}
		}
		apply := stream.sent[0].GetApply()
		s.handle(t.Context(), &agentv1.ConnectRequest{Message: &agentv1.ConnectRequest_Ack{Ack: &agentv1.Ack{
			Ref: apply.GetRef(), OwnerUid: apply.GetOwnerUid(), Generation: apply.GetGeneration(), Hash: apply.GetHash() + want.hash, Outcome: want.outcome,
		}}})
		equal(t, want.what, want.count, read("weir.propagation.duration"))
	}
}

// What is sent in the first pass was changed at a time that nobody knows.
func TestTheFirstPassIsNotMeasuredAsPropagation(t *testing.T) {
	f := newFixture(t)
	read := measure(t, f)
	f.putEnvironment("prod", "cluster-a")
	f.put(thing, uid)
	f.view()
	s := f.begin("cluster-a")
	stream := &sentStream{contextStream: contextStream{context: t.Context}}
	s.stream = stream
	if sent, err := s.send(sendable{things, thing}, time.Time{}); sent != 1 || err != nil {
		t.Fatalf("%d messages were sent (%v)", sent, err)
	}
	apply := stream.sent[0].GetApply()
	s.handle(t.Context(), &agentv1.ConnectRequest{Message: &agentv1.ConnectRequest_Ack{Ack: &agentv1.Ack{
		Ref: apply.GetRef(), OwnerUid: apply.GetOwnerUid(), Generation: apply.GetGeneration(), Hash: apply.GetHash(), Outcome: agentv1.Outcome_OUTCOME_APPLIED,
	}}})
	equal(t, "measured", map[string]int64{}, read("weir.propagation.duration"))
}

func TestReportsThatWaitAndDriftAreCounted(t *testing.T) {
	f := newFixture(t)
	read := measure(t, f)
	s := f.begin("cluster-a")
	for n, source := range []agentv1.EventSource{agentv1.EventSource_EVENT_SOURCE_DRIFT, agentv1.EventSource_EVENT_SOURCE_KUBERNETES} {
		s.handle(t.Context(), &agentv1.ConnectRequest{Message: &agentv1.ConnectRequest_Event{Event: &agentv1.EventReport{
			Id: fmt.Sprint(n), Ref: ref, Source: source,
		}}})
	}
	equal(t, "objects with reports", map[string]int64{"": 1}, read("weir.reports.waiting"))
	equal(t, "repairs of drift", map[string]int64{"": 1}, read("weir.drift.repairs"))
}

func TestResourcesThatCannotBeRenderedAreCounted(t *testing.T) {
	f := newFixture(t)
	read := measure(t, f)
	f.putEnvironment("prod", "cluster-a")
	f.put(thing, uid)
	f.view()
	s := f.begin("cluster-a")
	object := f.Registry.Object(things)
	render := object.Render
	object.Render = func(store.Reader, *store.Object[*cmfv1.Environment], string) (*agentv1.Apply, error) {
		return nil, errors.New("no key")
	}
	for _, want := range []int64{1, 0} {
		s.stream = &sentStream{contextStream: contextStream{context: t.Context}}
		if _, err := s.send(sendable{things, thing}, time.Time{}); err != nil {
			t.Fatal(err)
		}
		equal(t, "unrendered", map[string]int64{"": want}, read("weir.unrendered"))
		object.Render = render
	}
}
