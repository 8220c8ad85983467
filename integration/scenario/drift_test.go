package scenario

import (
	"errors"
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// What somebody changes by hand is put right, and an event says so.
func TestDriftIsRepaired(t *testing.T) {
	t.Parallel()
	cases := map[string]func(*environment){
		"edited": func(env *environment) {
			env.edit("drifting", `{"spec":{"job":{"parallelism":99}}}`)
			env.awaitEvent("drifting", "DRIFT", "spec.job.parallelism", "99", "3")
			env.awaitDeployment("drifting", "to be put right", parallelism(3))
		},
		"added-to": func(env *environment) {
			env.edit("drifting", `{"spec":{"restartNonce":7}}`)
			env.awaitEvent("drifting", "DRIFT", "spec.restartNonce")
			env.awaitDeployment("drifting", "to be put right", func(object *unstructured.Unstructured) error {
				if nonce, found, _ := unstructured.NestedInt64(object.Object, "spec", "restartNonce"); found {
					return fmt.Errorf("its restartNonce is %d", nonce)
				}
				return nil
			})
		},
		"deleted": func(env *environment) {
			before := env.deployment("drifting")
			if err := env.deployments().Delete(env.t.Context(), "drifting", metav1.DeleteOptions{}); err != nil {
				env.t.Fatal(err)
			}
			env.awaitEvent("drifting", "DRIFT", "deleted")
			env.awaitDeployment("drifting", "to be there again", func(object *unstructured.Unstructured) error {
				if object.GetUID() == before.GetUID() {
					return errors.New("it is the old one")
				}
				return nil
			})
			env.awaitApplication("drifting", "RUNNING")
		},
		"labelled-by-others": func(env *environment) {
			env.edit("drifting", `{"metadata":{"labels":{"team":"payments"}}}`)
			canary(env)
			if got := env.deployment("drifting").GetLabels()["team"]; got != "payments" {
				env.t.Errorf("the label of others is %q, want it left alone", got)
			}
		},
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := joinSite(startPlane(t), east, "default-k8s-cluster")
			env := s.createEnvironment("test")
			env.run("drifting")
			change(env)
		})
	}
}

// Drift is put right while the control plane is gone, and the event is told
// when it is back.
func TestDriftIsRepairedWithoutTheControlPlane(t *testing.T) {
	t.Parallel()
	p := startPlane(t)
	s := joinSite(p, west, "default-k8s-cluster")
	env := s.createEnvironment("test")
	env.run("alone")

	p.control.Kill()
	s.edit("alone", `{"spec":{"job":{"parallelism":99}}}`)
	env.awaitDeployment("alone", "to be put right", parallelism(3))

	p.startControl()
	s.awaitState("CONNECTED")
	env.awaitEvent("alone", "DRIFT", "99")
}

// edit changes a FlinkDeployment as a person with kubectl would.
func (s *site) edit(name, patch string) {
	s.t.Helper()
	options := metav1.PatchOptions{FieldManager: "kubectl-edit"}
	if _, err := s.deployments().Patch(s.t.Context(), name, types.MergePatchType, []byte(patch), options); err != nil {
		s.t.Fatal(err)
	}
}
