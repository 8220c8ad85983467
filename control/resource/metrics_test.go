package resource_test

import (
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/resource/application"
	"github.com/openweir/weir/control/resource/cluster"
	"github.com/openweir/weir/control/resource/environment"
	"github.com/openweir/weir/control/resource/policy"
	"github.com/openweir/weir/control/resource/savepoint"
	"github.com/openweir/weir/control/resource/serviceaccount"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/store/storetest"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// counted is a store with the resources that are counted.
type counted struct {
	store        *store.Store
	ownership    *resource.Ownership
	environments *environment.Environments
	applications *application.Applications
	registry     *resource.Registry
	reader       *sdk.ManualReader
}

func newCounted(t testing.TB) counted {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	s := store.New(storetest.Etcd(t), "/test", quiet)
	ownership, watches := resource.NewOwnership(s), resource.NewWatches()
	clusters := cluster.New(s, watches)
	environments := environment.New(s, watches, clusters)
	savepoints := savepoint.New(s, ownership, watches, environments, clusters)
	applications := application.New(s, ownership, watches, clusters, environments, savepoints, policy.New(s, watches), serviceaccount.New(s, watches, nil), application.DefaultLimits, quiet)
	c := counted{s, ownership, environments, applications, resource.NewRegistry(environments.Room(), applications.Room()), sdk.NewManualReader()}
	if err := resource.RegisterMetrics(sdk.NewMeterProvider(sdk.WithReader(c.reader)), s, c.registry, ownership); err != nil {
		t.Fatal(err)
	}
	storetest.Start(t, s)
	return c
}

// put puts an application with a status.
func (c counted) put(tx *store.Tx, name, lifecycleState string) {
	key := store.Key("prod", name)
	c.applications.Records.Put(tx, key, &storev1.ApplicationRecord{
		Application: &cmfv1.FlinkApplication{Metadata: &cmfv1.ObjectMeta{Name: name, Uid: name}},
	})
	c.applications.Status.Put(tx, key, &storev1.StatusRecord{OwnerUid: name, LifecycleState: lifecycleState})
}

func TestResourcesAreCountedByState(t *testing.T) {
	c := newCounted(t)
	s, ownership, reader := c.store, c.ownership, c.reader
	made := time.Now().Add(-time.Hour)
	if _, err := s.Update(t.Context(), func(tx *store.Tx) error {
		c.environments.Records.Put(tx, "prod", &cmfv1.Environment{Name: "prod"})
		for name, state := range map[string]string{"one": "STABLE", "two": "STABLE", "three": "SUSPENDED", "four": "", "five": "invented"} {
			c.put(tx, name, state)
		}
		for name, created := range map[string]time.Time{"older": made, "newer": time.Now()} {
			ownership.Tombstones.Put(tx, store.Key("cluster-a", name), &storev1.TombstoneRecord{Created: timestamppb.New(created)})
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.View(t.Context()); err != nil {
		t.Fatal(err)
	}

	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	got, age := map[string]int64{}, 0.0
	for _, m := range all.ScopeMetrics[0].Metrics {
		switch data := m.Data.(type) {
		case metricdata.Gauge[int64]:
			for _, point := range data.DataPoints {
				kind, _ := point.Attributes.Value("kind")
				state, _ := point.Attributes.Value("state")
				got[m.Name+" "+kind.AsString()+" "+state.AsString()] = point.Value
			}
		case metricdata.Gauge[float64]:
			age = data.DataPoints[0].Value
		}
	}
	want := map[string]int64{
		"weir.resources environments ":          1,
		"weir.resources applications STABLE":    2,
		"weir.resources applications SUSPENDED": 1,
		"weir.resources applications UNKNOWN":   1,
		"weir.resources applications OTHER":     1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if age < time.Hour.Seconds() || age > time.Since(made).Seconds() {
		t.Errorf("the oldest deletion is %v s old, want about an hour", age)
	}
}

func TestWhatIsCostlyToCountIsCountedOnceInAnInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		counted := 0
		count := resource.AtMostEvery(time.Minute, func() int { counted++; return counted })
		for _, step := range []struct {
			after time.Duration
			want  int
		}{{0, 1}, {59 * time.Second, 1}, {time.Second, 2}, {time.Second, 2}} {
			<-time.After(step.after)
			if got := count(); got != step.want {
				t.Errorf("after another %s: the count is number %d, want %d", step.after, got, step.want)
			}
		}
	})
}

// BenchmarkCountResources is what it costs to count 100,000 applications by state,
// which is done at most once in countInterval.
func BenchmarkCountResources(b *testing.B) {
	const applications, batch = 100_000, 50
	c := newCounted(b)
	states := []string{"STABLE", "DEPLOYED", "SUSPENDED", "FAILED"}
	for first := 0; first < applications; first += batch {
		if _, err := c.store.Update(b.Context(), func(tx *store.Tx) error {
			for i := first; i < first+batch; i++ {
				c.put(tx, fmt.Sprintf("application-%d", i), states[i%len(states)])
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	at, err := c.store.View(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if got := resource.CountAll(at, c.registry, c.ownership); got != 1+len(states) {
			b.Fatalf("there are %d kinds and states, want %d", got, 1+len(states))
		}
	}
}
