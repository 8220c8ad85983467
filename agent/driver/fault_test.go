package driver

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	"github.com/openweir/weir/internal/await"
)

var getOptions = metav1.GetOptions{}

// answers makes the API server answer some requests with a status.
func answers(status metav1.Status, which func(method, path string) bool) func(http.ResponseWriter, *http.Request) bool {
	status.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
	status.Status = metav1.StatusFailure
	return func(rw http.ResponseWriter, r *http.Request) bool {
		if !which(r.Method, r.URL.Path) {
			return false
		}
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(int(status.Code))
		_ = json.NewEncoder(rw).Encode(status)
		return true
	}
}

func answer500(which func(method, path string) bool) func(http.ResponseWriter, *http.Request) bool {
	return answers(metav1.Status{Code: 500, Reason: metav1.StatusReasonInternalError, Message: "etcd is on fire"}, which)
}

var forbiddenStatus = metav1.Status{Code: 403, Reason: metav1.StatusReasonForbidden, Message: `User "agent" cannot list resource`}

func patches(method, _ string) bool { return method == http.MethodPatch }

func TestErrorsOfTheAPIServerAreExplained(t *testing.T) {
	details := &metav1.StatusDetails{Name: "app", Group: "flink.apache.org", Kind: "flinkdeployments"}
	tests := map[string]struct {
		status   metav1.Status
		outcome  agentv1.Outcome
		reason   string
		mentions []string
	}{
		"RBAC": {
			metav1.Status{Code: 403, Reason: metav1.StatusReasonForbidden, Details: details,
				Message: `flinkdeployments.flink.apache.org "app" is forbidden: User "system:serviceaccount:weir:agent" cannot patch resource "flinkdeployments" in API group "flink.apache.org" in the namespace "default"`},
			isRetrying, ReasonForbidden,
			[]string{`not permitted to create flinkdeployments.flink.apache.org in namespace "default" of cluster "edge"`, "Grant its ServiceAccount a Role with the verbs get, list, watch, create, patch and delete"},
		},
		"a quota": {
			metav1.Status{Code: 403, Reason: metav1.StatusReasonForbidden, Details: details,
				Message: `flinkdeployments.flink.apache.org "app" is forbidden: exceeded quota: jobs`},
			isRetrying, ReasonForbidden, []string{"exceeded quota: jobs"},
		},
		"the operator's webhook says no": {
			metav1.Status{Code: 403, Reason: metav1.StatusReasonForbidden, Details: details,
				Message: `admission webhook "validationwebhook.flink.apache.org" denied the request: Job parallelism must be larger than 0`},
			isRefused, ReasonInvalid, []string{"Job parallelism must be larger than 0", `cluster "edge"`},
		},
		"the operator's webhook cannot read the object": {
			metav1.Status{Code: 500, Reason: metav1.StatusReasonInternalError,
				Message: failedCall + `an error on the server ("java.lang.IllegalArgumentException: no such version\n\tat org.apache.flink.A.b(A.java:1)") has prevented the request from succeeding`},
			isRefused, ReasonInvalid, []string{`An admission webhook of cluster "edge" refused FlinkDeployment default/app: no such version`},
		},
		"the definition is being deleted": {
			metav1.Status{Code: 403, Reason: metav1.StatusReasonForbidden, Details: details,
				Message: `flinkdeployments.flink.apache.org "app" is forbidden: create not allowed while custom resource definition is terminating`},
			isRetrying, ReasonMissingDefinition, []string{`The custom resource definition flinkdeployments.flink.apache.org is being deleted on cluster "edge"`},
		},
		"the operator's webhook is down": {
			metav1.Status{Code: 500, Reason: metav1.StatusReasonInternalError,
				Message: `Internal error occurred: failed calling webhook "validationwebhook.flink.apache.org": connection refused`},
			isRetrying, ReasonWebhookUnavailable, []string{"check that the operator is running"},
		},
		"a field that the definition lacks": {
			metav1.Status{Code: 500, Reason: metav1.StatusReasonUnknown,
				Message: `failed to create typed patch object (default/app; flink.apache.org/v1beta1, Kind=FlinkDeployment): .spec.taskManager.resources: field not declared in schema`},
			isRefused, ReasonInvalid, []string{".spec.taskManager.resources"},
		},
		"the namespace is going": {
			metav1.Status{Code: 403, Reason: metav1.StatusReasonForbidden,
				Details: &metav1.StatusDetails{Causes: []metav1.StatusCause{{Type: "NamespaceTerminating"}}},
				Message: `unable to create new content in namespace default because it is being terminated`},
			isRetrying, ReasonMissingNamespace, []string{`Namespace "default"`},
		},
		"the credentials ran out": {
			metav1.Status{Code: 401, Reason: metav1.StatusReasonUnauthorized, Message: "Unauthorized"},
			isRetrying, ReasonUnauthorized, []string{"ServiceAccount token or kubeconfig"},
		},
		"out of order": {
			metav1.Status{Code: 500, Reason: metav1.StatusReasonInternalError, Message: "etcdserver: no space"},
			isRetrying, ReasonUnavailable, []string{"etcdserver: no space", "keeps retrying"},
		},
		"too large": {
			metav1.Status{Code: 413, Reason: metav1.StatusReasonRequestEntityTooLarge, Message: "limit is 3145728"},
			isRefused, ReasonInvalid, []string{"limit is 3145728"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newEnv(t)
			s := w.connect()
			w.injectFault(answers(test.status, patches))
			s.applyDeployment("app", "u1", 1, manifest("app", 2))
			a := s.reports.ack("app", test.outcome, test.reason)
			for _, want := range test.mentions {
				if !strings.Contains(a.GetMessage(), want) {
					t.Errorf("the message is %q; want it to say %q", a.GetMessage(), want)
				}
			}
			w.injectFault(nil)
			s.reports.applied("app", 1)
		})
	}
}

func TestAFailingObjectDoesNotBlockOthers(t *testing.T) {
	w := newEnv(t)
	s := w.connect()
	w.injectFault(answer500(func(method, path string) bool { return strings.HasSuffix(path, "/bad") }))
	s.applyDeployment("bad", "u1", 1, manifest("bad", 1))
	s.reports.ack("bad", isRetrying, ReasonUnavailable)
	s.applyDeployment("good", "u1", 1, manifest("good", 1))
	s.reports.applied("good", 1)
}

func TestAHangingRequestDoesNotBlockOthers(t *testing.T) {
	w := newEnv(t)
	s := w.connect()
	release := make(chan struct{})
	w.injectFault(func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/bad") {
			<-release
		}
		return false
	})
	s.applyDeployment("bad", "u1", 1, manifest("bad", 1))
	for i, name := range []string{"a", "b", "c"} {
		s.applyDeployment(name, "u1", int64(i), manifest(name, 1))
		s.reports.applied(name, int64(i))
	}
	close(release)
	s.reports.applied("bad", 1)
}

func TestTheSameProblemIsReportedOnce(t *testing.T) {
	w := newEnv(t)
	s := w.connect()
	w.injectFault(answer500(patches))
	s.applyDeployment("app", "u1", 1, manifest("app", 1))
	s.reports.ack("app", isRetrying, ReasonUnavailable)
	await.Until(s.t, "the driver has tried often", func() bool { return s.retries.NumRequeues(keyOf(deploymentRef("app"))) > 5 })
	if acks, _, _ := s.reports.count(); acks != 1 {
		t.Errorf("%d acks were sent; want one, since nothing changed", acks)
	}
}

func TestAConflictIsRetriedWithoutAReport(t *testing.T) {
	w := newEnv(t)
	s := w.connect()
	s.applyDeployment("app", "u1", 1, manifest("app", 1))
	s.reports.applied("app", 1)
	lost := make(chan struct{}, 2)
	lost <- struct{}{}
	lost <- struct{}{}
	w.injectFault(func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPatch {
			return false
		}
		select {
		case <-lost: // somebody is quicker
			_, err := w.in(deployments).Patch(r.Context(), "app", "application/merge-patch+json",
				[]byte(`{"metadata":{"labels":{"n":"`+string(rune('a'+len(lost)))+`"}}}`), metav1.PatchOptions{})
			if err != nil {
				http.Error(rw, err.Error(), http.StatusTeapot)
				return true
			}
		default:
		}
		return false
	})
	s.reports.reset()
	s.applyDeployment("app", "u1", 2, manifest("app", 2))
	s.reports.applied("app", 2)
	if acks, _, _ := s.reports.count(); acks != 1 {
		t.Errorf("%d acks were sent; want the one of success only", acks)
	}
}

func TestAMissingNamespaceIsReportedAndAwaited(t *testing.T) {
	w := newEnv(t)
	s := w.connect()
	text := strings.ReplaceAll(manifest("app", 1), `"namespace":"default"`, `"namespace":"new"`)
	ref := deploymentRef("app")
	ref.Namespace = "new"
	s.Apply(&agentv1.Apply{Ref: ref, OwnerUid: "u1", Generation: 1, Hash: "h", Manifest: text})
	a := s.reports.ack("app", isRetrying, ReasonMissingNamespace)
	if !strings.Contains(a.GetMessage(), "kubectl create namespace new") {
		t.Errorf("the message does not tell what to do: %q", a.GetMessage())
	}
	w.createGlobal(namespaceResource, namespaceNamed("new"))
	s.reports.applied("app", 1)
}

func TestTheHeartbeatHasTheHealthOfTheAPIServer(t *testing.T) {
	w := newEnv(t)
	s := w.connect()
	if h := s.Heartbeat(); h.GetKubernetesError() != "" || h.GetKubernetesVersion() == "" {
		t.Fatalf("the heartbeat is %v", h)
	}
	w.injectFault(answer500(func(_, path string) bool { return path == "/version" }))
	await.Until(s.t, "the heartbeat tells of it", func() bool {
		return strings.Contains(s.Heartbeat().GetKubernetesError(), "etcd is on fire")
	})
	w.injectFault(nil)
	await.Until(s.t, "the heartbeat tells of its end", func() bool { return s.Heartbeat().GetKubernetesError() == "" })
}

func TestAnAgentWithoutTheRightToWatchEventsOrSecretsWorks(t *testing.T) {
	w := newEnv(t)
	w.injectFault(answers(forbiddenStatus, func(_, path string) bool {
		return strings.HasSuffix(path, "/events") || strings.HasSuffix(path, "/secrets")
	}))
	s := w.connect()
	s.applyDeployment("app", "u1", 1, manifest("app", 1))
	s.reports.applied("app", 1)
}

func namespaceNamed(name string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(schema.GroupVersionKind{Version: "v1", Kind: "Namespace"})
	o.SetName(name)
	return o
}
