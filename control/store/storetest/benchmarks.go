package storetest

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/openweir/weir/control/store"
)

// Bench measures the store on the etcd, at 1 and at 64 callers.
func Bench(b *testing.B, open Open) {
	client := open(b)
	for _, callers := range []int{1, 64} {
		for name, bench := range map[string]func(*testing.B, *clientv3.Client) func(n int64) error{
			"Get": benchGet, "List100": benchList, "Create": benchCreate, "Modify": benchModify, "EtcdPut": benchEtcdPut,
		} {
			b.Run(fmt.Sprintf("%s/callers=%d", name, callers), func(b *testing.B) {
				do := bench(b, client)
				b.ReportAllocs()
				b.ResetTimer()
				parallel(b, callers, do)
			})
		}
	}
}

// parallel has the callers share b.N calls.
func parallel(b *testing.B, callers int, do func(n int64) error) {
	var taken atomic.Int64
	for _, err := range together(callers, func(int) error {
		for {
			n := taken.Add(1)
			if n > int64(b.N) {
				return nil
			}
			if err := do(n); err != nil {
				return err
			}
		}
	}) {
		if err != nil {
			b.Fatal(err)
		}
	}
}

// payload is about as large as a Flink application.
var payload = strings.Repeat("x", 2048)

// fill makes 10 environments of 100 applications.
func fill(b *testing.B, client *clientv3.Client) *replica {
	r := start(b, client, newPrefix())
	for _, err := range together(10, func(i int) error {
		for n := range 100 {
			if _, err := r.things.Create(b.Context(), fmt.Sprintf("env%d/app%d", i, n), text("%s", payload)); err != nil {
				return err
			}
		}
		return nil
	}) {
		if err != nil {
			b.Fatal(err)
		}
	}
	return r
}

func benchGet(b *testing.B, client *clientv3.Client) func(int64) error {
	r := fill(b, client)
	return func(n int64) error {
		_, err := r.things.Get(b.Context(), fmt.Sprintf("env%d/app%d", n/100%10, n%100))
		return err
	}
}

func benchList(b *testing.B, client *clientv3.Client) func(int64) error {
	r := fill(b, client)
	return func(n int64) error {
		objects, err := r.things.List(b.Context(), fmt.Sprintf("env%d", n%10))
		if err == nil && len(objects) != 100 {
			return fmt.Errorf("listed %d", len(objects))
		}
		return err
	}
}

func benchCreate(b *testing.B, client *clientv3.Client) func(int64) error {
	r := start(b, client, newPrefix())
	return func(n int64) error {
		_, err := r.things.Create(b.Context(), fmt.Sprintf("app%d", n), text("%s", payload))
		return err
	}
}

func benchModify(b *testing.B, client *clientv3.Client) func(int64) error {
	r := fill(b, client)
	return func(n int64) error {
		_, err := r.things.Modify(b.Context(), fmt.Sprintf("env%d/app%d", n/100%10, n%100), func(v value) (value, error) {
			v.Value = fmt.Sprint(n, payload)
			return v, nil
		})
		return err
	}
}

// benchEtcdPut is what etcd does by itself, to compare the writes with.
func benchEtcdPut(b *testing.B, client *clientv3.Client) func(int64) error {
	prefix := newPrefix()
	return func(n int64) error {
		_, err := client.Put(b.Context(), store.Key(prefix, fmt.Sprint(n)), payload)
		return err
	}
}
