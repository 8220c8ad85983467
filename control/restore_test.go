package control_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/openweir/weir/control"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/store/backup"
	"github.com/openweir/weir/control/store/embedded"
	"github.com/openweir/weir/control/store/storetest"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/internal/await"
)

// backedUp starts a replica whose etcd can be backed up.
func backedUp(t *testing.T) (r *replica, save func() string) {
	t.Helper()
	server := storetest.Server(t, embedded.Config{Listen: "127.0.0.1:0"})
	r = startReplica(t, server.Client(), "replica-1")
	return r, func() string {
		t.Helper()
		client := must(store.Dial(store.DialConfig{Endpoints: server.Endpoints()}))(t)
		defer client.Close()
		path := filepath.Join(t.TempDir(), "backup")
		must(backup.Save(t.Context(), client, path))(t)
		return path
	}
}

// restored starts a replica on an etcd that is restored from a backup.
func restored(t *testing.T, path string) *replica {
	t.Helper()
	dir := t.TempDir()
	must(control.Restore(t.Context(), path, embedded.DataDir(dir), embedded.Member()))(t)
	return startReplica(t, storetest.Server(t, embedded.Config{Dir: dir}).Client(), "restored")
}

const (
	two   = `"parallelism":2`
	three = `"parallelism":3`
	four  = `"parallelism":4`
)

func parallelism(p string) string { return strings.Replace(running, two, p, 1) }

// operatorStatus is that of a FlinkDeployment that runs what an Apply says.
func operatorStatus(t testing.TB, m *agentv1.Apply) string {
	t.Helper()
	recorded := must(json.Marshal(map[string]any{"spec": specOf(t, m), "resource_metadata": map[string]any{"firstDeployment": false}}))(t)
	return string(must(json.Marshal(map[string]any{
		"observedGeneration": 1, "lifecycleState": "STABLE", "jobStatus": map[string]any{"jobName": "job", "jobId": "job-1", "state": "RUNNING"},
		"reconciliationStatus": map[string]any{"state": "DEPLOYED", "lastReconciledSpec": string(recorded)},
	}))(t))
}

// problemOf is the problem that the status of an application shows.
func (r *replica) problemOf(t testing.TB, name string) string {
	t.Helper()
	problem, _ := r.status(t, "prod", name)["error"].(string)
	return problem
}

// aheadCluster is an installation that is restored while its cluster is ahead: orders was
// changed after the backup, and invoices created.
type aheadCluster struct {
	*replica
	orders, invoices *agentv1.Apply // as the cluster has them
	// instance is that of the backup.
	instance string
}

func startAhead(t *testing.T) *aheadCluster {
	t.Helper()
	r, save := backedUp(t)
	a := r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod")
	r.saveApplication(t, "prod", "orders", running)
	a.applied(a.awaitApply("orders", 1))
	out := &aheadCluster{instance: r.runs(t, "prod", "orders")[0].GetMetadata().GetName()}
	path := save()

	for n, p := range []string{three, four} {
		r.saveApplication(t, "prod", "orders", parallelism(p))
		out.orders = a.awaitApply("orders", n+2)
		a.applied(out.orders)
	}
	a.report(out.orders, operatorStatus(t, out.orders))
	r.saveApplication(t, "prod", "invoices", running)
	out.invoices = a.awaitApply("invoices", 1)
	a.applied(out.invoices)
	awaitEqual(t, "the state of the job", "RUNNING", func() string { return r.jobState(t, "prod", "orders") })
	a.close()
	r.stop(t)
	out.replica = restored(t, path)
	return out
}

// reconnect connects the agent, which has what it had before the restore.
func (c *aheadCluster) reconnect(t *testing.T) *agent {
	t.Helper()
	a := c.connect(t, hello("cluster-a", holding(c.orders, c.invoices)))
	a.report(c.orders, operatorStatus(t, c.orders))
	a.applied(c.orders) // what it says of an object that it goes on to maintain
	await.Success(t, "the problem on the application", func() error {
		if p := c.problemOf(t, "orders"); !strings.HasPrefix(p, "ClusterAhead: ") {
			return errors.New(p)
		}
		return nil
	})
	awaitEqual(t, "the state of the job", "RUNNING", func() string { return c.jobState(t, "prod", "orders") })
	return a
}

func TestWhatIsNewerThanTheBackupIsKeptAndReported(t *testing.T) {
	c := startAhead(t)
	a := c.reconnect(t)
	equal(t, "specification", running, c.application(t, "prod", "orders").GetSpec().GetJson())
	equal(t, "problem", "ClusterAhead: The FlinkDeployment 'orders' on the cluster is newer than this resource, which was restored from a backup: "+
		"it has generation 3, and the resource generation 1. It is kept as it is, and what runs continues. "+
		"To apply this resource in its place, change the resource, for example one of its labels.", c.problemOf(t, "orders"))
	if events := c.history(t, "prod", "orders"); !slices.ContainsFunc(events, func(e string) bool { return strings.HasPrefix(e, "WARNING ClusterAhead: ") }) {
		t.Errorf("no event says so: %v", events)
	}
	equal(t, "orphans", []string{"invoices"}, c.orphans(t))
	equal(t, "messages that change the cluster", []int{0, 0}, []int{len(a.applies("")), len(a.deletes())})
	a.close()

	// It stays so in the next session, and when the environment changes: that is applied
	// to one application after the other, in the order of their names.
	b := c.reconnect(t)
	c.saveApplication(t, "prod", "payments", running)
	b.awaitApply("payments", 1)
	c.saveEnvironment(t, "prod", defaults(slots("4")))
	b.awaitApply("payments", 2)
	equal(t, "messages that change the cluster", []int{0, 0}, []int{len(b.applies("orders")), len(b.deletes())})
}

func (c *aheadCluster) orphans(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, o := range must(cmfv1.NewOrphanServiceClient(c.conn).GetOrphans(t.Context(), &cmfv1.GetOrphansRequest{KubernetesClusterName: "cluster-a"}))(t).GetOrphans() {
		names = append(names, o.GetName())
	}
	return names
}

func TestAnUpdateAfterARestoreTakesEffect(t *testing.T) {
	for name, test := range map[string]struct {
		spec   string
		labels map[string]string
		// goesOn is set where the job goes on: its pods keep their annotations.
		goesOn bool
		want   float64
	}{
		"to something else":                      {spec: parallelism(`"parallelism":8`), want: 8},
		"to what the backup has, by a label":     {spec: running, labels: map[string]string{"team": "red"}, want: 2},
		"to what runs, which goes on to do so":   {spec: parallelism(four), goesOn: true, want: 4},
		"to what runs, with a change of a label": {spec: parallelism(four), labels: map[string]string{"team": "red"}, goesOn: true, want: 4},
	} {
		t.Run(name, func(t *testing.T) {
			c := startAhead(t)
			a := c.reconnect(t)
			must(c.applications.CreateOrUpdateApplication(t.Context(), &cmfv1.CreateOrUpdateApplicationRequest{EnvName: "prod", Application: &cmfv1.FlinkApplication{
				Metadata: &cmfv1.ObjectMeta{Name: "orders", Labels: test.labels}, Spec: text(test.spec),
			}}))(t)
			m := a.awaitApply("orders", 1)
			if m.GetGeneration() <= c.orders.GetGeneration() {
				t.Errorf("generation %d is sent, and the cluster has %d", m.GetGeneration(), c.orders.GetGeneration())
			}
			job, _ := specOf(t, m)["job"].(map[string]any)
			equal(t, "parallelism", any(test.want), job["parallelism"])
			if test.goesOn {
				equal(t, "annotations of the pods", marksOfPods(t, c.orders), marksOfPods(t, m))
			}
			a.applied(m)
			awaitEqual(t, "problem", "", func() string { return c.problemOf(t, "orders") })
			a.close()

			// It is as any other application then.
			b := c.connect(t, hello("cluster-a", holding(m, c.invoices)))
			equal(t, "Apply messages", 0, len(b.applies("orders")))
			c.saveApplication(t, "prod", "orders", parallelism(three))
			equal(t, "generation", m.GetGeneration()+1, b.awaitApply("orders", 1).GetGeneration())
		})
	}
}

// A user does not have to wait for the agent.
func TestAnUpdateBeforeTheAgentConnectsTakesEffect(t *testing.T) {
	c := startAhead(t)
	c.saveApplication(t, "prod", "orders", parallelism(`"parallelism":8`))
	a := c.connect(t, hello("cluster-a", holding(c.orders, c.invoices)))
	m := a.awaitApply("orders", 1)
	if m.GetGeneration() <= c.orders.GetGeneration() {
		t.Errorf("generation %d is sent, and the cluster has %d", m.GetGeneration(), c.orders.GetGeneration())
	}
	equal(t, "problem", "", c.problemOf(t, "orders"))
}

func TestAnApplicationThatIsNewerThanTheBackupIsAdopted(t *testing.T) {
	c := startAhead(t)
	a := c.reconnect(t)
	c.saveApplication(t, "prod", "invoices", running)
	first := a.awaitApply("invoices", 1)
	spec := string(must(json.Marshal(specOf(t, c.invoices)))(t))
	a.refuse(first, "OtherOwner", &agentv1.FoundObject{ObjectUid: "object-1", ObjectGeneration: 4, OwnerUid: c.invoices.GetOwnerUid(), Spec: spec})
	second := a.awaitApply("invoices", 2)
	equal(t, "adopts", &agentv1.Adopt{ObjectUid: "object-1", ObjectGeneration: 4}, second.GetAdopt())
	equal(t, "annotations of the pods", marksOfPods(t, c.invoices), marksOfPods(t, second))
	a.applied(second)
	awaitEqual(t, "orphans", nil, func() []string { return c.orphans(t) })
}

// What was started or suspended after the backup was so from other savepoints.
func TestNoJobGoesBackToASavepointOfTheBackup(t *testing.T) {
	r, save := backedUp(t)
	a := r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod")
	from := func(path string) string {
		return strings.Replace(running, `"image"`, `"startFromSavepoint":{"initialSavepointPath":"`+path+`","nonce":`+fmt.Sprint(len(path))+`},"image"`, 1)
	}
	r.saveApplication(t, "prod", "orders", from("s3://flink/first"))
	first := a.awaitApply("orders", 1)
	a.applied(first)
	path := save()
	r.saveApplication(t, "prod", "orders", from("s3://flink/second"))
	second := a.awaitApply("orders", 2)
	a.applied(second)
	a.close()
	r.stop(t)

	c := &aheadCluster{replica: restored(t, path), orders: second, invoices: second}
	b := c.reconnect(t)
	c.saveApplication(t, "prod", "orders", strings.Replace(from("s3://flink/first"), two, three, 1))
	job, _ := specOf(t, b.awaitApply("orders", 1))["job"].(map[string]any)
	equal(t, "savepoint and nonce", []any{nil, nil}, []any{job["initialSavepointPath"], job["savepointRedeployNonce"]})
	if job, _ := specOf(t, first)["job"].(map[string]any); job["initialSavepointPath"] != "s3://flink/first" {
		t.Errorf("before the restore the job is %v", job)
	}
}

// An epoch that is not greater than those before would be superseded for good.
func TestSessionsAfterARestoreHaveGreaterEpochs(t *testing.T) {
	r, save := backedUp(t)
	r.connect(t, hello("cluster-a")).close()
	path := save()
	later := r.connect(t, hello("cluster-a"))
	epoch := later.welcome().GetEpoch()
	equal(t, "restored", int64(0), later.welcome().GetRestored())
	later.close()
	r.stop(t)

	welcome := restored(t, path).connect(t, hello("cluster-a")).welcome()
	if welcome.GetEpoch() <= epoch || welcome.GetRestored() <= epoch || welcome.GetEpoch() <= welcome.GetRestored() {
		t.Errorf("epoch %d, restored at %d, and epoch %d has been in use", welcome.GetEpoch(), welcome.GetRestored(), epoch)
	}
	equal(t, "installation", later.welcome().GetInstallation(), welcome.GetInstallation())
}

// A compute pool has the revision of etcd as its generation.
func TestAComputePoolThatIsNewerThanTheBackupIsKept(t *testing.T) {
	r, save := backedUp(t)
	a := r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod")
	pool := must(r.pools("prod").create(t.Context(), poolOf("shared", "SHARED", "")))(t)
	a.applied(a.awaitApply("shared", 1))
	path := save()
	pool.Metadata.Labels = map[string]string{"team": "red"}
	must(r.pools("prod").update(t.Context(), pool))(t)
	changed := a.awaitApply("shared", 2)
	a.close()
	r.stop(t)

	c := restored(t, path)
	b := c.connect(t, hello("cluster-a", holding(changed)))
	equal(t, "Apply messages", 0, len(b.applies("")))
	pool.Metadata.Labels = map[string]string{"team": "blue"}
	must(c.pools("prod").update(t.Context(), pool))(t)
	b.awaitApply("shared", 1)
}
