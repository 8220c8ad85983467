package control_test

import (
	"regexp"
	"testing"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

func TestTheStatusOfAnApplicationIsStaleWithoutItsDefinition(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod")
	r.saveApplication(t, "prod", "orders", running)
	a.report(a.awaitApply("orders", 1), flinkStatus("STABLE", "RUNNING", "job-1"))
	awaitEqual(t, "the state of the job", "RUNNING", func() string { return r.jobState(t, "prod", "orders") })
	equal(t, "a warning", nil, r.status(t, "prod", "orders")["warning"])

	a.close()
	a = r.connect(t, hello("cluster-a", func(h *agentv1.Hello) { h.CustomResourceDefinitions = nil }))
	stale := regexp.MustCompile(`^The status may be stale: Kubernetes cluster 'cluster-a' is without the custom resource definition flinkdeployments.flink.apache.org since 20\S+Z.$`)
	awaitEqual(t, "the warning says so", true, func() bool {
		warning, _ := r.status(t, "prod", "orders")["warning"].(string)
		return stale.MatchString(warning)
	})

	a.close()
	r.connect(t, hello("cluster-a"))
	awaitEqual(t, "a warning once it exists again", nil, func() any { return r.status(t, "prod", "orders")["warning"] })
}

func TestTheStatusOfAnApplicationIsStaleWithoutTheAPIServer(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod")
	r.saveApplication(t, "prod", "orders", running)
	a.report(a.awaitApply("orders", 1), flinkStatus("STABLE", "RUNNING", "job-1"))
	beat := func(failure string) {
		a.send(&agentv1.ConnectRequest{Message: &agentv1.ConnectRequest_Heartbeat{Heartbeat: &agentv1.Heartbeat{KubernetesError: failure}}})
	}
	beat("connection refused")
	stale := regexp.MustCompile(`^The status may be stale: the agent of Kubernetes cluster 'cluster-a' has not reached the API server since 20\S+Z: connection refused$`)
	awaitEqual(t, "the warning says so", true, func() bool {
		warning, _ := r.status(t, "prod", "orders")["warning"].(string)
		return stale.MatchString(warning)
	})
	beat("")
	awaitEqual(t, "a warning once it is reached again", nil, func() any { return r.status(t, "prod", "orders")["warning"] })
}
