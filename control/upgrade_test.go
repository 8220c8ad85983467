package control_test

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/openweir/weir/control"
	"github.com/openweir/weir/control/store/storetest"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

var update = flag.Bool("update", false, "write the records of the last release anew")

// release is what a release leaves behind: the records in etcd by their keys, and
// the objects that its agent has applied.
type release struct {
	Records map[string][]byte
	Held    []json.RawMessage
}

const lastRelease = "last-release.json"

// writeRelease runs a replica with applications that run.
func writeRelease(t *testing.T, path string) {
	t.Helper()
	r := start(t)
	a := r.connect(t, hello("cluster-a"))
	stateful := strings.Replace(running, "stateless", "last-state", 1)
	stateful = strings.Replace(stateful, `"image"`, `"flinkConfiguration":{"state.checkpoints.dir":"s3://flink/checkpoints",`+
		`"high-availability.type":"kubernetes","high-availability.storageDir":"s3://flink/ha"},"image"`, 1)
	var sent []*agentv1.Apply
	for _, app := range []struct{ env, name, spec string }{
		{"finance", "payments", stateful},
		{"prod", "orders", running},
	} {
		r.saveEnvironment(t, app.env, defaults(slots("2")))
		r.saveApplication(t, app.env, app.name, app.spec)
		a.applied(a.awaitApply(app.name, 1))
		r.saveApplication(t, app.env, app.name, strings.Replace(app.spec, `"parallelism":2`, `"parallelism":3`, 1))
		m := a.awaitApply(app.name, 2)
		sent = append(sent, m)
		a.applied(m)
		a.report(m, flinkStatus("STABLE", "RUNNING", "job-of-"+app.name))
		awaitEqual(t, "the state of the job", "RUNNING", func() string { return r.jobState(t, app.env, app.name) })
	}

	out := release{Records: map[string][]byte{}}
	for _, held := range hello("cluster-a", holding(sent...)).GetHeld() {
		text, err := protojson.Marshal(held)
		if err != nil {
			t.Fatal(err)
		}
		out.Held = append(out.Held, text)
	}
	a.close()
	r.stop(t)
	for _, kv := range must(r.etcd.Get(t.Context(), control.Prefix+"/", clientv3.WithPrefix()))(t).Kvs {
		if kv.Lease == 0 {
			out.Records[string(kv.Key)] = kv.Value
		}
	}
	text, err := json.MarshalIndent(out, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestAnUpgradeRestartsNoJob loads records that the last release has written. They
// are written anew for each release, by go test ./control -run
// TestAnUpgradeRestartsNoJob -update, and at no other time: a difference in what is
// sent restarts the jobs of every installation that is upgraded.
func TestAnUpgradeRestartsNoJob(t *testing.T) {
	path := filepath.Join("testdata", lastRelease)
	if *update {
		writeRelease(t, path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var last release
	if err := json.Unmarshal(text, &last); err != nil {
		t.Fatal(err)
	}
	etcd := storetest.Etcd(t)
	for key, value := range last.Records {
		must(etcd.Put(t.Context(), key, string(value)))(t)
	}
	r := startReplica(t, etcd, "replica-1")
	before := r.storedOf(t, "finance")
	if len(before) == 0 {
		t.Fatal("the release has left no records of payments")
	}
	a := r.connect(t, hello("cluster-a", func(h *agentv1.Hello) {
		for _, text := range last.Held {
			held := &agentv1.HeldObject{}
			if err := protojson.Unmarshal(text, held); err != nil {
				t.Fatal(err)
			}
			h.Held = append(h.Held, held)
		}
	}))
	equal(t, "sent", int32(0), a.synced().GetSent())

	// A leader looks at all applications, in the order of their environments, before
	// it follows this change.
	r.saveEnvironment(t, "prod", defaults(slots("4")))
	a.awaitApply("orders", 1)
	equal(t, "stored", before, r.storedOf(t, "finance"))
	equal(t, "Apply messages", 0, len(a.applies("payments")))
}

func slots(n string) string {
	return `{"spec":{"flinkConfiguration":{"taskmanager.numberOfTaskSlots":"` + n + `"}}}`
}

// storedOf is stored for the keys of an environment's resources.
func (r *replica) storedOf(t testing.TB, env string) map[string]int64 {
	t.Helper()
	keys := r.stored(t)
	maps.DeleteFunc(keys, func(key string, _ int64) bool { return !strings.Contains(key, "/"+env+"/") })
	return keys
}
