// Package storetest is what every etcd, and every way to reach one, has to give a
// store: a suite of tests that say what package store promises, and benchmarks.
package storetest

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/openweir/weir/control/store"
)

// Open gives a client of the etcd under test. Whoever gives it closes it. The
// suite keeps to prefixes of its own, but compacts the whole etcd's history.
type Open func(t testing.TB) *clientv3.Client

// Run puts the etcd through the suite.
func Run(t *testing.T, open Open) {
	for _, group := range []struct {
		name  string
		tests map[string]func(t *testing.T, client *clientv3.Client)
	}{
		{"write", writes},
		{"read", reads},
		{"transaction", transactions},
		{"watch", watches},
		{"changes", changes},
		{"fault", faults},
		{"lease", leases},
		{"model", models},
	} {
		t.Run(group.name, func(t *testing.T) {
			client := open(t)
			for name, test := range group.tests {
				t.Run(name, func(t *testing.T) { test(t, client) })
			}
		})
	}
}

// value is what the suite stores. Its index is by each of its words.
type value = *wrapperspb.StringValue

func text(format string, args ...any) value { return wrapperspb.String(fmt.Sprintf(format, args...)) }

var byWord = store.Index[value]{Name: "word", Values: func(_ string, v value) []string {
	return strings.Fields(v.GetValue())
}}

// replica is one store of a prefix, with two collections.
type replica struct {
	*store.Store
	things *things
	others *things
	stop   func()
}

var quiet = slog.New(slog.DiscardHandler)

// start runs a replica and waits until it is ready.
func start(t testing.TB, client *clientv3.Client, prefix string, options ...store.Option) *replica {
	t.Helper()
	s := store.New(client, prefix, quiet, options...)
	r := &replica{
		Store:  s,
		things: &things{store.NewCollection(s, "things", byWord), s},
		others: &things{store.NewCollection[value](s, "others"), s},
	}
	r.stop = run(t, s)
	return r
}

// run runs the store until stop is called or the test ends, and waits until it
// is ready.
func run(t testing.TB, s *store.Store) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run ended with %v", err)
		}
	})
	t.Cleanup(stop)
	select {
	case <-s.Ready():
	case <-time.After(patience):
		t.Fatalf("the store did not become ready: %v", s.Healthy(context.Background()))
	}
	return stop
}

// newPrefix is one that no other test uses.
func newPrefix() string { return "/storetest/" + uuid.NewString() }

// patience is how long the suite waits for what has to happen; nothing should
// ever take that long.
const patience = 30 * time.Second

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits until the condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("it never came to be that %s", what)
		}
	}
}

// must is for what the test needs but is not about.
func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}

func keys(objects []*store.Object[value]) []string {
	keys := []string{}
	for _, o := range objects {
		keys = append(keys, o.Key)
	}
	return keys
}
