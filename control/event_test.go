package control_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/openweir/weir/control"
	applications "github.com/openweir/weir/control/resource/application"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/internal/await"
)

// clock is when what agents report has happened.
var clock = time.Date(2100, 1, 2, 3, 4, 5, 0, time.UTC)

func TestEventsOfAnApplication(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod")
	r.saveApplication(t, "prod", "orders", `{"flinkVersion":"v1_20","serviceAccount":"flink",`+memory+`,"job":{"parallelism":1}}`)
	sent := a.awaitApply("orders", 1)
	told := []string{
		"CMF_STATUS Application created.",
		"WARNING spec.job.upgradeMode is not set. The operator's default is stateless: every change of the application, and suspending it, loses the job's state. Set savepoint or last-state to keep it.",
	}
	tells := func(more ...string) {
		t.Helper()
		told = append(told, more...)
		awaitEqual(t, "the events", told, func() []string { return r.history(t, "prod", "orders") })
	}
	tells()

	a.report(sent, `{"observedGeneration":1,"lifecycleState":"DEPLOYED","jobStatus":{"state":"RECONCILING"}}`)
	tells("CLUSTER_STATUS Cluster status changed to DEPLOYED.")
	a.report(sent, flinkStatus("DEPLOYED", "RUNNING", "job-1"))
	tells("JOB_STATUS Job status changed to RUNNING.")
	a.report(sent, flinkStatus("STABLE", "RUNNING", "job-1"))
	tells("CLUSTER_STATUS Cluster status changed to STABLE.")
	a.report(sent, `{"observedGeneration":1,"lifecycleState":"STABLE","jobStatus":{"state":"RUNNING"},"error":"{\"type\":\"x\",\"message\":\"it broke\"}"}`)
	tells("WARNING The Flink operator reports: it broke")
	a.event(sent, "event-1", "Submit", "Starting deployment", clock)
	tells("KUBERNETES_EVENT Submit: Starting deployment")
	a.event(sent, "event-2", "JobException", "java.lang.Exception: boom\n\tat x", clock.Add(time.Second))
	tells("JOB_EXCEPTION java.lang.Exception: boom")
	a.send(&agentv1.ConnectRequest{Message: &agentv1.ConnectRequest_Event{Event: &agentv1.EventReport{
		Id: "event-3", Ref: sent.GetRef(), OwnerUid: sent.GetOwnerUid(), Source: agentv1.EventSource_EVENT_SOURCE_DRIFT,
		Type: "Normal", Reason: "Drift", Message: "put right", Time: nil,
	}}})
	awaitEqual(t, "EventAcks", []string{"event-1", "event-2", "event-3"}, a.eventAcks)

	page := must(r.events.ListApplicationEvents(t.Context(), &cmfv1.ListApplicationEventsRequest{EnvName: "prod", AppName: "orders"}))(t)
	newest := page.GetItems()[0]
	equal(t, "newest first:", "JOB_EXCEPTION", newest.GetStatus().GetType())
	equal(t, "exception", "java.lang.Exception: boom\n\tat x", newest.GetStatus().GetData().GetExceptionString())
	equal(t, "instance", r.runs(t, "prod", "orders")[0].GetMetadata().GetName(), newest.GetMetadata().GetFlinkApplicationInstance())
	equal(t, "kind", "cmf.confluent.io/v1alpha1 FlinkApplicationEvent", newest.GetApiVersion()+" "+newest.GetKind())
	for _, event := range page.GetItems() {
		if event.GetStatus().GetType() == "JOB_STATUS" {
			equal(t, "new status", "RUNNING", event.GetStatus().GetData().GetNewStatus())
		}
		if event.GetStatus().GetType() == "DRIFT" && event.GetMetadata().GetCreationTimestamp().AsTime().Before(time.Now().Add(-time.Hour)) {
			t.Errorf("an event without a time happened at %v, want now", event.GetMetadata().GetCreationTimestamp().AsTime())
		}
	}
}

func TestReportedEventIsStoredOnce(t *testing.T) {
	one, two := startTwo(t)
	a := one.connect(t, hello("cluster-a"))
	one.saveEnvironment(t, "prod")
	one.saveApplication(t, "prod", "orders", running)
	sent := a.awaitApply("orders", 1)
	for range 3 {
		a.event(sent, "event-1", "Submit", "Starting deployment", clock)
	}
	awaitEqual(t, "EventAcks", []string{"event-1", "event-1", "event-1"}, a.eventAcks)
	before := one.stored(t)

	b := two.connect(t, hello("cluster-a", holding(sent)))
	b.event(sent, "event-1", "Submit", "Starting deployment", clock)
	awaitEqual(t, "EventAck", []string{"event-1"}, b.eventAcks)
	equal(t, "stored", before, two.stored(t))
	equal(t, "events", []string{"CMF_STATUS Application created.", "KUBERNETES_EVENT Submit: Starting deployment"}, two.history(t, "prod", "orders"))
}

// However many events come at once, the newest are kept and all are
// acknowledged.
func TestEventsAreBounded(t *testing.T) {
	const limit, many = 100, 300
	r := start(t, func(c *control.Config) { c.Limits = applications.Limits{Events: limit, Instances: 1} })
	a := r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod")
	r.saveApplication(t, "prod", "orders", running)
	sent := a.awaitApply("orders", 1)
	var ids, want []string
	for n := range many {
		ids = append(ids, numbered("event", n))
		if n >= many-limit {
			want = append(want, "KUBERNETES_EVENT Seen: "+ids[n])
		}
		a.event(sent, ids[n], "Seen", ids[n], clock.Add(time.Duration(n)*time.Second))
	}
	awaitEqual(t, "EventAcks", ids, func() []string { return slices.Sorted(slices.Values(a.eventAcks())) })
	equal(t, "events", want, r.history(t, "prod", "orders"))

	a.event(sent, ids[0], "Seen", ids[0], clock)
	await.Success(t, "the EventAck of an event that is no longer kept", func() error {
		if len(a.eventAcks()) != many+1 {
			return fmt.Errorf("got %d", len(a.eventAcks()))
		}
		return nil
	})
	equal(t, "events", want, r.history(t, "prod", "orders"))
}
