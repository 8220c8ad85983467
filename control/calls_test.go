package control_test

import (
	"context"
	"encoding/json"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Specifications of the tests.
const (
	memory    = `"jobManager":{"resource":{"memory":"1g"}},"taskManager":{"resource":{"memory":"1g"}}`
	running   = `{"image":"flink:1.20","flinkVersion":"v1_20","serviceAccount":"flink",` + memory + `,"job":{"jarURI":"local:///opt/job.jar","parallelism":2,"state":"running","upgradeMode":"stateless"}}`
	suspended = `{"image":"flink:1.20","flinkVersion":"v1_20","serviceAccount":"flink",` + memory + `,"job":{"jarURI":"local:///opt/job.jar","parallelism":2,"state":"suspended","upgradeMode":"stateless"}}`
	rescaled  = `{"image":"flink:1.20","flinkVersion":"v1_20","serviceAccount":"flink",` + memory + `,"job":{"jarURI":"local:///opt/job.jar","parallelism":4,"state":"running","upgradeMode":"stateless"}}`
)

func text(json string) *cmfv1.JsonObject { return &cmfv1.JsonObject{Json: json} }

// environment is a request for an environment in namespace flink of cluster-a.
func environment(name string, changes ...func(*cmfv1.Environment)) *cmfv1.CreateOrUpdateEnvironmentRequest {
	env := &cmfv1.Environment{Name: name, KubernetesNamespace: "flink", KubernetesClusterName: "cluster-a"}
	for _, change := range changes {
		change(env)
	}
	return &cmfv1.CreateOrUpdateEnvironmentRequest{Environment: env}
}

func defaults(json string) func(*cmfv1.Environment) {
	return func(e *cmfv1.Environment) { e.FlinkApplicationDefaults = text(json) }
}

func application(env, name, spec string) *cmfv1.CreateOrUpdateApplicationRequest {
	return &cmfv1.CreateOrUpdateApplicationRequest{EnvName: env, Application: &cmfv1.FlinkApplication{
		ApiVersion: "cmf.confluent.io/v1", Kind: "FlinkApplication",
		Metadata: &cmfv1.ObjectMeta{Name: name}, Spec: text(spec),
	}}
}

func (r *replica) saveEnvironment(t testing.TB, name string, changes ...func(*cmfv1.Environment)) *cmfv1.Environment {
	t.Helper()
	return must(r.environments.CreateOrUpdateEnvironment(t.Context(), environment(name, changes...)))(t)
}

func (r *replica) saveApplication(t testing.TB, env, name, spec string) *cmfv1.FlinkApplication {
	t.Helper()
	return must(r.applications.CreateOrUpdateApplication(t.Context(), application(env, name, spec)))(t)
}

func (r *replica) application(t testing.TB, env, name string) *cmfv1.FlinkApplication {
	t.Helper()
	return must(r.applications.GetApplication(t.Context(), &cmfv1.GetApplicationRequest{EnvName: env, AppName: name}))(t)
}

func (r *replica) deleteApplication(t testing.TB, env, name string, force bool) {
	t.Helper()
	must(r.applications.DeleteApplication(t.Context(), &cmfv1.DeleteApplicationRequest{EnvName: env, AppName: name, Force: force}))(t)
}

// status is the status of an application, parsed.
func (r *replica) status(t testing.TB, env, name string) map[string]any {
	t.Helper()
	return parsed(t, r.application(t, env, name).GetStatus())
}

func parsed(t testing.TB, object *cmfv1.JsonObject) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal([]byte(object.GetJson()), &out); err != nil {
		t.Fatalf("parse %q: %v", object.GetJson(), err)
	}
	return out
}

// jobState is jobStatus.state of an application.
func (r *replica) jobState(t testing.TB, env, name string) string {
	t.Helper()
	job, _ := r.status(t, env, name)["jobStatus"].(map[string]any)
	state, _ := job["state"].(string)
	return state
}

// runs are the instances of an application, the newest first.
func (r *replica) runs(t testing.TB, env, name string) []*cmfv1.FlinkApplicationInstance {
	t.Helper()
	size := int32(1000)
	page := must(r.instances.ListApplicationInstances(t.Context(), &cmfv1.ListApplicationInstancesRequest{EnvName: env, AppName: name, Size: &size}))(t)
	return page.GetItems()
}

// history is the events of an application, the oldest first, as their types and
// messages.
func (r *replica) history(t testing.TB, env, name string) []string {
	t.Helper()
	size := int32(1000)
	page := must(r.events.ListApplicationEvents(t.Context(), &cmfv1.ListApplicationEventsRequest{EnvName: env, AppName: name, Size: &size}))(t)
	var out []string
	for _, event := range page.GetItems() {
		out = append([]string{event.GetStatus().GetType() + " " + event.GetStatus().GetMessage()}, out...)
	}
	return out
}

func (r *replica) cluster(t testing.TB, name string) *cmfv1.KubernetesCluster {
	t.Helper()
	return must(r.clusters.GetKubernetesCluster(t.Context(), &cmfv1.GetKubernetesClusterRequest{KubernetesClusterName: name}))(t)
}

func (r *replica) setLifecycle(ctx context.Context, cluster, lifecycle string) (*cmfv1.KubernetesCluster, error) {
	return r.clusters.UpdateKubernetesCluster(ctx, &cmfv1.UpdateKubernetesClusterRequest{
		KubernetesClusterName: cluster,
		Cluster:               &cmfv1.KubernetesCluster{Spec: &cmfv1.KubernetesClusterSpec{LifecycleState: lifecycle}},
	})
}

// refusal is what REST makes of an error.
type refusal struct {
	Code     codes.Code
	HTTP     int32 // where the code does not say it
	Messages []string
}

func refusalOf(err error) refusal {
	out := refusal{Code: status.Code(err)}
	for _, detail := range status.Convert(err).Details() {
		switch d := detail.(type) {
		case *cmfv1.HttpStatus:
			out.HTTP = d.GetCode()
		case *cmfv1.RestError:
			for _, e := range d.GetErrors() {
				out.Messages = append(out.Messages, e.GetMessage())
			}
		}
	}
	return out
}

func refused(t testing.TB, err error, want refusal) {
	t.Helper()
	if err == nil {
		t.Fatalf("was accepted, want refusal %v", want)
	}
	equal(t, "refusal", want, refusalOf(err))
}

func invalid(messages ...string) refusal {
	return refusal{Code: codes.InvalidArgument, Messages: messages}
}

func unprocessable(messages ...string) refusal {
	return refusal{Code: codes.InvalidArgument, HTTP: 422, Messages: messages}
}

func notFound(message string) refusal {
	return refusal{Code: codes.NotFound, Messages: []string{message}}
}
