package scenario

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/openweir/weir/integration/weir"
)

// environment is an environment of a site.
type environment struct {
	*site
	path string
}

// createEnvironment makes an environment in the site's namespace.
func (s *site) createEnvironment(name string) *environment {
	s.t.Helper()
	s.plane.object(http.MethodPost, "/v1/environments", fmt.Sprintf(
		`{"name":%q,"kubernetesClusterName":%q,"kubernetesNamespace":%q}`, name, s.name, s.namespace), http.StatusOK)
	return &environment{site: s, path: "/v1/environments/" + name}
}

// application is the contract's own example under another name, with lines
// replaced: each change is "old => new".
func application(t testing.TB, name string, changes ...string) string {
	t.Helper()
	content, err := os.ReadFile("testdata/flink-application.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(content), "curl-example", name, 1)
	for _, change := range changes {
		before, after, _ := strings.Cut(change, " => ")
		if !strings.Contains(text, before) {
			t.Fatalf("the example has no %q", before)
		}
		text = strings.Replace(text, before, after, 1)
	}
	return text
}

// post creates or updates an application.
func (e *environment) post(name string, changes ...string) weir.Object {
	e.t.Helper()
	return e.plane.object(http.MethodPost, e.path+"/applications", application(e.t, name, changes...), http.StatusCreated)
}

// run posts an application and waits until it runs and the operator is done
// with it.
func (e *environment) run(name string, changes ...string) *unstructured.Unstructured {
	e.t.Helper()
	e.post(name, changes...)
	e.awaitApplication(name, "RUNNING")
	return e.settled(name)
}

// delete deletes an application.
func (e *environment) delete(name string) {
	e.t.Helper()
	e.plane.object(http.MethodDelete, e.path+"/applications/"+name, "", http.StatusNoContent)
}

// awaitApplication waits until an application's job is in a state.
func (e *environment) awaitApplication(name, state string) weir.Object {
	e.t.Helper()
	return e.awaitStatus(name, "to be "+state, func(app weir.Object) error {
		if got := app.String("status", "jobStatus", "state"); got != state {
			return fmt.Errorf("its status is %v", app.At("status"))
		}
		return nil
	})
}

// awaitStatus waits until an application is as it should be.
func (e *environment) awaitStatus(name, what string, condition func(weir.Object) error) weir.Object {
	e.t.Helper()
	var app weir.Object
	e.plane.await(fmt.Sprintf("application %s %s", name, what), func(ctx context.Context) (err error) {
		if app, err = e.plane.Object(ctx, http.MethodGet, e.path+"/applications/"+name, "", http.StatusOK); err != nil {
			return err
		}
		return condition(app)
	})
	return app
}

// awaitProblem waits until the status and an event of an application tell of a
// problem in all of these words.
func (e *environment) awaitProblem(name string, words ...string) {
	e.t.Helper()
	e.awaitStatus(name, fmt.Sprintf("to tell of %q", words), func(app weir.Object) error {
		return saysAll(app.String("status", "error")+" "+app.String("status", "warning"), words)
	})
	e.awaitEvent(name, "WARNING", words...)
}

// awaitEvent waits for an event of a type whose message has all of these words.
func (e *environment) awaitEvent(name, kind string, words ...string) weir.Object {
	e.t.Helper()
	var found weir.Object
	path := strings.Replace(e.path, "/v1/", "/v1alpha1/", 1) + "/applications/" + name + "/events?size=100"
	e.plane.await(fmt.Sprintf("a %s event of application %s that says %q", kind, name, words), func(ctx context.Context) error {
		page, err := e.plane.Object(ctx, http.MethodGet, path, "", http.StatusOK)
		if err != nil {
			return err
		}
		var others []string
		for _, event := range page.Items() {
			message := event.String("status", "message")
			if event.String("status", "type") == kind && saysAll(message, words) == nil {
				found = event
				return nil
			}
			others = append(others, event.String("status", "type")+": "+message)
		}
		return fmt.Errorf("the events are %q", others)
	})
	return found
}

func saysAll(text string, words []string) error {
	for _, word := range words {
		if !strings.Contains(text, word) {
			return fmt.Errorf("%q does not say %q", text, word)
		}
	}
	return nil
}

// settled waits until the operator has nothing left to do for a FlinkDeployment
// that runs, and returns it.
func (s *site) settled(name string) *unstructured.Unstructured {
	s.t.Helper()
	return s.awaitDeployment(name, "to be stable", func(object *unstructured.Unstructured) error {
		status := weir.Object(object.Object)
		observed, _, _ := unstructured.NestedInt64(object.Object, "status", "observedGeneration")
		if status.String("status", "lifecycleState") != "STABLE" || observed != object.GetGeneration() {
			return fmt.Errorf("generation %d has status %v", object.GetGeneration(), status.At("status"))
		}
		return nil
	})
}

// expectUntouched fails the test if anybody has written to a FlinkDeployment
// since it was read.
func (s *site) expectUntouched(before *unstructured.Unstructured) {
	s.t.Helper()
	after := s.deployment(before.GetName())
	if before.GetUID() != after.GetUID() || before.GetGeneration() != after.GetGeneration() || before.GetResourceVersion() != after.GetResourceVersion() {
		s.t.Errorf("FlinkDeployment %s was written to:\nbefore: %v\nafter:  %v", before.GetName(), before.Object, after.Object)
	}
}

// awaitGone waits until a FlinkDeployment is gone.
func (s *site) awaitGone(name string) {
	s.t.Helper()
	s.plane.await("FlinkDeployment "+name+" to be gone", func(ctx context.Context) error {
		_, err := s.deployments().Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.Join(errors.New("it is still there"), err)
	})
}

// parallelism is a condition on a FlinkDeployment's specification.
func parallelism(want int64) func(*unstructured.Unstructured) error {
	return func(object *unstructured.Unstructured) error {
		got, _, err := unstructured.NestedInt64(object.Object, "spec", "job", "parallelism")
		if err == nil && got != want {
			err = fmt.Errorf("its parallelism is %d, not %d", got, want)
		}
		return err
	}
}
