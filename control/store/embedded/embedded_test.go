package embedded_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/goleak"

	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/store/embedded"
	"github.com/openweir/weir/control/store/storetest"
	"github.com/openweir/weir/internal/await"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func put(t *testing.T, client *clientv3.Client, key, value string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), await.Patience)
	defer cancel()
	if _, err := client.Put(ctx, key, value); err != nil {
		t.Fatalf("put %s: %v", key, err)
	}
}

func get(t *testing.T, client *clientv3.Client, key string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), await.Patience)
	defer cancel()
	response, err := client.Get(ctx, key)
	if err != nil {
		t.Fatalf("get %s: %v", key, err)
	}
	if len(response.Kvs) == 0 {
		return ""
	}
	return string(response.Kvs[0].Value)
}

func TestServesClientsOfOtherProcesses(t *testing.T) {
	for name, listen := range map[string]string{
		"over TCP, at a port that is free": "127.0.0.1:0",
		"over a unix socket":               "unix:" + filepath.Join(t.TempDir(), "s"),
	} {
		t.Run(name, func(t *testing.T) {
			server := storetest.Server(t, embedded.Config{Listen: listen})
			client, err := store.Dial(store.DialConfig{Endpoints: server.Endpoints()})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { client.Close() })
			put(t, client, "key", "over the socket")
			if got := get(t, server.Client(), "key"); got != "over the socket" {
				t.Errorf("in process the key is %q", got)
			}
		})
	}
}

func TestListensOnNothingUnlessTold(t *testing.T) {
	server := storetest.Server(t, embedded.Config{})
	if got := server.Endpoints(); len(got) != 0 {
		t.Errorf("it listens on %v", got)
	}
}

func TestStateSurvivesARestartWhereADirectoryIsGiven(t *testing.T) {
	dir := t.TempDir()
	first := storetest.Server(t, embedded.Config{Dir: dir})
	put(t, first.Client(), "key", "kept")
	first.Close()
	if got := get(t, storetest.Server(t, embedded.Config{Dir: dir}).Client(), "key"); got != "kept" {
		t.Errorf("after the restart the key is %q", got)
	}
}

func TestManyRunInOneProcess(t *testing.T) {
	a, b := storetest.Server(t, embedded.Config{}), storetest.Server(t, embedded.Config{})
	put(t, a.Client(), "key", "a")
	if got := get(t, b.Client(), "key"); got != "" {
		t.Errorf("a key of one is %q in the other", got)
	}
}

// The connection of a client that does not leave would otherwise last for ever.
func TestStoppingDoesNotWaitForClients(t *testing.T) {
	server := storetest.Server(t, embedded.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0"})
	client, err := store.Dial(store.DialConfig{Endpoints: server.Endpoints()})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	created := <-client.Watch(t.Context(), "key", clientv3.WithCreatedNotify())
	if err := created.Err(); err != nil {
		t.Fatal(err)
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		server.Close()
	}()
	await.Closed(t, "the server to have stopped", stopped)
}

func TestABadConfigurationIsAnError(t *testing.T) {
	for name, test := range map[string]struct {
		config embedded.Config
		want   string
	}{
		"an address without a port":  {embedded.Config{Listen: "127.0.0.1"}, "missing port"},
		"a directory that cannot be": {embedded.Config{Dir: "/dev/null/etcd"}, "/dev/null"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := embedded.Start(t.Context(), test.config)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("the error is %v, want one about %q", err, test.want)
			}
		})
	}
}
