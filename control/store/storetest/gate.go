package storetest

import (
	"context"
	"sync"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// gate stands between a store and the watches of etcd, and can cut them while
// everything else goes on.
type gate struct {
	clientv3.Watcher
	client *clientv3.Client // whose watches go through the gate

	mu      sync.Mutex
	closed  bool
	cancels []context.CancelFunc          // of the watches that pass
	silent  []chan clientv3.WatchResponse // what watches got while the gate was closed
}

func newGate(client *clientv3.Client) *gate {
	g := &gate{Watcher: client.Watcher, client: clientv3.NewCtxClient(client.Ctx())}
	g.client.KV, g.client.Lease, g.client.Maintenance = client.KV, client.Lease, client.Maintenance
	g.client.Watcher = g
	return g
}

// Watch passes the watch on, or gives one that says nothing.
func (g *gate) Watch(ctx context.Context, key string, options ...clientv3.OpOption) clientv3.WatchChan {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		silence := make(chan clientv3.WatchResponse)
		g.silent = append(g.silent, silence)
		return silence
	}
	ctx, cancel := context.WithCancel(ctx)
	g.cancels = append(g.cancels, cancel)
	return g.Watcher.Watch(ctx, key, options...)
}

// RequestProgress asks for progress, in vain while the gate is closed.
func (g *gate) RequestProgress(ctx context.Context) error {
	g.mu.Lock()
	closed := g.closed
	g.mu.Unlock()
	if closed {
		return nil
	}
	return g.Watcher.RequestProgress(ctx)
}

// cut ends all watches and silences new ones.
func (g *gate) cut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	for _, cancel := range g.cancels {
		cancel()
	}
	g.cancels = nil
}

// restore lets watches pass again.
func (g *gate) restore() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = false
	for _, silence := range g.silent {
		close(silence)
	}
	g.silent = nil
}
