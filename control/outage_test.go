package control_test

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/openweir/weir/control"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/store/embedded"
	"github.com/openweir/weir/control/store/storetest"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/internal/await"
)

// listeningEtcd runs an etcd that takes connections.
func listeningEtcd(t testing.TB) *embedded.Server {
	t.Helper()
	return storetest.Server(t, embedded.Config{Listen: "127.0.0.1:0"})
}

func hostOf(etcd *embedded.Server) string { return strings.TrimPrefix(etcd.Endpoints()[0], "http://") }

// dialEtcd gives a client whose connections go through the proxy.
func dialEtcd(t testing.TB, through *proxy) *clientv3.Client {
	t.Helper()
	client := must(store.Dial(store.DialConfig{Endpoints: []string{through.address()}}))(t)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// requestTimeout is what a request to etcd may take if nothing ends it before. What
// fails or ends in time takes less, on a slow machine as well.
const requestTimeout = 10 * time.Second

// TestEtcdOutage: during an outage of etcd, requests fail in time. Afterwards
// everything continues without a restart: requests, sessions, reports and
// background work.
func TestEtcdOutage(t *testing.T) {
	t.Parallel()
	network := startProxy(t, hostOf(listeningEtcd(t)))
	r := startReplica(t, dialEtcd(t, network), "replica-1")
	a := r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod")
	r.saveApplication(t, "prod", "orders", running)
	sent := a.awaitApply("orders", 1)

	network.cut()
	var meanwhile sync.WaitGroup
	answersInTime := func(what string, request func() error) {
		meanwhile.Go(func() {
			begun := time.Now()
			err := request()
			equal(t, what, refusal{Code: codes.Unavailable, Messages: []string{"etcd is not available. Try again."}}, refusalOf(err))
			if took := time.Since(begun); took >= requestTimeout {
				t.Errorf("a %s took %s to fail", what, took)
			}
		})
	}
	answersInTime("read", func() error {
		_, err := r.applications.GetApplication(t.Context(), &cmfv1.GetApplicationRequest{EnvName: "prod", AppName: "orders"})
		return err
	})
	answersInTime("write", func() error {
		_, err := r.environments.CreateOrUpdateEnvironment(t.Context(), environment("test"))
		return err
	})
	refusedAgent := dial(t, r.agents, anyToken)
	refusedAgent.begin(hello("cluster-b"))
	// What cannot be stored is said again in another session.
	a.report(sent, flinkStatus("STABLE", "RUNNING", "job-1"))
	for _, ended := range []*agent{a, refusedAgent} {
		await.Closed(t, "the end of the stream", ended.ended)
		equal(t, "code", codes.Unavailable, status.Code(ended.err))
	}
	if err := r.Ready(t.Context()); err == nil {
		t.Error("the replica is ready without etcd")
	}
	meanwhile.Wait()
	// Each would take two seconds if it were not known that etcd does not answer.
	const reads = 10
	begun := time.Now()
	for range reads {
		_, err := r.applications.GetApplication(t.Context(), &cmfv1.GetApplicationRequest{EnvName: "prod", AppName: "orders"})
		equal(t, "code", codes.Unavailable, status.Code(err))
	}
	if took := time.Since(begun); took >= reads*time.Second {
		t.Errorf("%d reads took %s to fail, though it was known that etcd does not answer", reads, took)
	}

	network.heal()
	await.Success(t, "the replica to be ready", func() error { return r.Ready(t.Context()) })
	var back *agent
	await.Success(t, "a session", func() error {
		back = dial(t, r.agents, anyToken)
		back.begin(hello("cluster-a", holding(sent)))
		await.Success(t, "its beginning or end", func() error {
			select {
			case <-back.ended:
				return nil
			default:
				return difference(true, back.synced() != nil)
			}
		})
		if back.synced() == nil {
			return back.err
		}
		return nil
	})
	equal(t, "sent", int32(0), back.synced().GetSent())
	back.report(sent, flinkStatus("STABLE", "RUNNING", "job-1"))
	awaitEqual(t, "the state of the job", "RUNNING", func() string { return r.jobState(t, "prod", "orders") })
	r.saveEnvironment(t, "prod", defaults(`{"spec":{"image":"flink:hardened"}}`))
	equal(t, "image", any("flink:hardened"), specOf(t, back.awaitApply("orders", 1))["image"])
}

// A session whose lease could be kept in time survives an interruption.
func TestSessionSurvivesAShortInterruption(t *testing.T) {
	t.Parallel()
	network := startProxy(t, hostOf(listeningEtcd(t)))
	r := startReplica(t, dialEtcd(t, network), "replica-1")
	a := r.connect(t, hello("cluster-a"))
	network.cut()
	a.beat("")
	network.heal()
	await.Success(t, "the replica to be ready", func() error { return r.Ready(t.Context()) })
	a.beat("")
	r.saveEnvironment(t, "prod")
	r.saveApplication(t, "prod", "orders", running)
	a.awaitApply("orders", 1)
	equal(t, "state", "CONNECTED", r.cluster(t, "cluster-a").GetStatus().GetState())
}

// An election within etcd takes about a second.
func TestRequestsWaitForAShortInterruption(t *testing.T) {
	t.Parallel()
	network := startProxy(t, hostOf(listeningEtcd(t)))
	r := startReplica(t, dialEtcd(t, network), "replica-1")
	r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod")
	network.cut()
	read := make(chan error, 1)
	go func() {
		_, err := r.environments.GetEnvironment(t.Context(), &cmfv1.GetEnvironmentRequest{EnvName: "prod"})
		read <- err
	}()
	// Several attempts to connect, each of which comes later after the one before.
	before := network.refusals()
	await.Until(t, "the replica has tried to connect", func() bool { return network.refusals() >= before+3 })
	network.heal()
	if err := await.Receive(t, "the read", read); err != nil {
		t.Errorf("a read during the interruption failed: %v", err)
	}
}

func TestReplicaStartsWithoutEtcdAndServesOnceItIsAvailable(t *testing.T) {
	t.Parallel()
	network := startProxy(t, hostOf(listeningEtcd(t)))
	network.cut()
	var r *replica
	r = launch(t, dialEtcd(t, network), "replica-1", func(config *control.Config) {
		listen := config.Listen
		config.Listen = func() (net.Listener, error) {
			select {
			case <-r.Loaded():
			default:
				t.Error("the replica listens before the state is loaded")
			}
			return listen()
		}
	})
	if err := r.Ready(t.Context()); err == nil || err.Error() != "the state is not loaded yet" {
		t.Errorf("the replica is ready without etcd: %v", err)
	}
	network.heal()
	await.Closed(t, "the state", r.Loaded())
	r.connect(t, hello("cluster-a"))
}

// Clients with health checks send nothing to a replica that cannot read from etcd.
func TestHealthFollowsEtcd(t *testing.T) {
	t.Parallel()
	network := startProxy(t, hostOf(listeningEtcd(t)))
	r := startReplica(t, dialEtcd(t, network), "replica-1")
	health := healthv1.NewHealthClient(r.conn)
	status := func() string {
		return must(health.Check(t.Context(), &healthv1.HealthCheckRequest{}))(t).GetStatus().String()
	}
	awaitEqual(t, "health with etcd", "SERVING", status)
	network.cut()
	awaitEqual(t, "health without etcd", "NOT_SERVING", status)
	network.heal()
	awaitEqual(t, "health with etcd again", "SERVING", status)
}

func TestReplicaStopsInTime(t *testing.T) {
	t.Parallel()
	stops := func(t *testing.T, r *replica) {
		t.Helper()
		begun := time.Now()
		r.stop(t)
		if took := time.Since(begun); took >= requestTimeout {
			t.Errorf("stopping took %s", took)
		}
	}
	t.Run("while it waits for etcd", func(t *testing.T) {
		network := startProxy(t, hostOf(listeningEtcd(t)))
		network.cut()
		stops(t, launch(t, dialEtcd(t, network), "replica-1"))
	})
	t.Run("while etcd is away", func(t *testing.T) {
		network := startProxy(t, hostOf(listeningEtcd(t)))
		r := startReplica(t, dialEtcd(t, network), "replica-1")
		r.connect(t, hello("cluster-a"))
		network.cut()
		stops(t, r)
	})
	t.Run("with a silent client", func(t *testing.T) {
		r := start(t)
		dial(t, r.agents, anyToken)
		r.connect(t, hello("cluster-a"))
		stops(t, r)
	})
	t.Run("with an agent that does not read", func(t *testing.T) {
		r := start(t)
		a := r.connect(t, hello("cluster-a"))
		r.saveEnvironment(t, "prod")
		a.pause()
		for n := range 8 {
			r.saveApplication(t, "prod", numbered("large", n), fmt.Sprintf(
				`{"flinkVersion":"v1_20","serviceAccount":"flink","job":{"upgradeMode":"stateless","parallelism":1,"args":[%q]}}`, strings.Repeat("x", 100<<10)))
		}
		stops(t, r)
	})
}
