package conformance

import (
	"strings"
	"testing"
)

func TestSecrets(t *testing.T) { hold(t, secretLines) }

// hidden is a check of a line: no value of the secret is in the answer.
func hidden(s *scene, a answer) {
	s.t.Helper()
	if strings.Contains(string(a.body), "hidden") {
		s.t.Errorf("%s: tells the secret: %s", a.request, a.body)
	}
}

var secretLines = []line{
	{clause: "POST /cmf/api/v1/secrets 200", when: "a new secret", send: secretBody, then: all(hidden, has("spec.data.user", "****"), has("status.version", "1"))},
	{
		clause: "POST /cmf/api/v1/secrets 400", when: "a key that is invalid in Kubernetes",
		send: `{"metadata":{"name":"{secretName}"},"spec":{"data":{"a/b":"hidden"}}}`, says: []string{"spec.data"}, then: hidden,
	},
	{clause: "POST /cmf/api/v1/secrets 400", when: "no metadata", send: `{"spec":{"data":{}}}`, says: []string{"metadata"}},
	{clause: "POST /cmf/api/v1/secrets 409", when: "the name already exists", given: []step{secret}, send: secretBody, says: []string{"'{secretName}' already exists"}},
	{clause: "GET /cmf/api/v1/secrets 200", when: "all secrets", given: []step{secret}, query: "size=2000", says: []string{"{secretName}"}, then: hidden},
	{clause: "GET /cmf/api/v1/secrets 304", when: "nothing changed", given: []step{secret}, unchanged: true},
	{clause: "GET /cmf/api/v1/secrets/{secretName} 200", when: "a secret that an environment maps", given: []step{mapping}, then: all(hidden, has("status.environments.0", "{envName}"))},
	{clause: "GET /cmf/api/v1/secrets/{secretName} 404", when: "no such secret", says: []string{"'{secretName}' not found"}},
	{
		clause: "PUT /cmf/api/v1/secrets/{secretName} 200", when: "other data", given: []step{secret},
		send: `{"metadata":{"name":"{secretName}"},"spec":{"data":{"user":"hidden"}}}`,
		then: all(hidden, has("status.version", "2"), lacking("spec.data.password")),
	},
	{
		clause: "PUT /cmf/api/v1/secrets/{secretName} 200", when: "the response of a GET is sent back unchanged", given: []step{secret},
		send: `{"metadata":{"name":"{secretName}"},"spec":{"data":{"user":"****","password":"****"}}}`, then: has("status.version", "1"),
	},
	{
		clause: "PUT /cmf/api/v1/secrets/{secretName} 400", when: "a name that differs from the path", given: []step{secret},
		send: `{"metadata":{"name":"other-name"},"spec":{"data":{}}}`, says: []string{"metadata.name"},
	},
	{clause: "PUT /cmf/api/v1/secrets/{secretName} 404", when: "no such secret", send: secretBody, says: []string{"'{secretName}' not found"}},
	{
		clause: "PUT /cmf/api/v1/secrets/{secretName} 422", when: "a key that is invalid in Kubernetes", given: []step{secret},
		send: `{"metadata":{"name":"{secretName}"},"spec":{"data":{"a/b":"hidden"}}}`, says: []string{"spec.data"}, then: hidden,
	},
	{clause: "DELETE /cmf/api/v1/secrets/{secretName} 204", when: "a secret that is not mapped", given: []step{secret}, then: gone(secrets + "/{secretName}")},
	{clause: "DELETE /cmf/api/v1/secrets/{secretName} 409", when: "an environment maps it", given: []step{mapping}, says: []string{"[{envName}]"}},
	{clause: "DELETE /cmf/api/v1/secrets/{secretName} 404", when: "no such secret", says: []string{"'{secretName}' not found"}},

	{clause: "POST /cmf/api/v1/environments/{envName}/secret-mappings 200", when: "a new mapping", given: []step{environment, secret}, send: mappingBody, then: all(has("metadata.name", "{name}"), has("spec.secretName", "{secretName}"))},
	{
		clause: "POST /cmf/api/v1/environments/{envName}/secret-mappings 400", when: "no secret name", given: []step{environment},
		send: `{"metadata":{"name":"{name}"},"spec":{}}`, says: []string{"spec.secretName"},
	},
	{clause: "POST /cmf/api/v1/environments/{envName}/secret-mappings 404", when: "no such environment", given: []step{secret}, send: mappingBody, says: []string{"'{envName}' not found"}},
	{clause: "POST /cmf/api/v1/environments/{envName}/secret-mappings 404", when: "no such secret", given: []step{environment}, send: mappingBody, says: []string{"'{secretName}' not found"}},
	{clause: "POST /cmf/api/v1/environments/{envName}/secret-mappings 409", when: "the id is mapped", given: []step{mapping}, send: mappingBody, says: []string{"'{name}' already exists"}},
	{clause: "GET /cmf/api/v1/environments/{envName}/secret-mappings 200", when: "the mappings of an environment", given: []step{mapping}, then: has("items.0.metadata.name", "{name}")},
	{clause: "GET /cmf/api/v1/environments/{envName}/secret-mappings 404", when: "no such environment", says: []string{"'{envName}' not found"}},
	{clause: "GET /cmf/api/v1/environments/{envName}/secret-mappings/{name} 200", when: "a mapping", given: []step{mapping}, then: has("spec.secretName", "{secretName}")},
	{clause: "GET /cmf/api/v1/environments/{envName}/secret-mappings/{name} 404", when: "no such mapping", given: []step{environment}, says: []string{"'{name}' not found"}},
	{clause: "PUT /cmf/api/v1/environments/{envName}/secret-mappings/{name} 200", when: "a name that already exists", given: []step{mapping}, send: mappingBody, then: has("spec.secretName", "{secretName}")},
	{
		clause: "PUT /cmf/api/v1/environments/{envName}/secret-mappings/{name} 400", when: "a name that differs from the path", given: []step{mapping},
		send: `{"metadata":{"name":"other-name"},"spec":{"secretName":"{secretName}"}}`, says: []string{"metadata.name"},
	},
	{clause: "PUT /cmf/api/v1/environments/{envName}/secret-mappings/{name} 404", when: "no such mapping", given: []step{environment, secret}, send: mappingBody, says: []string{"'{name}' not found"}},
	{clause: "DELETE /cmf/api/v1/environments/{envName}/secret-mappings/{name} 204", when: "a mapping", given: []step{mapping}, then: gone(mappings + "/{name}")},
	{clause: "DELETE /cmf/api/v1/environments/{envName}/secret-mappings/{name} 404", when: "no such mapping", given: []step{environment}, says: []string{"'{name}' not found"}},
}
