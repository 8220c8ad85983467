//go:build flink

package path

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openweir/weir/integration/process"
	"github.com/openweir/weir/integration/weir"
	"github.com/openweir/weir/internal/await"
)

// patience is how long anything of Flink's may take: a JobManager, a
// TaskManager and a SQL Gateway start on two busy cores.
const patience = 3 * time.Minute

// onEveryRelease runs a test on each release of Flink, one after the other:
// two clusters at a time would only make both slow.
func onEveryRelease(t *testing.T, test func(t *testing.T, s *site)) {
	for release, home := range homes {
		t.Run(release, func(t *testing.T) { test(t, newSite(t, release, home)) })
	}
}

// site is the whole of Weir with one workload cluster, each part a process.
type site struct {
	weir.Client
	t *testing.T
	// version is Flink's as specifications have it, such as v1_20.
	version string
	// state is a folder for checkpoints and savepoints.
	state                   string
	control                 weir.Control
	agent                   weir.Agent
	controlProcess, running *process.Process
}

// newSite starts everything and makes the environment "test".
func newSite(t *testing.T, release, home string, changes ...func(*weir.Control)) *site {
	t.Helper()
	dir := t.TempDir()
	parts := strings.Split(release, ".")
	s := &site{t: t, version: "v" + parts[0] + "_" + parts[1], state: filepath.Join(dir, "state")}
	sandbox := weir.Sandbox{Binary: binary, Name: "workload", Dir: dir, Homes: []string{home}}
	s.start(sandbox.Start(t.Context()))
	http := s.address()
	s.Base = "http://" + http
	s.control = weir.Control{
		Binary: binary, Name: "control", Dir: dir, GRPC: s.address(), Agents: s.address(), Admin: s.address(), HTTP: http,
		Clusters: []string{"default-k8s-cluster"}, Heartbeat: time.Second,
	}
	for _, change := range changes {
		change(&s.control)
	}
	s.agent = weir.Agent{
		Binary: binary, Name: "agent", Dir: dir, Cluster: "default-k8s-cluster", Control: s.control.Agents,
		Kubeconfig: sandbox.Kubeconfig(), LocalFlink: true,
	}
	s.startControl()
	s.startAgent()
	t.Cleanup(func() {
		if t.Failed() {
			s.showLogs(dir)
		}
	})
	s.await("the environment to be accepted", func(ctx context.Context) error {
		_, err := s.Object(ctx, "POST", "/v1/environments", `{"name":"test","kubernetesNamespace":"default"}`, 200)
		return err
	})
	return s
}

// address finds an address to listen on.
func (s *site) address() string {
	s.t.Helper()
	address, err := process.FreeAddress()
	if err != nil {
		s.t.Fatal(err)
	}
	return address
}

// start ends a process that was started with the test.
func (s *site) start(p *process.Process, err error) *process.Process {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(p.Kill)
	return p
}

func (s *site) startControl() {
	s.t.Helper()
	s.controlProcess = s.start(s.control.Start(s.t.Context()))
}

func (s *site) startAgent() {
	s.t.Helper()
	s.running = s.start(s.agent.Start())
}

func (s *site) await(what string, condition func(context.Context) error) {
	s.t.Helper()
	await.Within(s.t, patience, what, condition)
}

// post creates a resource below the environment.
func (s *site) post(path string, body any, status int) weir.Object {
	s.t.Helper()
	return s.send("POST", "/v1/environments/test/"+path, body, status)
}

// send sends a request that must be answered with the status.
func (s *site) send(method, path string, body any, status int) weir.Object {
	s.t.Helper()
	text := ""
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			s.t.Fatal(err)
		}
		text = string(encoded)
	}
	object, err := s.Object(s.t.Context(), method, path, text, status)
	if err != nil {
		s.t.Fatal(err)
	}
	return object
}

// clusterSpec is that of a small cluster with durable state.
func (s *site) clusterSpec() map[string]any {
	return map[string]any{
		"image": "flink", "flinkVersion": s.version, "serviceAccount": "flink",
		"flinkConfiguration": map[string]any{
			"taskmanager.numberOfTaskSlots":         "4",
			"execution.checkpointing.interval":      "1s",
			"execution.checkpointing.dir":           "file://" + s.state + "/checkpoints",
			"execution.checkpointing.savepoint-dir": "file://" + s.state + "/savepoints",
			"restart-strategy.type":                 "fixed-delay",
			"restart-strategy.fixed-delay.attempts": "20",
			"restart-strategy.fixed-delay.delay":    "500ms",
			"jobmanager.memory.jvm-metaspace.size":  "192m",
			"taskmanager.memory.managed.size":       "64m",
			"taskmanager.memory.jvm-metaspace.size": "192m",
			"taskmanager.memory.network.fraction":   "0.05",
		},
		"jobManager":  map[string]any{"resource": map[string]any{"cpu": 1, "memory": "1000m"}},
		"taskManager": map[string]any{"resource": map[string]any{"cpu": 1, "memory": "1200m"}},
	}
}

// pool creates a compute pool, and waits until it takes statements.
func (s *site) pool(name, kind string) {
	s.t.Helper()
	s.post("compute-pools", map[string]any{
		"apiVersion": "cmf.confluent.io/v1", "kind": "ComputePool",
		"metadata": map[string]any{"name": name, "annotations": map[string]string{"weir.dev/sql-connectors": "filesystem", "weir.dev/sql-paths": "file:"}},
		"spec":     map[string]any{"type": kind, "clusterSpec": s.clusterSpec()},
	}, 200)
	if kind == "DEDICATED" {
		return
	}
	s.await("pool "+name+" to run", func(ctx context.Context) error {
		pool, err := s.Object(ctx, "GET", "/v1/environments/test/compute-pools/"+name, "", 200)
		if err == nil && pool.String("status", "phase") != "RUNNING" {
			err = fmt.Errorf("its status is %v", pool.At("status"))
		}
		return err
	})
}

// catalog creates a catalog with a database, whose tables statements may make.
func (s *site) catalog(name, database, bootstrap, registry string) {
	s.t.Helper()
	s.send("POST", "/v1/catalogs/kafka", map[string]any{
		"apiVersion": "cmf.confluent.io/v1", "kind": "KafkaCatalog", "metadata": map[string]any{"name": name},
		"spec": map[string]any{"srInstance": map[string]any{"connectionConfig": map[string]any{"schema.registry.url": registry}}},
	}, 200)
	s.send("POST", "/v1/catalogs/kafka/"+name+"/databases", map[string]any{
		"apiVersion": "cmf.confluent.io/v1", "kind": "KafkaDatabase", "metadata": map[string]any{"name": database},
		"spec": map[string]any{
			"kafkaCluster":    map[string]any{"connectionConfig": map[string]any{"bootstrap.servers": bootstrap}},
			"ddlEnvironments": []string{"test"},
		},
	}, 200)
}

// showLogs prints the end of each log, for what failed on another machine.
func (s *site) showLogs(dir string) {
	logs, _ := filepath.Glob(dir + "/*.log")
	more, _ := filepath.Glob(dir + "/workload/*/*/log/*")
	for _, path := range append(logs, more...) {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		s.t.Logf("the end of %s:\n%s", path, text[max(0, len(text)-3000):])
	}
}
