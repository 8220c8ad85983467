package store_test

import (
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/goleak"

	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/store/embedded"
	"github.com/openweir/weir/control/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	for name, open := range map[string]storetest.Open{"in process": inProcess, "over a socket": overASocket} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, open)
		})
	}
}

func BenchmarkInProcess(b *testing.B) { storetest.Bench(b, inProcess) }

func BenchmarkOverASocket(b *testing.B) { storetest.Bench(b, overASocket) }

func inProcess(t testing.TB) *clientv3.Client {
	return storetest.Etcd(t)
}

func overASocket(t testing.TB) *clientv3.Client {
	return dial(t, storetest.Server(t, embedded.Config{Listen: "127.0.0.1:0"}))
}

func dial(t testing.TB, server *embedded.Server) *clientv3.Client {
	t.Helper()
	client, err := store.Dial(store.DialConfig{Endpoints: server.Endpoints()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}
