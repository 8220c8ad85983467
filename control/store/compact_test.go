package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/openweir/weir/control/store/storetest"
	"github.com/openweir/weir/internal/await"
)

func TestHistoryIsCompacted(t *testing.T) {
	client := storetest.Etcd(t)
	s, c := startStore(t, client)
	first := create(t, c, "first")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Compact(ctx, 500*time.Millisecond) }()
	n := 0
	await.Until(t, "etcd has forgotten the first revision", func() bool {
		create(t, c, fmt.Sprint(n))
		n++
		_, err := client.Get(t.Context(), "x", clientv3.WithRev(first.Revision))
		return errors.Is(err, rpctypes.ErrCompacted)
	})
	last := create(t, c, "last")
	if _, err := client.Get(t.Context(), "x", clientv3.WithRev(last.Revision)); err != nil {
		t.Errorf("a revision that is younger than the retention is gone: %v", err)
	}
	if o, err := c.Get(t.Context(), "first"); err != nil || o == nil {
		t.Errorf("the first object is %v (%v)", o, err)
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
}
