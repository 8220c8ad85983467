package control_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/openweir/weir/control/store/storetest"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/internal/await"
)

func TestTheInstallationIsMadeOnceAndIsThatOfEveryReplica(t *testing.T) {
	etcd := storetest.Etcd(t)
	one := startReplica(t, etcd, "replica-1")
	first := one.connect(t, hello("cluster-a")).welcome().GetInstallation()
	if first == "" {
		t.Fatal("Welcome names no installation")
	}
	one.stop(t)
	two := startReplica(t, etcd, "replica-2")
	equal(t, "installation of another replica", first, two.connect(t, hello("cluster-b")).welcome().GetInstallation())
	if other := start(t).connect(t, hello("cluster-a")).welcome().GetInstallation(); other == first {
		t.Error("two installations have one id")
	}
}

// refusal answers an Apply with what has the name already.
func (a *agent) refuse(m *agentv1.Apply, reason string, found *agentv1.FoundObject) {
	a.send(&agentv1.ConnectRequest{Message: &agentv1.ConnectRequest_Ack{Ack: &agentv1.Ack{
		Ref: m.GetRef(), OwnerUid: m.GetOwnerUid(), Generation: m.GetGeneration(), Hash: m.GetHash(),
		Outcome: agentv1.Outcome_OUTCOME_REFUSED, Reason: reason, Message: "It exists.", Found: found,
	}}})
}

// annotated makes an application with annotations.
func (r *replica) annotated(t testing.TB, name, spec string, annotations map[string]string) {
	t.Helper()
	must(r.applications.CreateOrUpdateApplication(t.Context(), &cmfv1.CreateOrUpdateApplicationRequest{EnvName: "prod", Application: &cmfv1.FlinkApplication{
		Metadata: &cmfv1.ObjectMeta{Name: name, Annotations: annotations}, Spec: text(spec),
	}}))(t)
}

func marksOfPods(t testing.TB, m *agentv1.Apply) any {
	t.Helper()
	template, _ := specOf(t, m)["podTemplate"].(map[string]any)
	metadata, _ := template["metadata"].(map[string]any)
	return metadata["annotations"]
}

func TestAdoption(t *testing.T) {
	adopt := map[string]string{"weir.dev/adopt": "true"}
	const marks = `,"podTemplate":{"metadata":{"annotations":{"platform.confluent.io/cmf-fa-instance":"theirs","platform.confluent.io/origin":"flink"}}}}`
	marked := strings.TrimSuffix(running, "}") + marks
	for name, test := range map[string]struct {
		reason      string
		found       string // the specification of the object
		annotations map[string]string
		adopted     bool
		// goesOn is set where the pods keep the annotations that they have.
		goesOn bool
		pods   any
	}{
		"of a FlinkDeployment, as it is":             {"NotOwned", running, adopt, true, true, nil},
		"of one that is written differently":         {"NotOwned", strings.Replace(running, `"state":"running"`, `"state":null,"savepointTriggerNonce":3`, 1), adopt, true, true, nil},
		"of one that differs":                        {"NotOwned", rescaled, adopt, true, false, nil},
		"of one of another installation":             {"OtherInstallation", marked, adopt, true, true, map[string]any{"platform.confluent.io/cmf-fa-instance": "theirs", "platform.confluent.io/origin": "flink"}},
		"of one without a resource":                  {"OtherOwner", marked, nil, true, true, map[string]any{"platform.confluent.io/cmf-fa-instance": "theirs", "platform.confluent.io/origin": "flink"}},
		"of one without a resource that differs":     {"OtherOwner", rescaled, nil, false, false, nil},
		"that nobody asked for":                      {"NotOwned", running, nil, false, false, nil},
		"that nobody asked for, of an installation":  {"OtherInstallation", marked, nil, false, false, nil},
		"that was asked for and taken back":          {"NotOwned", running, map[string]string{"weir.dev/adopt": "false"}, false, false, nil},
		"of one whose specification is not reported": {"NotOwned", "", adopt, true, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t)
			a := r.connect(t, hello("cluster-a"))
			r.saveEnvironment(t, "prod")
			r.annotated(t, "orders", running, test.annotations)
			first := a.awaitApply("orders", 1)
			if first.GetAdopt() != nil || strings.Contains(first.GetManifest(), "weir.dev/adopt") {
				t.Errorf("the first Apply is %v", first)
			}
			a.refuse(first, test.reason, &agentv1.FoundObject{ObjectUid: "object-1", ObjectGeneration: 4, Spec: test.found})
			if !test.adopted {
				await.Success(t, "the problem on the application", func() error {
					if e := fmt.Sprint(r.status(t, "prod", "orders")["error"]); e != test.reason+": It exists." {
						return errors.New(e)
					}
					return nil
				})
				equal(t, "Apply messages", 1, len(a.applies("orders")))
				return
			}
			second := a.awaitApply("orders", 2)
			equal(t, "adopts", &agentv1.Adopt{ObjectUid: "object-1", ObjectGeneration: 4}, second.GetAdopt())
			if test.goesOn {
				equal(t, "annotations of the pods", test.pods, marksOfPods(t, second))
			} else {
				equal(t, "annotations of the pods", marksOfPods(t, first), marksOfPods(t, second))
			}
			a.applied(second)
			a.report(second, flinkStatus("STABLE", "RUNNING", "job-1"))
			awaitEqual(t, "the state of the job", "RUNNING", func() string { return r.jobState(t, "prod", "orders") })
			equal(t, "error", nil, r.status(t, "prod", "orders")["error"])
			equal(t, "instances", 1, len(r.runs(t, "prod", "orders")))

			// The next run is as any other.
			r.annotated(t, "orders", rescaled, test.annotations)
			equal(t, "instance of the next run", any(map[string]any{
				"platform.confluent.io/cmf-fa-instance": r.runs(t, "prod", "orders")[0].GetMetadata().GetName(), "platform.confluent.io/origin": "flink",
			}), marksOfPods(t, a.awaitApply("orders", 3)))
		})
	}
	t.Run("of one that the former application still has to delete", func(t *testing.T) {
		r := start(t)
		a := r.connect(t, hello("cluster-a"))
		r.saveEnvironment(t, "prod")
		r.saveApplication(t, "prod", "orders", running)
		former := a.awaitApply("orders", 1)
		r.deleteApplication(t, "prod", "orders", false)
		a.awaitDelete(1)
		r.saveApplication(t, "prod", "orders", running)
		again := a.awaitApply("orders", 2)
		a.refuse(again, "OtherOwner", &agentv1.FoundObject{ObjectUid: "object-1", ObjectGeneration: 4, OwnerUid: former.GetOwnerUid(), Spec: running})
		await.Success(t, "the problem on the application", func() error {
			if r.status(t, "prod", "orders")["error"] == nil {
				return errors.New("none")
			}
			return nil
		})
		equal(t, "Apply messages", 2, len(a.applies("orders")))
	})
	t.Run("by an annotation of another value", func(t *testing.T) {
		r := start(t)
		r.saveEnvironmentOn(t)
		_, err := r.applications.CreateOrUpdateApplication(t.Context(), &cmfv1.CreateOrUpdateApplicationRequest{EnvName: "prod", Application: &cmfv1.FlinkApplication{
			Metadata: &cmfv1.ObjectMeta{Name: "orders", Annotations: map[string]string{"weir.dev/adopt": "yes"}}, Spec: text(running),
		}})
		refused(t, err, invalid(`metadata.annotations["weir.dev/adopt"]: must be "true" or "false"`))
	})
}

// Two installations that adopt one object must not take it from each other for ever.
func TestAnAdoptionIsCarriedOutOnce(t *testing.T) {
	adopt := map[string]string{"weir.dev/adopt": "true"}
	r := start(t)
	a := r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod")
	r.annotated(t, "orders", running, adopt)
	a.refuse(a.awaitApply("orders", 1), "NotOwned", &agentv1.FoundObject{ObjectUid: "object-1", ObjectGeneration: 4, Spec: running})
	adopting := a.awaitApply("orders", 2)
	a.applied(adopting)
	a.report(adopting, flinkStatus("STABLE", "RUNNING", "job-1"))
	awaitEqual(t, "the state of the job", "RUNNING", func() string { return r.jobState(t, "prod", "orders") })

	taken := &agentv1.FoundObject{ObjectUid: "object-1", ObjectGeneration: 5, Installation: "other", OwnerUid: "theirs", Spec: running}
	isRefused := func() any { return r.status(t, "prod", "orders")["error"] }
	a.refuse(adopting, "OtherInstallation", taken)
	awaitEqual(t, "error", any("OtherInstallation: It exists."), isRefused)
	equal(t, "Apply messages", 2, len(a.applies("orders")))

	// The annotation goes, and the job is not restarted.
	r.annotated(t, "orders", running, nil)
	next := a.awaitApply("orders", 3)
	equal(t, "adopts", nil, next.GetAdopt())
	equal(t, "annotations of the pods", marksOfPods(t, adopting), marksOfPods(t, next))

	// Set again, it takes the object back.
	r.annotated(t, "orders", running, adopt)
	next = a.awaitApply("orders", 4)
	equal(t, "adopts", nil, next.GetAdopt())
	a.refuse(next, "OtherInstallation", taken)
	equal(t, "adopts", &agentv1.Adopt{ObjectUid: "object-1", ObjectGeneration: 5}, a.awaitApply("orders", 5).GetAdopt())
}

// saveEnvironmentOn makes an environment on a cluster whose agent connects once.
func (r *replica) saveEnvironmentOn(t testing.TB) {
	t.Helper()
	r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod")
}

// After a restore of etcd, or where it was lost, objects have no resource.
func TestOrphansAreListedAndDeletedOnRequest(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod")
	r.saveApplication(t, "prod", "orders", running)
	orders := a.awaitApply("orders", 1)
	installation := a.welcome().GetInstallation()
	a.close()

	lost := &agentv1.HeldObject{Ref: &agentv1.ObjectRef{ApiVersion: "flink.apache.org/v1beta1", Kind: "FlinkDeployment", Namespace: "flink", Name: "lost"}, OwnerUid: "gone", Generation: 3, Hash: "h", Installation: installation}
	old := &agentv1.HeldObject{Ref: &agentv1.ObjectRef{ApiVersion: "flink.apache.org/v1beta1", Kind: "FlinkDeployment", Namespace: "flink", Name: "older"}, OwnerUid: "gone-too", Generation: 3, Hash: "h"}
	foreign := &agentv1.HeldObject{Ref: &agentv1.ObjectRef{ApiVersion: "flink.apache.org/v1beta1", Kind: "FlinkDeployment", Namespace: "flink", Name: "theirs"}, OwnerUid: "x", Generation: 3, Hash: "h", Installation: "other"}
	listing := func(more ...*agentv1.HeldObject) func(*agentv1.Hello) {
		return func(h *agentv1.Hello) { h.Held = append(h.Held, more...) }
	}
	b := r.connect(t, hello("cluster-a", holding(orders), listing(lost, old, foreign)))
	var told []string
	for _, o := range pick(b, (*agentv1.ConnectResponse).GetOrphan) {
		told = append(told, o.GetRef().GetName()+" "+o.GetOwnerUid())
	}
	slices.Sort(told)
	equal(t, "orphans that the agent is told of", []string{"lost gone", "older gone-too"}, told)

	orphans := cmfv1.NewOrphanServiceClient(r.conn)
	names := func() []string {
		var names []string
		for _, o := range must(orphans.GetOrphans(t.Context(), &cmfv1.GetOrphansRequest{KubernetesClusterName: "cluster-a"}))(t).GetOrphans() {
			names = append(names, fmt.Sprintf("%s %v", o.GetName(), o.GetDeleting()))
		}
		return names
	}
	awaitEqual(t, "orphans", []string{"lost false", "older false"}, names)

	request := &cmfv1.DeleteOrphanRequest{KubernetesClusterName: "cluster-a", Kind: "FlinkDeployment", Namespace: "flink", Name: "lost"}
	must(orphans.DeleteOrphan(t.Context(), request))(t)
	m := b.awaitDelete(1)
	equal(t, "deleted", []any{"lost", "gone", false}, []any{m.GetRef().GetName(), m.GetOwnerUid(), m.GetRelease()})
	equal(t, "orphans", []string{"lost true", "older false"}, names())
	b.deleted(m)
	awaitEqual(t, "orphans", []string{"older false"}, names)
	_, err := orphans.DeleteOrphan(t.Context(), request)
	refused(t, err, notFound("There is no orphan FlinkDeployment 'lost' in namespace 'flink' of Kubernetes cluster 'cluster-a'."))
	request.Name = "orders"
	_, err = orphans.DeleteOrphan(t.Context(), request)
	refused(t, err, notFound("There is no orphan FlinkDeployment 'orders' in namespace 'flink' of Kubernetes cluster 'cluster-a'."))
	// An orphan that an application has taken over is none.
	r.saveApplication(t, "prod", "older", running)
	b.applied(b.awaitApply("older", 1))
	awaitEqual(t, "orphans", nil, names)
	b.close()

	// What is gone by the next session is no orphan any more.
	r.connect(t, hello("cluster-a", holding(orders)))
	awaitEqual(t, "orphans", nil, names)
	_, err = orphans.GetOrphans(t.Context(), &cmfv1.GetOrphansRequest{KubernetesClusterName: "nowhere"})
	refused(t, err, notFound("Kubernetes cluster 'nowhere' not found."))
}
