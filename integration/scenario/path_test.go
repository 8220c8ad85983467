package scenario

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/openweir/weir/integration/weir"
)

// The contract's own example, from the first POST to the last DELETE.
func TestApplicationFromPostToDelete(t *testing.T) {
	t.Parallel()
	p := startPlane(t)
	s := joinSite(p, east, "default-k8s-cluster")
	env := s.createEnvironment("test")

	created := env.post("curl-example")
	if got := created.String("status", "jobStatus", "state"); got != "RECONCILING" {
		t.Errorf("the state of a new application is %q, want RECONCILING", got)
	}
	running := env.awaitApplication("curl-example", "RUNNING")
	first := running.String("status", "currentDeployedInstanceName")
	if first == "" || running.String("status", "jobStatus", "jobId") == "" {
		t.Errorf("the status has no instance or no job: %v", running.At("status"))
	}
	object := env.settled("curl-example")
	want := weir.Object(created).At("spec")
	if diff := cmp.Diff(want, specOf(t, object, want)); diff != "" {
		t.Errorf("the FlinkDeployment does not have what the user wrote (-want +got):\n%s", diff)
	}

	env.post("curl-example", "parallelism: 3 => parallelism: 5")
	env.awaitDeployment("curl-example", "to have the new parallelism", parallelism(5))
	second := env.awaitStatus("curl-example", "to run its second instance", func(app weir.Object) error {
		if app.String("status", "currentDeployedInstanceName") == first || app.String("status", "jobStatus", "state") != "RUNNING" {
			return fmt.Errorf("its status is %v", app.At("status"))
		}
		return nil
	}).String("status", "currentDeployedInstanceName")

	p.object(http.MethodPost, env.path+"/applications/curl-example/suspend", "", http.StatusOK)
	env.awaitStatus("curl-example", "to be suspended", func(app weir.Object) error {
		if app.String("status", "lifecycleState") != "SUSPENDED" {
			return fmt.Errorf("its status is %v", app.At("status"))
		}
		return nil
	})
	p.object(http.MethodPost, env.path+"/applications/curl-example/suspend", "", http.StatusNotModified)
	p.object(http.MethodPost, env.path+"/applications/curl-example/start", "", http.StatusOK)
	third := env.awaitApplication("curl-example", "RUNNING").String("status", "currentDeployedInstanceName")

	instances := map[string]bool{}
	for _, instance := range p.get(env.path + "/applications/curl-example/instances").Items() {
		instances[instance.String("metadata", "name")] = true
	}
	if diff := cmp.Diff(map[string]bool{first: true, second: true, third: true}, instances); diff != "" {
		t.Errorf("the instances (-want +got):\n%s", diff)
	}
	env.awaitEvent("curl-example", "JOB_STATUS", "RUNNING")
	env.awaitEvent("curl-example", "CLUSTER_STATUS", "SUSPENDED")

	env.delete("curl-example")
	p.object(http.MethodGet, env.path+"/applications/curl-example", "", http.StatusNotFound)
	env.awaitGone("curl-example")
}

// specOf is the part of a FlinkDeployment's specification that want has keys
// for; all numbers are float64, as in JSON.
func specOf(t *testing.T, object *unstructured.Unstructured, want any) map[string]any {
	t.Helper()
	text, err := object.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var whole map[string]any
	if err := json.Unmarshal(text, &whole); err != nil {
		t.Fatal(err)
	}
	spec, _ := whole["spec"].(map[string]any)
	part := map[string]any{}
	for key := range want.(map[string]any) {
		part[key] = spec[key]
	}
	return part
}

// An application of one cluster never reaches another, even under one name.
func TestTwoClusters(t *testing.T) {
	t.Parallel()
	p := startPlane(t)
	inEast, inWest := joinSite(p, east, "east"), joinSite(p, west, "west")
	eastEnv, westEnv := inEast.createEnvironment("in-east"), inWest.createEnvironment("in-west")

	eastEnv.post("same-name")
	westEnv.post("same-name", "parallelism: 3 => parallelism: 9")
	eastEnv.awaitApplication("same-name", "RUNNING")
	westEnv.awaitApplication("same-name", "RUNNING")
	eastEnv.awaitDeployment("same-name", "to be east's", parallelism(3))
	westEnv.awaitDeployment("same-name", "to be west's", parallelism(9))

	eastEnv.delete("same-name")
	eastEnv.awaitGone("same-name")
	westEnv.awaitDeployment("same-name", "to be left", parallelism(9))
}

// A change of the environment's defaults reaches what runs already.
func TestDefaultsOfTheEnvironmentAreEnforced(t *testing.T) {
	t.Parallel()
	p := startPlane(t)
	s := joinSite(p, west, "default-k8s-cluster")
	env := s.createEnvironment("test")
	env.run("with-defaults")

	p.object(http.MethodPost, "/v1/environments",
		`{"name":"test","flinkApplicationDefaults":{"spec":{"job":{"parallelism":7}}}}`, http.StatusOK)
	env.awaitDeployment("with-defaults", "to have the default", parallelism(7))
	if got := p.get(env.path+"/applications/with-defaults").At("spec", "job", "parallelism"); got != float64(3) {
		t.Errorf("the user's own parallelism reads %v, want 3", got)
	}
	if got := len(p.get(env.path + "/applications/with-defaults/instances").Items()); got != 2 {
		t.Errorf("there are %d instances, want 2", got)
	}
}

// canary runs another application: once it runs, everything that the control
// plane had to say before has been said.
func canary(env *environment) {
	env.t.Helper()
	env.run("canary")
	env.delete("canary")
	env.awaitGone("canary")
}
