package control_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/openweir/weir/control"
	"github.com/openweir/weir/control/access"
	"github.com/openweir/weir/control/fleet"
	"github.com/openweir/weir/control/resource/information"
	"github.com/openweir/weir/control/store/storetest"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/internal/await"
)

const (
	// anyToken is good for every cluster, oneToken for cluster-a alone.
	anyToken = "good-for-any"
	oneToken = "good-for-cluster-a"
	// longHeartbeat is for tests that are not about heartbeats: no agent has to
	// send one before the test is over.
	longHeartbeat = time.Minute
	// minimal is the shortest heartbeat that a replica takes.
	minimal = time.Second
)

// replica is a control plane that serves on a real socket, and a client of it.
type replica struct {
	*control.Control
	address string // of the public API
	agents  string // of the fleet service
	etcd    *clientv3.Client
	conn    *grpc.ClientConn

	environments cmfv1.EnvironmentServiceClient
	applications cmfv1.ApplicationServiceClient
	instances    cmfv1.ApplicationInstanceServiceClient
	events       cmfv1.ApplicationEventServiceClient
	clusters     cmfv1.KubernetesClusterServiceClient
	information  cmfv1.InformationServiceClient

	cancel context.CancelFunc
	ended  chan struct{}
	err    error // of Run, once ended is closed
}

// start runs one replica over an etcd of its own.
func start(t testing.TB, changes ...func(*control.Config)) *replica {
	t.Helper()
	return startReplica(t, storetest.Etcd(t), "replica-1", changes...)
}

// startTwo runs two replicas over one etcd.
func startTwo(t testing.TB, changes ...func(*control.Config)) (one, two *replica) {
	t.Helper()
	etcd := storetest.Etcd(t)
	return startReplica(t, etcd, "replica-1", changes...), startReplica(t, etcd, "replica-2", changes...)
}

func startReplica(t testing.TB, etcd *clientv3.Client, name string, changes ...func(*control.Config)) *replica {
	t.Helper()
	r := launch(t, etcd, name, changes...)
	await.Closed(t, name+" loading the state", r.Loaded())
	return r
}

// launch runs a replica and does not wait for it to serve.
func launch(t testing.TB, etcd *clientv3.Client, name string, changes ...func(*control.Config)) *replica {
	t.Helper()
	listener, agents := must(net.Listen("tcp", "127.0.0.1:0"))(t), must(net.Listen("tcp", "127.0.0.1:0"))(t)
	config := control.Config{
		Etcd:         etcd,
		Listen:       func() (net.Listener, error) { return listener, nil },
		ListenAgents: func() (net.Listener, error) { return agents, nil },
		Replica:      name,
		Authenticate: access.AllowAnonymous,
		AgentTokens:  fleet.Tokens{},
		Heartbeat:    longHeartbeat,
		Version:      information.Version{Version: "1.2.3", Revision: "0123abc"},
		Log:          slog.New(slog.NewTextHandler(testLog{t, name}, nil)),
	}
	config.AgentTokens.Add(anyToken, "")
	config.AgentTokens.Add(oneToken, "cluster-a")
	for _, change := range changes {
		change(&config)
	}
	plane := must(control.New(config))(t)
	conn := must(grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials())))(t)
	ctx, cancel := context.WithCancel(context.Background())
	r := &replica{
		Control: plane, address: listener.Addr().String(), agents: agents.Addr().String(), etcd: etcd, conn: conn,
		environments: cmfv1.NewEnvironmentServiceClient(conn),
		applications: cmfv1.NewApplicationServiceClient(conn),
		instances:    cmfv1.NewApplicationInstanceServiceClient(conn),
		events:       cmfv1.NewApplicationEventServiceClient(conn),
		clusters:     cmfv1.NewKubernetesClusterServiceClient(conn),
		information:  cmfv1.NewInformationServiceClient(conn),
		cancel:       cancel, ended: make(chan struct{}),
	}
	go func() {
		defer close(r.ended)
		r.err = plane.Run(ctx)
	}()
	t.Cleanup(func() {
		r.stop(t)
		_ = conn.Close()
	})
	return r
}

// stop ends the replica as a signal would, and waits.
func (r *replica) stop(t testing.TB) {
	t.Helper()
	r.cancel()
	await.Closed(t, "the end of the replica", r.ended)
	if r.err != nil {
		t.Errorf("the replica ended with: %v", r.err)
	}
}

// testLog writes a replica's log to the test's, which shows it where the test
// fails.
type testLog struct {
	t       testing.TB
	replica string
}

func (l testLog) Write(line []byte) (int, error) {
	l.t.Logf("%s: %s", l.replica, line)
	return len(line), nil
}

// stored is every key of the collections with the revision that wrote it. The
// records that sessions write as they come and go are left out.
func (r *replica) stored(t testing.TB) map[string]int64 {
	t.Helper()
	response := must(r.etcd.Get(t.Context(), control.Prefix+"/", clientv3.WithPrefix(), clientv3.WithKeysOnly()))(t)
	keys := map[string]int64{}
	for _, kv := range response.Kvs {
		key := strings.TrimPrefix(string(kv.Key), control.Prefix+"/")
		if !strings.HasPrefix(key, "sessions/") && !strings.HasPrefix(key, "cluster-status/") {
			keys[key] = kv.ModRevision
		}
	}
	return keys
}

// storedUnder is stored for the keys that begin with prefix.
func (r *replica) storedUnder(t testing.TB, prefix string) map[string]int64 {
	t.Helper()
	keys := r.stored(t)
	for key := range keys {
		if !strings.HasPrefix(key, prefix) {
			delete(keys, key)
		}
	}
	return keys
}

// numbered gives names that sort in the order of their numbers.
func numbered(name string, n int) string { return fmt.Sprintf("%s-%03d", name, n) }
