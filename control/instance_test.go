package control_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/openweir/weir/control"
	applications "github.com/openweir/weir/control/resource/application"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestInstanceShowsItsEffectiveSpecification(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod", defaults(`{"spec":{"image":"flink:hardened","flinkConfiguration":{"taskmanager.numberOfTaskSlots":"2"}}}`))
	r.saveApplication(t, "prod", "orders", running)

	run := r.runs(t, "prod", "orders")[0]
	name := run.GetMetadata().GetName()
	if id, err := uuid.Parse(name); err != nil || id.Version() != 7 || run.GetMetadata().GetUid() != name {
		t.Errorf("instance is named %q with uid %q, want the same UUID of version 7", name, run.GetMetadata().GetUid())
	}
	equal(t, "kind", "FlinkApplicationInstance", run.GetKind())
	spec := parsed(t, run.GetStatus().GetSpec())
	equal(t, "the environment wins:", any("flink:hardened"), spec["image"])
	equal(t, "and adds:", any(map[string]any{"taskmanager.numberOfTaskSlots": "2"}), spec["flinkConfiguration"])
	equal(t, "the rest is the application's:", any("v1_20"), spec["flinkVersion"])
	equal(t, "job status", &cmfv1.InstanceJobStatus{State: "RECONCILING"}, run.GetStatus().GetJobStatus())

	sent := specOf(t, a.awaitApply("orders", 1))
	equal(t, "sent image", any("flink:hardened"), sent["image"])
	equal(t, "sent mark of the instance", any(map[string]any{"metadata": map[string]any{"annotations": map[string]any{
		"platform.confluent.io/cmf-fa-instance": name, "platform.confluent.io/origin": "flink",
	}}}), sent["podTemplate"])

	got := must(r.instances.GetApplicationInstance(t.Context(), &cmfv1.GetApplicationInstanceRequest{EnvName: "prod", AppName: "orders", InstName: name}))(t)
	equal(t, "get", run, got)
	_, err := r.instances.GetApplicationInstance(t.Context(), &cmfv1.GetApplicationInstanceRequest{EnvName: "prod", AppName: "orders", InstName: "other"})
	refused(t, err, notFound("Instance 'other' not found for application 'orders' in environment 'prod'."))
}

func TestJobIsRecordedForItsInstance(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod")
	r.saveApplication(t, "prod", "orders", running)
	first := a.awaitApply("orders", 1)
	a.report(first, flinkStatus("STABLE", "RUNNING", "job-1"))
	awaitEqual(t, "the job of the first instance", &cmfv1.InstanceJobStatus{JobId: "job-1", State: "RUNNING"}, func() *cmfv1.InstanceJobStatus {
		return r.runs(t, "prod", "orders")[0].GetStatus().GetJobStatus()
	})

	// The agent has not got to the second instance when it reports again: what it
	// says is of the first one's object still.
	r.saveApplication(t, "prod", "orders", rescaled)
	second := a.awaitApply("orders", 2)
	a.report(first, flinkStatus("UPGRADING", "CANCELLING", "job-1"))
	awaitEqual(t, "the status of the application", "CANCELLING", func() string { return r.jobState(t, "prod", "orders") })
	equal(t, "job of the second instance", &cmfv1.InstanceJobStatus{State: "RECONCILING"}, r.runs(t, "prod", "orders")[0].GetStatus().GetJobStatus())

	// Nor does the operator's status count before it has observed the object.
	a.report(second, `{"observedGeneration":0,"lifecycleState":"UPGRADING","jobStatus":{"jobName":"job","jobId":"job-1","state":"CANCELED"}}`)
	awaitEqual(t, "the status of the application", "CANCELED", func() string { return r.jobState(t, "prod", "orders") })
	equal(t, "job of the second instance", &cmfv1.InstanceJobStatus{State: "RECONCILING"}, r.runs(t, "prod", "orders")[0].GetStatus().GetJobStatus())

	// Nor while it is upgrading, although the newest generation counts as observed.
	a.report(second, `{"observedGeneration":1,"lifecycleState":"UPGRADING","jobStatus":{"jobName":"job","jobId":"job-1","state":"CANCELED"},"reconciliationStatus":{"state":"UPGRADING"}}`)
	awaitEqual(t, "the state of the operator", true, func() bool { return r.status(t, "prod", "orders")["reconciliationStatus"] != nil })
	equal(t, "job of the second instance", &cmfv1.InstanceJobStatus{State: "RECONCILING"}, r.runs(t, "prod", "orders")[0].GetStatus().GetJobStatus())

	a.report(second, flinkStatus("STABLE", "RUNNING", "job-2"))
	awaitEqual(t, "the job of the second instance", &cmfv1.InstanceJobStatus{JobId: "job-2", State: "RUNNING"}, func() *cmfv1.InstanceJobStatus {
		return r.runs(t, "prod", "orders")[0].GetStatus().GetJobStatus()
	})
	equal(t, "job of the first instance", &cmfv1.InstanceJobStatus{JobId: "job-1", State: "CANCELED"}, r.runs(t, "prod", "orders")[1].GetStatus().GetJobStatus())
}

// Pods bear the name of the instance, so a new one restarts the job.
func TestAChangeThatTheOperatorPassesOverRestartsNothing(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod")
	r.saveApplication(t, "prod", "orders", running)
	first := specOf(t, a.awaitApply("orders", 1))

	r.saveApplication(t, "prod", "orders", strings.Replace(running, `"stateless"`, `"savepoint"`, 1))
	second := specOf(t, a.awaitApply("orders", 2))
	equal(t, "upgrade mode sent", any("savepoint"), second["job"].(map[string]any)["upgradeMode"])
	equal(t, "template of the pods", first["podTemplate"], second["podTemplate"])

	r.saveEnvironment(t, "prod", defaults(`{"spec":{"flinkConfiguration":{"kubernetes.operator.periodic.savepoint.interval":"1h"}}}`))
	third := specOf(t, a.awaitApply("orders", 3))
	equal(t, "option sent", any(map[string]any{"kubernetes.operator.periodic.savepoint.interval": "1h"}), third["flinkConfiguration"])
	equal(t, "template of the pods", first["podTemplate"], third["podTemplate"])

	runs := r.runs(t, "prod", "orders")
	equal(t, "instances", 1, len(runs))
	equal(t, "upgrade mode of the instance", any("savepoint"), parsed(t, runs[0].GetStatus().GetSpec())["job"].(map[string]any)["upgradeMode"])
}

func TestInstancesAreBounded(t *testing.T) {
	r := start(t, func(c *control.Config) { c.Limits = applications.Limits{Events: 3, Instances: 2} })
	r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod")
	for parallelism := range 5 {
		r.saveApplication(t, "prod", "orders", fmt.Sprintf(`{"flinkVersion":"v1_20","serviceAccount":"flink","job":{"upgradeMode":"stateless","parallelism":%d}}`, parallelism+1))
	}
	var kept []float64
	for _, run := range r.runs(t, "prod", "orders") {
		kept = append(kept, parsed(t, run.GetStatus().GetSpec())["job"].(map[string]any)["parallelism"].(float64))
	}
	equal(t, "instances kept, the newest first,", []float64{5, 4}, kept)
	equal(t, "current instance", any(r.runs(t, "prod", "orders")[0].GetMetadata().GetName()), r.status(t, "prod", "orders")["currentDeployedInstanceName"])
}

func TestChangedDefaultsBeginInstancesOfAffectedApplications(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod")
	r.saveApplication(t, "prod", "affected", running)
	r.saveApplication(t, "prod", "agreeing", `{"image":"flink:hardened","flinkVersion":"v1_20","serviceAccount":"flink","job":{"parallelism":1,"upgradeMode":"stateless"}}`)
	r.saveApplication(t, "prod", "sleeping", suspended)
	for _, name := range []string{"affected", "agreeing", "sleeping"} {
		a.awaitApply(name, 1)
	}

	r.saveEnvironment(t, "prod", defaults(`{"spec":{"image":"flink:hardened"}}`))
	sent := a.awaitApply("affected", 2)
	equal(t, "image sent", any("flink:hardened"), specOf(t, sent)["image"])
	equal(t, "instances of affected", 2, len(r.runs(t, "prod", "affected")))
	equal(t, "events of affected", []string{
		"CMF_STATUS Application created.",
		"CMF_STATUS The environment's defaults have changed the effective specification of the application.",
	}, r.history(t, "prod", "affected"))
	// The reconciler goes by name, and both others come after.
	sleeping := a.awaitApply("sleeping", 2)
	equal(t, "image sent", any("flink:hardened"), specOf(t, sleeping)["image"])
	equal(t, "instances of sleeping", 0, len(r.runs(t, "prod", "sleeping")))
	equal(t, "instances of agreeing", 1, len(r.runs(t, "prod", "agreeing")))
	equal(t, "Apply messages of agreeing", 1, len(a.applies("agreeing")))

	t.Run("invalid defaults", func(t *testing.T) {
		r.saveEnvironment(t, "prod", defaults(`{"spec":{"image":"flink:hardened","flinkVersion":"latest"}}`))
		const warning = `WARNING The environment's defaults cannot be applied: spec.flinkVersion: must look like v1_20, got "latest"`
		for _, name := range []string{"affected", "agreeing"} {
			awaitEqual(t, "the warning of "+name, warning, func() string {
				history := r.history(t, "prod", name)
				return history[len(history)-1]
			})
		}
		equal(t, "what runs stays:", 2, len(r.runs(t, "prod", "affected")))
		equal(t, "warnings, counted by events of affected", 3, len(r.history(t, "prod", "affected")))
	})
}

// What an environment says of annotations reaches the cluster without another
// instance.
func TestAnnotationsOfDefaultsReachTheCluster(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod")
	r.saveApplication(t, "prod", "orders", running)
	a.awaitApply("orders", 1)
	r.saveEnvironment(t, "prod", defaults(`{"metadata":{"annotations":{"team":"red"}}}`))
	manifest := a.awaitApply("orders", 2).GetManifest()
	if !strings.Contains(manifest, `"team":"red"`) {
		t.Errorf("the annotation is not in %s", manifest)
	}
	equal(t, "instances", 1, len(r.runs(t, "prod", "orders")))
}

// Whoever leads next comes to the same conclusions, and writes nothing.
func TestNextLeaderDoesNotRepeatWrites(t *testing.T) {
	one, two := startTwo(t)
	a := one.connect(t, hello("cluster-a"))
	one.saveEnvironment(t, "prod")
	one.saveApplication(t, "prod", "orders", running)
	one.saveEnvironment(t, "prod", defaults(`{"spec":{"flinkVersion":"latest"}}`))
	awaitEqual(t, "the warning", 2, func() int { return len(one.history(t, "prod", "orders")) })
	one.saveEnvironment(t, "test", defaults(`{"spec":{"image":"one"}}`))
	one.saveApplication(t, "test", "other", running)
	a.awaitApply("other", 1)

	before := one.stored(t)
	one.stop(t)
	// That the next one leads shows in what it does for another environment,
	// which comes last.
	two.connect(t, hello("cluster-a"))
	two.saveEnvironment(t, "test", defaults(`{"spec":{"image":"two"}}`))
	awaitEqual(t, "the next leader's instance", 2, func() int { return len(two.runs(t, "test", "other")) })
	after := two.stored(t)
	for key, revision := range before {
		if !strings.Contains(key, "test") {
			equal(t, "revision of "+key, revision, after[key])
		}
	}
	equal(t, "events", 2, len(two.history(t, "prod", "orders")))
}
