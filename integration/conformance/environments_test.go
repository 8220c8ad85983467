package conformance

import "testing"

func TestEnvironments(t *testing.T) { hold(t, environmentLines) }

var environmentLines = []line{
	{
		clause: "POST /cmf/api/v1/environments 200", when: "a new environment",
		send: `{"name":"{envName}","kubernetesNamespace":"default"}`,
		then: all(has("name", "{envName}"), has("metadata.name", "{envName}"), has("kubernetesClusterName", "default-k8s-cluster")),
	},
	{
		clause: "POST /cmf/api/v1/environments 200", when: "the name is in the metadata",
		send: `{"metadata":{"name":"{envName}","labels":{"a":"b"},"annotations":{"c":"d"}},"kubernetesNamespace":"default"}`,
		then: all(has("name", "{envName}"), has("metadata.labels.a", "b"), has("metadata.annotations.c", "d")),
	},
	{
		clause: "POST /cmf/api/v1/environments 200", when: "an existing environment is updated",
		given: []step{environment},
		send:  `{"name":"{envName}","flinkApplicationDefaults":{"spec":{"image":"a:1"}},"statementDefaults":{"detached":{"flinkConfiguration":{"a":"b"}}}}`,
		then:  all(has("flinkApplicationDefaults.spec.image", "a:1"), has("kubernetesNamespace", "default")),
	},
	{
		clause: "POST /cmf/api/v1/environments 400", when: "all violations are reported together",
		send: `{"name":"en","kubernetesNamespace":"nowhere","kubernetesClusterName":"no-cluster"}`,
		says: []string{"name: size must be between 4 and 2147483647", "kubernetesNamespace 'nowhere' does not exist", "kubernetesClusterName 'no-cluster' does not exist"},
	},
	{
		clause: "POST /cmf/api/v1/environments 400", when: "a value of another type",
		send: `{"name":7,"kubernetesNamespace":"default"}`, says: []string{"name: must be a string"},
	},
	{
		clause: "POST /cmf/api/v1/environments 400", when: "a changed namespace",
		given: []step{environment},
		send:  `{"name":"{envName}","kubernetesNamespace":"flink"}`, says: []string{"kubernetesNamespace: cannot change"},
	},
	{clause: "POST /cmf/api/v1/environments 400", when: "no body", says: []string{"body"}},
	{clause: "GET /cmf/api/v1/environments 200", when: "all environments", given: []step{environment}, query: "size=2000", says: []string{"{envName}"}},
	{
		clause: "GET /cmf/api/v1/environments 200", when: "with the resources in them", given: []step{atRest},
		query: "filter=name={envName}&include-resource-information=true",
		then:  all(has("items.0.status.resources.applications.SUSPENDED", 1.0), has("items.0.status.resourceSummary.jobManager.count", 0.0)),
	},
	{clause: "GET /cmf/api/v1/environments 304", when: "nothing changed", given: []step{environment}, query: "filter=name={envName}", unchanged: true},
	{clause: "GET /cmf/api/v1/environments 400", when: "a page below zero", query: "page=-1", says: []string{"page"}},
	{
		clause: "GET /cmf/api/v1/environments/{envName} 200", when: "an environment with a mapped secret", given: []step{mapping},
		then: has("secrets.{name}", "{secretName}"),
	},
	{
		clause: "GET /cmf/api/v1/environments/{envName} 200", when: "with the resources in it", given: []step{application},
		query: "include-resource-information=true", says: []string{"resourceSummary", "applications"},
	},
	{clause: "GET /cmf/api/v1/environments/{envName} 400", when: "an invalid boolean", given: []step{environment}, query: "include-resource-information=perhaps", says: []string{"include-resource-information"}},
	{clause: "GET /cmf/api/v1/environments/{envName} 404", when: "no such environment", says: []string{"'{envName}' not found"}},
	{clause: "DELETE /cmf/api/v1/environments/{envName} 204", when: "an empty environment", given: []step{environment}, then: gone(oneEnv)},
	{clause: "DELETE /cmf/api/v1/environments/{envName} 204", when: "with force, although it contains an application", given: []step{application}, query: "force=true", then: gone(oneEnv)},
	{clause: "DELETE /cmf/api/v1/environments/{envName} 404", when: "no such environment", says: []string{"'{envName}' not found"}},
	{clause: "DELETE /cmf/api/v1/environments/{envName} 409", when: "it contains an application", given: []step{application}, says: []string{"applications [{appName}]"}},
}

// gone is a check of a line: the resource is not there any more.
func gone(resource string) func(*scene, answer) {
	return func(s *scene, _ answer) {
		s.t.Helper()
		if a := s.ask("GET", s.fill(resource), "", ""); a.status != 404 {
			s.t.Errorf("%s: answered %d after the deletion", a.request, a.status)
		}
	}
}
