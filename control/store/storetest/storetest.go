// Package storetest is what every etcd, and every way to reach one, has to give a
// store: a suite of tests that say what package store promises, and benchmarks.
package storetest

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/uuid"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/internal/await"
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
	r.stop = Start(t, s)
	return r
}

// newPrefix is one that no other test uses.
func newPrefix() string { return "/storetest/" + uuid.NewString() }

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), await.Patience)
	t.Cleanup(cancel)
	return ctx
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
