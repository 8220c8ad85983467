package conformance

import "testing"

func TestKubernetesClusters(t *testing.T) { hold(t, clusterLines) }

var clusterLines = []line{
	{clause: "GET /cmf/api/v1/kubernetes-clusters 200", when: "all clusters", says: []string{"default-k8s-cluster", "edge-k8s-cluster"}, then: has("metadata.size", 2.0)},
	{
		clause: "GET /cmf/api/v1/kubernetes-clusters/{kubernetesClusterName} 200", when: "a connected cluster", given: []step{cluster},
		then: all(has("metadata.name", "default-k8s-cluster"), has("status.state", "CONNECTED"), has("spec.lifecycleState", "ACTIVE")),
		says: []string{"kubernetesVersion", "lastHeartbeatTimestamp"},
	},
	{clause: "GET /cmf/api/v1/kubernetes-clusters/{kubernetesClusterName} 404", when: "no such cluster", says: []string{"'{kubernetesClusterName}' not found"}},
	{
		clause: "PUT /cmf/api/v1/kubernetes-clusters/{kubernetesClusterName} 200", when: "only metadata, without apiVersion and kind", given: []step{cluster},
		send: `{"metadata":{"name":"default-k8s-cluster","labels":{"tier":"gold"}}}`, then: has("metadata.labels.tier", "gold"),
	},
	{
		clause: "PUT /cmf/api/v1/kubernetes-clusters/{kubernetesClusterName} 200", when: "empty labels clear them", given: []step{cluster, labelled},
		send: `{"metadata":{"labels":{}}}`, then: lacking("metadata.labels.tier"),
	},
	{
		clause: "PUT /cmf/api/v1/kubernetes-clusters/{kubernetesClusterName} 200", when: "null labels keep them", given: []step{cluster, labelled},
		send: `{"metadata":{"labels":null},"spec":{"lifecycleState":"ACTIVE"}}`, then: has("metadata.labels.tier", "gold"),
	},
	{
		clause: "PUT /cmf/api/v1/kubernetes-clusters/{kubernetesClusterName} 200", when: "decommission and activate", given: []step{spare},
		send: `{"spec":{"lifecycleState":"DECOMMISSIONED"}}`,
		then: all(has("status.state", "DECOMMISSIONED"), func(s *scene, _ answer) {
			if a := s.ask("PUT", s.fill(clusters+"/{kubernetesClusterName}"), `{"spec":{"lifecycleState":"ACTIVE"}}`, ""); a.status != 200 {
				s.t.Errorf("%s: answered %d: %s", a.request, a.status, a.body)
			}
			s.awaits(clusters+"/{kubernetesClusterName}", "status.state", "CONNECTED")
		}),
	},
	{
		clause: "PUT /cmf/api/v1/kubernetes-clusters/{kubernetesClusterName} 400", when: "environments are on it", given: []step{cluster, environment},
		send: `{"spec":{"lifecycleState":"DECOMMISSIONED"}}`, says: []string{"default-k8s-cluster", "{envName}"},
	},
	{clause: "PUT /cmf/api/v1/kubernetes-clusters/{kubernetesClusterName} 400", when: "an unknown state", given: []step{cluster}, send: `{"spec":{"lifecycleState":"ASLEEP"}}`, says: []string{"spec.lifecycleState"}},
	{clause: "PUT /cmf/api/v1/kubernetes-clusters/{kubernetesClusterName} 404", when: "no such cluster", send: `{"spec":{"lifecycleState":"ACTIVE"}}`, says: []string{"'{kubernetesClusterName}' not found"}},
}

// labelled gives the cluster a label.
func labelled(s *scene) {
	if a := s.ask("PUT", s.fill(clusters+"/{kubernetesClusterName}"), `{"metadata":{"labels":{"tier":"gold"}}}`, ""); a.status != 200 {
		s.t.Fatalf("%s: answered %d: %s", a.request, a.status, a.body)
	}
}
