package embedded

import (
	"context"
	"fmt"
	"testing"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3rpc"

	"github.com/openweir/weir/internal/await"
)

// TestAWatchIsNotSlowForBeingStarved has many more events than etcd queues come
// before the client takes the first. Had etcd deemed the watcher slow, it would
// later have sent it many events at once.
func TestAWatchIsNotSlowForBeingStarved(t *testing.T) {
	server, err := Start(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream, err := watchClient{v3rpc.NewWatchServer(server.etcd.Server)}.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	create := &etcdserverpb.WatchCreateRequest{Key: []byte("k")}
	if err := stream.Send(&etcdserverpb.WatchRequest{RequestUnion: &etcdserverpb.WatchRequest_CreateRequest{CreateRequest: create}}); err != nil {
		t.Fatal(err)
	}
	if created, err := stream.Recv(); err != nil || !created.Created {
		t.Fatalf("the first response is %v (%v)", created, err)
	}
	const events = 1000
	queued := stream.(clientEnd).responses
	for n := range events {
		if _, err := server.Client().Put(ctx, "k", fmt.Sprint(n)); err != nil {
			t.Fatal(err)
		}
		if n%64 == 0 { // the goroutine that moves events on may be starved too
			await.Until(t, "the events to be queued", func() bool { return len(queued) == n+1 })
		}
	}
	for n := range events {
		response, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if len(response.Events) != 1 || string(response.Events[0].Kv.Value) != fmt.Sprint(n) {
			t.Fatalf("response %d has %d events, the first with %q", n, len(response.Events), response.Events[0].Kv.Value)
		}
	}
}
