package control_test

import (
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestApplicationIsCreatedWithTheShapeThatClientsExpect(t *testing.T) {
	r := start(t)
	r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod")

	created := r.saveApplication(t, "prod", "orders", running)
	run := r.runs(t, "prod", "orders")[0].GetMetadata().GetName()
	equal(t, "status", map[string]any{
		"jobStatus":                   map[string]any{"jobName": "", "state": "RECONCILING"},
		"currentDeployedInstanceName": run,
	}, parsed(t, created.GetStatus()))
	equal(t, "spec", running, created.GetSpec().GetJson())
	if created.GetMetadata().GetUid() == "" || !created.GetMetadata().GetCreationTimestamp().IsValid() || !created.GetMetadata().GetUpdateTimestamp().IsValid() {
		t.Errorf("uid and times must be set: %v", created.GetMetadata())
	}
	equal(t, "get", created, r.application(t, "prod", "orders"))
}

func TestApplicationUpdateByPost(t *testing.T) {
	r := start(t)
	r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod")
	created := r.saveApplication(t, "prod", "orders", running)

	before := r.stored(t)
	same := r.saveApplication(t, "prod", "orders", running)
	equal(t, "the same again is answered with what is there:", created, same)
	equal(t, "and writes nothing:", before, r.stored(t))

	changed := r.saveApplication(t, "prod", "orders", rescaled)
	equal(t, "spec", rescaled, changed.GetSpec().GetJson())
	equal(t, "uid", created.GetMetadata().GetUid(), changed.GetMetadata().GetUid())
	equal(t, "creation", created.GetMetadata().GetCreationTimestamp(), changed.GetMetadata().GetCreationTimestamp())
	equal(t, "events", []string{"CMF_STATUS Application created.", "CMF_STATUS Application updated."}, r.history(t, "prod", "orders"))

	request := application("prod", "orders", rescaled)
	request.Application.Metadata.Labels = map[string]string{"team": "red"}
	labelled := must(r.applications.CreateOrUpdateApplication(t.Context(), request))(t)
	equal(t, "labels", map[string]string{"team": "red"}, labelled.GetMetadata().GetLabels())
	equal(t, "labels begin no instance:", 2, len(r.runs(t, "prod", "orders")))
}

func TestInvalidApplicationIsRejected(t *testing.T) {
	r := start(t)
	r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod")
	r.saveEnvironment(t, "test")
	r.saveApplication(t, "prod", "orders", running)
	before := r.stored(t)

	for _, test := range []struct {
		name    string
		request *cmfv1.CreateOrUpdateApplicationRequest
		want    refusal
	}{
		{"unknown environment", application("nowhere", "orders", running), notFound("Environment 'nowhere' not found.")},
		{
			"object of an application in another environment of the namespace", application("test", "orders", running),
			unprocessable("metadata.name: the FlinkDeployment 'orders' in namespace 'flink' of Kubernetes cluster 'cluster-a' is already owned by 'orders' of environment 'prod'."),
		},
		{
			"everything that the operator would refuse", application("prod", "broken", `{"flinkVersion":"1.20","jobManager":{"replicas":0},"job":{"state":"paused","parallelism":0,"args":"a"}}`),
			unprocessable(
				`spec.flinkVersion: must look like v1_20, got "1.20"`,
				"spec.jobManager.replicas: must be between 1 and 2147483647",
				"spec.serviceAccount: must be set, in the application or in the environment's flinkApplicationDefaults",
				`spec.job.state: must be one of running, suspended, got "paused"`,
				"spec.job.parallelism: must be between 1 and 2147483647",
				"spec.job.args: must be a list of strings",
			),
		},
		{"a name longer than 45 characters", application("prod", "a23456789012345678901234567890123456789012345678", running), invalid("metadata.name: size must be between 4 and 45")},
		{"a spec that is not JSON", application("prod", "broken", `{"image":`), invalid("spec: is not valid JSON: jsontext: unexpected EOF within \"/image\" after offset 9")},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := r.applications.CreateOrUpdateApplication(t.Context(), test.request)
			refused(t, err, test.want)
		})
	}
	equal(t, "stored", before, r.stored(t))

	_, err := r.applications.GetApplication(t.Context(), &cmfv1.GetApplicationRequest{EnvName: "prod", AppName: "nothing"})
	refused(t, err, notFound("Application 'nothing' not found in environment 'prod'."))
}

func TestStartAndSuspend(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod")
	r.saveApplication(t, "prod", "orders", suspended)
	equal(t, "a suspended application has no instance:", 0, len(r.runs(t, "prod", "orders")))
	equal(t, "job.state", any("suspended"), job(t, a, 1)["state"])

	// Each step says which Apply carries it, 0 where nothing is to be sent.
	for _, step := range []struct {
		verb      string
		header    []string
		state     string
		instances int
		apply     int
	}{
		{"start", nil, "running", 1, 2},
		{"start", []string{"304"}, "running", 1, 0},
		{"suspend", nil, "suspended", 1, 3},
		{"suspend", []string{"304"}, "suspended", 1, 0},
		{"start", nil, "running", 2, 4},
	} {
		before := r.stored(t)
		var header metadata.MD
		var err error
		var answer *cmfv1.FlinkApplication
		if step.verb == "start" {
			answer, err = r.applications.StartApplication(t.Context(), &cmfv1.StartApplicationRequest{EnvName: "prod", AppName: "orders"}, grpc.Header(&header))
		} else {
			answer, err = r.applications.SuspendApplication(t.Context(), &cmfv1.SuspendApplicationRequest{EnvName: "prod", AppName: "orders"}, grpc.Header(&header))
		}
		if err != nil {
			t.Fatalf("%s: %v", step.verb, err)
		}
		equal(t, step.verb+": header", step.header, header.Get("weir-http-status"))
		equal(t, step.verb+": spec.job.state", any(step.state), parsed(t, answer.GetSpec())["job"].(map[string]any)["state"])
		equal(t, step.verb+": instances", step.instances, len(r.runs(t, "prod", "orders")))
		if step.apply == 0 {
			equal(t, step.verb+": writes nothing:", before, r.stored(t))
			continue
		}
		equal(t, step.verb+": job.state sent", any(step.state), job(t, a, step.apply)["state"])
	}
}

// job is spec.job in the nth Apply of orders.
func job(t testing.TB, a *agent, n int) map[string]any {
	t.Helper()
	job, _ := specOf(t, a.awaitApply("orders", n))["job"].(map[string]any)
	return job
}
