package scenario

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/openweir/weir/integration/etcd"
	"github.com/openweir/weir/integration/process"
	"github.com/openweir/weir/integration/weir"
	"github.com/openweir/weir/internal/await"
)

// TestASilentReplicaDoesNotStopReads: one of two replicas is stopped by a signal.
// Its connections stay open and nothing answers on them.
func TestASilentReplicaDoesNotStopReads(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), startLimit)
	defer cancel()
	dir := t.TempDir()
	store, err := etcd.Start(ctx, etcd.Config{Binary: programs.etcd, Name: "etcd", Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Kill)
	var replicas [2]*process.Process
	var addresses [2]string
	for i, name := range []string{"one", "two"} {
		addresses[i] = freeAddress(t)
		replicas[i], err = weir.Control{
			Binary: programs.weir, Name: name, Dir: dir, Etcd: []string{store.Endpoint},
			GRPC: addresses[i], Agents: freeAddress(t), Admin: freeAddress(t), Clusters: clusters, Heartbeat: heartbeat,
		}.Start(ctx)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(replicas[i].Kill)
	}
	client := weir.Client{Base: "http://" + freeAddress(t)}
	gateway, err := weir.Gateway{
		Binary: programs.weir, Name: "gateway", Dir: dir, Control: addresses[0] + "," + addresses[1], HTTP: client.Base[len("http://"):],
	}.Start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(gateway.Kill)

	read := func() {
		answer, err := client.Do(ctx, http.MethodGet, "/v1/environments", "")
		if err != nil || answer.Status != http.StatusOK {
			t.Errorf("a read got status %d, error %v", answer.Status, err)
		}
	}
	// The connection to a replica that is paused ends 13 s after its last response. A
	// read that ends earlier was answered by the other replica.
	const keepalive = 13 * time.Second
	begun := time.Now()
	for range 4 { // each replica responds to one of two
		read()
	}
	replicas[0].Pause()
	var reads sync.WaitGroup
	for range 16 {
		reads.Go(func() {
			for range 4 {
				read()
			}
		})
	}
	reads.Wait()
	if took := time.Since(begun); took >= keepalive {
		t.Errorf("the reads took %s, want less than %s: some waited until the connection ended", took, keepalive)
	}

	replicas[1].Pause()
	await.Within(t, time.Minute, "the gateway to be ready no more", func(ctx context.Context) error {
		return wantReady(ctx, client.Base, http.StatusServiceUnavailable)
	})
	replicas[0].Resume()
	await.Within(t, time.Minute, "the gateway to be ready again", func(ctx context.Context) error {
		return wantReady(ctx, client.Base, http.StatusOK)
	})
}

func wantReady(ctx context.Context, base string, status int) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/readyz", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != status {
		return fmt.Errorf("/readyz gives status %d, want %d", response.StatusCode, status)
	}
	return nil
}
