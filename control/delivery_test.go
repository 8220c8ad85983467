package control_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/store/storetest"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/internal/await"
)

func TestApplicationIsAppliedAndItsStatusIsReported(t *testing.T) {
	one, two := startTwo(t)
	a := two.connect(t, hello("cluster-a"))
	one.saveEnvironment(t, "prod")
	created := one.saveApplication(t, "prod", "orders", running)

	sent := a.awaitApply("orders", 1)
	equal(t, "ref", &agentv1.ObjectRef{ApiVersion: "flink.apache.org/v1beta1", Kind: "FlinkDeployment", Namespace: "flink", Name: "orders"}, sent.GetRef())
	equal(t, "owner", created.GetMetadata().GetUid(), sent.GetOwnerUid())
	equal(t, "generation", int64(1), sent.GetGeneration())

	// Timestamps are in milliseconds.
	awaitEqual(t, "the next millisecond", true, func() bool {
		return time.Now().Truncate(time.Millisecond).After(created.GetMetadata().GetUpdateTimestamp().AsTime())
	})
	a.applied(sent)
	a.report(sent, flinkStatus("STABLE", "RUNNING", "job-1"))
	for _, r := range []*replica{one, two} {
		awaitEqual(t, "the state of the job", "RUNNING", func() string { return r.jobState(t, "prod", "orders") })
	}
	status := one.status(t, "prod", "orders")
	equal(t, "lifecycleState", any("STABLE"), status["lifecycleState"])
	if status["warning"] != nil || status["error"] != nil {
		t.Errorf("status has a warning or an error: %v", status)
	}
	got := one.application(t, "prod", "orders")
	if !got.GetMetadata().GetUpdateTimestamp().AsTime().After(created.GetMetadata().GetUpdateTimestamp().AsTime()) {
		t.Errorf("updateTimestamp %v does not tell of the status", got.GetMetadata().GetUpdateTimestamp())
	}

	// The same again changes nothing. The event is for knowing that it was heard.
	before := one.stored(t)
	a.applied(sent)
	a.report(sent, flinkStatus("STABLE", "RUNNING", "job-1"))
	a.event(sent, "event-1", "JobStatusChanged", "nothing that is kept", clock)
	awaitEqual(t, "EventAck", []string{"event-1"}, a.eventAcks)
	equal(t, "stored", before, one.stored(t))
}

func TestReconnectSendsOnlyWhatDiffers(t *testing.T) {
	one, two := startTwo(t)
	a := one.connect(t, hello("cluster-a"))
	one.saveEnvironment(t, "prod")
	for _, name := range []string{"same", "changed", "deleted"} {
		one.saveApplication(t, "prod", name, running)
	}
	held := holding(a.awaitApply("same", 1), a.awaitApply("changed", 1), a.awaitApply("deleted", 1))

	// Nothing has changed.
	again := two.connect(t, hello("cluster-a", held))
	equal(t, "sent", int32(0), again.synced().GetSent())
	equal(t, "messages", 2, len(again.messages()))
	again.close()
	await.Success(t, "the disconnect", func() error {
		return difference("DISCONNECTED", one.cluster(t, "cluster-a").GetStatus().GetState())
	})

	// While the agent is away.
	one.saveApplication(t, "prod", "changed", rescaled)
	one.saveApplication(t, "prod", "new1", running)
	one.deleteApplication(t, "prod", "deleted", false)
	back := one.connect(t, hello("cluster-a", held))
	equal(t, "sent", int32(3), back.synced().GetSent())
	equal(t, "Apply messages of what is the same", 0, len(back.applies("same")))
	equal(t, "generation of what has changed", int64(2), back.awaitApply("changed", 1).GetGeneration())
	equal(t, "generation of what is new", int64(1), back.awaitApply("new1", 1).GetGeneration())
	equal(t, "name deleted", "deleted", back.awaitDelete(1).GetRef().GetName())
}

// A restart of every replica with its agents writes nothing but sessions.
func TestRestartWritesNothingThatDidNotChange(t *testing.T) {
	etcd := storetest.Etcd(t)
	one := startReplica(t, etcd, "replica-1")
	a := one.connect(t, hello("cluster-a"))
	one.saveEnvironment(t, "prod", defaults(`{"spec":{"image":"flink:hardened"}}`))
	var sent []*agentv1.Apply
	for n := range 10 {
		name := numbered("app", n)
		one.saveApplication(t, "prod", name, running)
		m := a.awaitApply(name, 1)
		sent = append(sent, m)
		a.applied(m)
		a.report(m, flinkStatus("STABLE", "RUNNING", name))
		awaitEqual(t, "the state of the job", "RUNNING", func() string { return one.jobState(t, "prod", name) })
	}
	before := one.stored(t)
	one.stop(t)
	a.close()

	two := startReplica(t, etcd, "replica-2")
	a = two.connect(t, hello("cluster-a", holding(sent...)))
	equal(t, "sent", int32(0), a.synced().GetSent())
	for _, m := range sent {
		a.report(m, flinkStatus("STABLE", "RUNNING", m.GetRef().GetName()))
		a.event(m, "seen-"+m.GetRef().GetName(), "JobStatusChanged", "nothing that is kept", clock)
	}
	awaitEqual(t, "EventAcks", 10, func() int { return len(a.eventAcks()) })
	equal(t, "stored", before, two.stored(t))
}

// A slow agent costs a key an object: it gets what is newest once it reads.
func TestChangesCoalesceWhileTheAgentDoesNotRead(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod")

	a.pause()
	// More than the connection holds, so that the sender stands still.
	for n := range 8 {
		large := fmt.Sprintf(`{"flinkVersion":"v1_20","serviceAccount":"flink","job":{"upgradeMode":"stateless","parallelism":1,"args":[%q]}}`, strings.Repeat("x", 100<<10))
		r.saveApplication(t, "prod", numbered("large", n), large)
	}
	const changes = 20
	for n := range changes {
		r.saveApplication(t, "prod", "orders", fmt.Sprintf(`{"flinkVersion":"v1_20","serviceAccount":"flink","job":{"upgradeMode":"stateless","parallelism":%d}}`, n+1))
	}
	a.resume()
	a.awaitApply("large-007", 1)
	a.awaitApply("orders", 1)
	// What is saved now comes after everything that waited.
	r.saveApplication(t, "prod", "sentinel", running)
	a.awaitApply("sentinel", 1)
	equal(t, "Apply messages", 1, len(a.applies("orders")))
	equal(t, "generation", int64(changes), a.applies("orders")[0].GetGeneration())
}

// However much there is to send, replies to heartbeats do not wait for it.
func TestHeartbeatsAreAnsweredDuringTheFirstPass(t *testing.T) {
	r := start(t)
	first := r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod")
	const objects = 32
	for n := range objects {
		// Together more than the connection holds, so that the sender stands still.
		r.saveApplication(t, "prod", numbered("large", n), fmt.Sprintf(
			`{"flinkVersion":"v1_20","serviceAccount":"flink","job":{"upgradeMode":"stateless","parallelism":1,"args":[%q]}}`, strings.Repeat("x", 100<<10)))
	}
	first.close()

	a := dial(t, r.agents, anyToken)
	a.pause()
	a.begin(hello("cluster-a"))
	// The reply is queued before what the heartbeat says is stored.
	a.send(&agentv1.ConnectRequest{Message: &agentv1.ConnectRequest_Heartbeat{Heartbeat: &agentv1.Heartbeat{KubernetesError: "refused"}}})
	awaitEqual(t, "message of the cluster", "refused", func() string { return r.cluster(t, "cluster-a").GetStatus().GetMessage() })
	a.resume()
	await.Success(t, "Synced", func() error { return difference(true, a.synced() != nil) })
	applies := 0
	for _, m := range a.messages() {
		if m.GetHeartbeatReply() != nil {
			break
		}
		if m.GetApply() != nil {
			applies++
		}
	}
	if applies > objects/2 {
		t.Errorf("%d of %d objects came before the reply to the heartbeat", applies, objects)
	}
}

func TestDelete(t *testing.T) {
	for _, force := range []bool{false, true} {
		t.Run(fmt.Sprintf("force=%v", force), func(t *testing.T) {
			r := start(t)
			a := r.connect(t, hello("cluster-a"))
			r.saveEnvironment(t, "prod")
			r.saveApplication(t, "prod", "orders", running)
			sent := a.awaitApply("orders", 1)
			a.report(sent, flinkStatus("STABLE", "RUNNING", "job-1"))
			awaitEqual(t, "the state of the job", "RUNNING", func() string { return r.jobState(t, "prod", "orders") })

			r.deleteApplication(t, "prod", "orders", force)
			_, err := r.applications.GetApplication(t.Context(), &cmfv1.GetApplicationRequest{EnvName: "prod", AppName: "orders"})
			refused(t, err, notFound("Application 'orders' not found in environment 'prod'."))
			_, err = r.applications.DeleteApplication(t.Context(), &cmfv1.DeleteApplicationRequest{EnvName: "prod", AppName: "orders"})
			refused(t, err, notFound("Application 'orders' not found in environment 'prod'."))

			want := &agentv1.Delete{Ref: sent.GetRef(), OwnerUid: sent.GetOwnerUid(), Release: force}
			equal(t, "Delete", want, a.awaitDelete(1))
			// It is asked for until the agent says that it is gone.
			a = r.connect(t, hello("cluster-a", holding(sent)))
			equal(t, "Delete", want, a.awaitDelete(1))
			a.deleted(want)
			awaitEqual(t, "only the installation, the cluster and the environment to be left", 4, func() int { return len(r.stored(t)) })
			a = r.connect(t, hello("cluster-a"))
			equal(t, "sent", int32(0), a.synced().GetSent())
		})
	}
}

func TestNameCanBeReusedImmediatelyAfterDelete(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod")
	first := r.saveApplication(t, "prod", "orders", running)
	old := a.awaitApply("orders", 1)
	a.report(old, flinkStatus("STABLE", "RUNNING", "job-1"))
	awaitEqual(t, "the state of the job", "RUNNING", func() string { return r.jobState(t, "prod", "orders") })

	r.deleteApplication(t, "prod", "orders", false)
	second := r.saveApplication(t, "prod", "orders", running)
	if first.GetMetadata().GetUid() == second.GetMetadata().GetUid() {
		t.Error("both applications have one uid")
	}
	equal(t, "state", "RECONCILING", r.jobState(t, "prod", "orders"))
	equal(t, "owner deleted", first.GetMetadata().GetUid(), a.awaitDelete(1).GetOwnerUid())
	renewed := a.awaitApply("orders", 2)
	equal(t, "owner applied", second.GetMetadata().GetUid(), renewed.GetOwnerUid())

	// Reports about the first application do not affect the second.
	a.report(old, flinkStatus("STABLE", "FAILED", "job-1"))
	a.deleted(a.deletes()[0])
	a.applied(renewed)
	a.event(old, "event-of-the-first", "Ready", "The first is ready.", clock)
	awaitEqual(t, "EventAck", []string{"event-of-the-first"}, a.eventAcks)
	awaitEqual(t, "tombstones", 0, func() int { return len(r.storedUnder(t, "tombstones/")) })
	equal(t, "state", "RECONCILING", r.jobState(t, "prod", "orders"))
	events := slices.DeleteFunc(r.history(t, "prod", "orders"), func(e string) bool { return strings.HasPrefix(e, "WARNING Deleting: ") })
	equal(t, "events, except that it waited for the first", []string{"CMF_STATUS Application created."}, events)

	a.report(renewed, flinkStatus("STABLE", "RUNNING", "job-2"))
	awaitEqual(t, "the state of the job", "RUNNING", func() string { return r.jobState(t, "prod", "orders") })
}

func TestProblemsOfTheClusterAreReported(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod")
	r.saveApplication(t, "prod", "orders", running)
	sent := a.awaitApply("orders", 1)
	errorOf := func() any { return r.status(t, "prod", "orders")["error"] }

	const retrying = "Unavailable: The API server does not answer."
	for range 3 {
		a.ack(sent, agentv1.Outcome_OUTCOME_RETRYING, "Unavailable", "The API server does not answer.")
	}
	awaitEqual[any](t, "status.error", retrying, errorOf)
	const refusal = "MissingNamespace: Namespace flink does not exist."
	a.ack(sent, agentv1.Outcome_OUTCOME_REFUSED, "MissingNamespace", "Namespace flink does not exist.")
	awaitEqual[any](t, "status.error", refusal, errorOf)
	events := []string{"CMF_STATUS Application created.", "WARNING " + retrying, "WARNING " + refusal}
	equal(t, "each is told once:", events, r.history(t, "prod", "orders"))

	// What the operator says comes first, and the problem beside it.
	a.report(sent, `{"observedGeneration":1,"error":"the operator's own words"}`)
	awaitEqual[any](t, "status.warning", refusal, func() any { return r.status(t, "prod", "orders")["warning"] })
	equal(t, "status.error", any("the operator's own words"), errorOf())

	// An operator that clears its error by an empty text has none.
	a.report(sent, `{"observedGeneration":1,"error":""}`)
	awaitEqual[any](t, "status.error", refusal, errorOf)
	if text := r.application(t, "prod", "orders").GetStatus().GetJson(); strings.Count(text, `"error"`) != 1 {
		t.Errorf("status has not one error: %s", text)
	}

	a.applied(sent)
	awaitEqual[any](t, "status.error", nil, errorOf)
}

// An Ack may be lost with its session. The next Hello says the same.
func TestProblemIsClearedIfTheNextSessionHoldsTheObject(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod")
	r.saveApplication(t, "prod", "orders", running)
	sent := a.awaitApply("orders", 1)
	a.ack(sent, agentv1.Outcome_OUTCOME_REFUSED, "Forbidden", "The agent may not.")
	errorOf := func() any { return r.status(t, "prod", "orders")["error"] }
	awaitEqual[any](t, "status.error", "Forbidden: The agent may not.", errorOf)

	stale := proto.CloneOf(sent)
	stale.Hash = "another"
	r.connect(t, hello("cluster-a", holding(stale))).awaitApply("orders", 1)
	equal(t, "status.error", any("Forbidden: The agent may not."), errorOf())

	r.connect(t, hello("cluster-a", holding(sent)))
	awaitEqual[any](t, "status.error", nil, errorOf)
}
