package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// junk is what the keys begin with that FillSpace writes.
const junk = "/storetest-junk/"

// settled is for how long etcd has to reject writes before its space counts as used
// up: the embedded etcd frees what it can within two seconds.
const settled = 3 * time.Second

// FillSpace uses up the space quota of an etcd with values that compaction does not
// free.
func FillSpace(t testing.TB, etcd *clientv3.Client) {
	t.Helper()
	var rejectedSince time.Time
	for n := 0; rejectedSince.IsZero() || time.Since(rejectedSince) < settled; {
		_, err := etcd.Put(t.Context(), fmt.Sprint(junk, n), Noise(8<<10))
		switch {
		case err == nil:
			rejectedSince = time.Time{}
			n++
		case !errors.Is(err, rpctypes.ErrNoSpace):
			t.Fatal(err)
		case rejectedSince.IsZero():
			rejectedSince = time.Now()
		default:
			<-time.After(20 * time.Millisecond)
		}
	}
}

// FreeSpace deletes what FillSpace has written.
func FreeSpace(t testing.TB, etcd *clientv3.Client) {
	t.Helper()
	if _, err := etcd.Delete(t.Context(), junk, clientv3.WithPrefix()); err != nil {
		t.Fatal(err)
	}
}
