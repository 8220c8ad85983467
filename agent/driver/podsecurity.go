package driver

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/openweir/weir/flink"
	"github.com/openweir/weir/flink/podsecurity"
	"github.com/openweir/weir/openjson"
)

// checkPodSecurity returns what the agent's level of the Pod Security Standards
// forbids in a Flink cluster. The control plane has checked it before, with the level
// of the environment; this protects the workload cluster from a control plane that
// did not.
func (d *Driver) checkPodSecurity(t task, manifest *unstructured.Unstructured) *problem {
	if t.key.kind != flink.KindDeployment || d.config.PodSecurity == podsecurity.Privileged {
		return nil
	}
	if podsecurity.IsSystemNamespace(t.key.namespace) {
		return refused(ReasonPodSecurity, "The agent of cluster %q does not apply %s: no Flink cluster may run in a namespace of Kubernetes itself.", d.config.Cluster, t.key)
	}
	spec, _ := manifest.Object["spec"].(openjson.Object)
	problems := podsecurity.Check(podsecurity.Baseline, spec)
	if len(problems) == 0 {
		return nil
	}
	rules := make([]string, len(problems))
	for i, p := range problems {
		rules[i] = p.Error()
	}
	return refused(ReasonPodSecurity, "The agent of cluster %q does not apply %s: %s. The agent's --pod-security sets the level.", d.config.Cluster, t.key, strings.Join(rules, "; "))
}
