package store_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	clientv3 "go.etcd.io/etcd/client/v3"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/store/embedded"
	"github.com/openweir/weir/control/store/storetest"
	"github.com/openweir/weir/internal/await"
)

// measured reads the metrics of a store: values by name, and of histograms how
// much was observed, by name and operation.
func measured(t *testing.T, reader sdk.Reader) map[string]float64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, m := range all.ScopeMetrics[0].Metrics {
		switch data := m.Data.(type) {
		case metricdata.Sum[int64]:
			values[m.Name] = float64(data.DataPoints[0].Value)
		case metricdata.Gauge[float64]:
			values[m.Name] = data.DataPoints[0].Value
		case metricdata.Histogram[float64]:
			for _, point := range data.DataPoints {
				operation, _ := point.Attributes.Value("operation")
				values[m.Name+" "+operation.AsString()] = float64(point.Count)
			}
		}
	}
	return values
}

func TestMetricsOfTheStore(t *testing.T) {
	server := storetest.Server(t, embedded.Config{Listen: "127.0.0.1:0"})
	reader := sdk.NewManualReader()
	s := store.New(dial(t, server), "/measured", quiet, store.WithMeterProvider(sdk.NewMeterProvider(sdk.WithReader(reader))))
	c := &things{store.NewCollection[*wrapperspb.StringValue](s, "things"), s}
	if got := measured(t, reader); got["weir.store.conflicts"] != 0 || got["weir.store.reloads"] != 0 {
		t.Errorf("before anything has happened: %v", got)
	}
	storetest.Start(t, s)
	create(t, c, "contended")

	attempts := 0
	if _, err := s.Update(t.Context(), func(tx *store.Tx) error {
		c.Collection.Get(tx, "contended")
		c.Put(tx, "contended", wrapperspb.String("mine"))
		if attempts++; attempts > 1 {
			return nil
		}
		_, err := s.Update(t.Context(), func(tx *store.Tx) error {
			c.Put(tx, "contended", wrapperspb.String("theirs"))
			return nil
		})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if _, err := s.View(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := measured(t, reader)
	if age := got["weir.store.cache.age"]; age > time.Since(began).Seconds() {
		t.Errorf("the cache is %v s old after a read that took less", age)
	}
	if got["weir.store.conflicts"] != 1 || got["weir.store.reloads"] != 1 || got["weir.store.watch.restarts"] != 0 {
		t.Errorf("after one conflict: %v", got)
	}
	// The create, the rejected commit, the one in its way and the repeated one.
	if commits := got["weir.etcd.request.duration commit"]; commits != 4 {
		t.Errorf("%v commits were measured, want 4", commits)
	}
	if got["weir.etcd.request.duration read"] == 0 {
		t.Error("no read was measured")
	}

	server.Close()
	closed := time.Now()
	if _, err := s.View(within(t, 50*time.Millisecond)); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("a read without etcd gave %v", err)
	}
	gone := time.Since(closed).Seconds()
	if age := measured(t, reader)["weir.store.cache.age"]; age < gone {
		t.Errorf("the cache is %v s old, though etcd has been away for %v s", age, gone)
	}
}

// closedFirst is a watcher whose first watch ends at once.
type closedFirst struct {
	clientv3.Watcher
	asked atomic.Bool
}

func (c *closedFirst) Watch(ctx context.Context, key string, options ...clientv3.OpOption) clientv3.WatchChan {
	if c.asked.CompareAndSwap(false, true) {
		ended := make(chan clientv3.WatchResponse)
		close(ended)
		return ended
	}
	return c.Watcher.Watch(ctx, key, options...)
}

func TestRestartsOfTheWatchAreCounted(t *testing.T) {
	client := storetest.Etcd(t)
	client.Watcher = &closedFirst{Watcher: client.Watcher}
	reader := sdk.NewManualReader()
	s := store.New(client, "/measured", quiet, store.WithMeterProvider(sdk.NewMeterProvider(sdk.WithReader(reader))))
	c := &things{store.NewCollection[*wrapperspb.StringValue](s, "things"), s}
	storetest.Start(t, s)
	create(t, c, "after")
	if got := measured(t, reader); got["weir.store.watch.restarts"] != 1 || got["weir.store.reloads"] != 1 {
		t.Errorf("got %v, want one restart, which needs no further reload", got)
	}
}

func TestTheMembersOfEtcdThatAnswerAreMeasured(t *testing.T) {
	server := storetest.Server(t, embedded.Config{Listen: "127.0.0.1:0"})
	client := dial(t, server)
	answers, silent := client.Endpoints()[0], "127.0.0.1:1"
	client.SetEndpoints(answers, silent)
	reader := sdk.NewManualReader()
	s := store.New(client, "/measured", quiet, store.WithMeterProvider(sdk.NewMeterProvider(sdk.WithReader(reader))))
	store.NewCollection[*wrapperspb.StringValue](s, "things")
	storetest.Start(t, s)
	await.Until(t, "every member was asked", func() bool { return len(s.Space().Unreachable) > 0 })
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, m := range all.ScopeMetrics[0].Metrics {
		data, ok := m.Data.(metricdata.Gauge[int64])
		if !ok {
			continue
		}
		for _, point := range data.DataPoints {
			endpoint, _ := point.Attributes.Value("endpoint")
			got[m.Name+" "+endpoint.AsString()] = point.Value > 0
		}
	}
	want := map[string]bool{
		"weir.etcd.reachable " + answers:       true,
		"weir.etcd.reachable " + silent:        false,
		"weir.etcd.database.size " + answers:   true,
		"weir.etcd.database.in_use " + answers: true,
		"weir.etcd.database.quota " + answers:  true,
		"weir.etcd.space.exhausted ":           false,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("whether the metrics are above 0 (-want +got):\n%s", diff)
	}
}
