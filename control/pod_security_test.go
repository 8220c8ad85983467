package control_test

import (
	"strings"
	"testing"

	"github.com/openweir/weir/flink/podsecurity"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestPodsHaveNoAccessToTheirNode(t *testing.T) {
	const rooted = `"podTemplate":{"spec":{"volumes":[{"name":"root","hostPath":{"path":"/"}}]}},`
	const rule = `spec.podTemplate: violates the Pod Security Standard "baseline": hostPath volumes: volume "root"`
	r := start(t)
	h := hello("cluster-a")
	h.Namespaces = &agentv1.NamespacesReport{Names: []string{"flink", "kube-system"}}
	r.connect(t, h)
	r.saveEnvironment(t, "prod")
	before := r.stored(t)
	rootedApplication := application("prod", "orders", strings.Replace(running, "{", "{"+rooted, 1))
	rootedPool := poolOf("pool", "DEDICATED", "")
	rootedPool.Spec.ClusterSpec = text(strings.Replace(clusterSpec, "{", "{"+rooted, 1))

	_, err := r.applications.CreateOrUpdateApplication(t.Context(), rootedApplication)
	refused(t, err, unprocessable(rule))
	_, err = r.pools("prod").create(t.Context(), rootedPool)
	refused(t, err, unprocessable("spec.clusterSpec."+rule[len("spec."):]))
	_, err = r.environments.CreateOrUpdateEnvironment(t.Context(), environment("system", func(e *cmfv1.Environment) { e.KubernetesNamespace = "kube-system" }))
	refused(t, err, invalid("kubernetesNamespace: must not be 'kube-system', a namespace of Kubernetes itself"))
	_, err = r.environments.CreateOrUpdateEnvironment(t.Context(), environment("prod", withPodSecurity("none")))
	refused(t, err, invalid(`metadata.labels["pod-security.kubernetes.io/enforce"]: must be "privileged" or "baseline", got "none"`))
	equal(t, "stored", before, r.stored(t))

	// Whoever may change the environment may allow it.
	r.saveEnvironment(t, "prod", withPodSecurity("privileged"))
	must(r.applications.CreateOrUpdateApplication(t.Context(), rootedApplication))(t)
	must(r.pools("prod").create(t.Context(), rootedPool))(t)
}

func TestEnvironmentDefaultsGiveNoAccessToTheNode(t *testing.T) {
	r := start(t)
	r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod")
	before := r.stored(t)
	_, err := r.environments.CreateOrUpdateEnvironment(t.Context(), environment("prod", func(e *cmfv1.Environment) {
		e.FlinkApplicationDefaults = text(`{"spec":{"flinkConfiguration":{"kubernetes.hostnetwork.enabled":"true"}}}`)
		e.ComputePoolDefaults = text(`{"clusterSpec":{"podTemplate":{"spec":{"hostPID":true}}}}`)
	}))
	refused(t, err, invalid(
		`flinkApplicationDefaults.spec.flinkConfiguration: must not set "kubernetes.hostnetwork.enabled" (hostNetwork), which violates the Pod Security Standard "baseline"`,
		`computePoolDefaults.clusterSpec.podTemplate: violates the Pod Security Standard "baseline": host namespaces: hostPID=true`))
	equal(t, "stored", before, r.stored(t))
}

func withPodSecurity(level string) func(*cmfv1.Environment) {
	return func(e *cmfv1.Environment) {
		e.Metadata = &cmfv1.ObjectMeta{Labels: map[string]string{podsecurity.Label: level}}
	}
}
