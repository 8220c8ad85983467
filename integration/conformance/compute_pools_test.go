package conformance

import (
	"strings"
	"testing"
)

func TestComputePools(t *testing.T) { hold(t, poolLines) }

var poolLines = []line{
	{
		clause: "POST /cmf/api/v1/environments/{envName}/compute-pools 200", when: "a template", given: []step{environment},
		send: poolBody("DEDICATED"), then: all(has("metadata.name", "{computePoolName}"), has("status.phase", "DEDICATED"), lacking("spec.state")),
	},
	{
		clause: "POST /cmf/api/v1/environments/{envName}/compute-pools 200", when: "a session cluster", given: []step{environment},
		send: poolBody("SHARED"),
		then: all(has("spec.state", "RUNNING"), func(s *scene, _ answer) { s.awaits(onePool, "status.phase", "RUNNING") }),
	},
	{
		clause: "POST /cmf/api/v1/environments/{envName}/compute-pools 400", when: "no type", given: []step{environment},
		send: `{"metadata":{"name":"{computePoolName}"},"spec":{"clusterSpec":{}}}`, says: []string{"spec.type"},
	},
	{clause: "POST /cmf/api/v1/environments/{envName}/compute-pools 404", when: "no such environment", send: poolBody("DEDICATED"), says: []string{"'{envName}' not found"}},
	{clause: "POST /cmf/api/v1/environments/{envName}/compute-pools 409", when: "the name already exists", given: []step{pool}, send: poolBody("DEDICATED"), says: []string{"'{computePoolName}' already exists"}},
	{
		clause: "POST /cmf/api/v1/environments/{envName}/compute-pools 422", when: "a job, which statements define", given: []step{environment},
		send: `{"metadata":{"name":"{computePoolName}"},"spec":{"type":"DEDICATED","clusterSpec":{"flinkVersion":"v1_19","job":{"jarURI":"local:///job.jar"}}}}`,
		says: []string{"spec.clusterSpec.job.jarURI"},
	},
	{clause: "GET /cmf/api/v1/environments/{envName}/compute-pools 200", when: "the pools of an environment", given: []step{pool}, then: has("items.0.metadata.name", "{computePoolName}")},
	{
		clause: "GET /cmf/api/v1/environments/{envName}/compute-pools 200", when: "with the resources in them", given: []step{pool},
		query: "include-resource-information=true", says: []string{"resourceSummary"},
	},
	{clause: "GET /cmf/api/v1/environments/{envName}/compute-pools 404", when: "no such environment", says: []string{"'{envName}' not found"}},
	{clause: "GET /cmf/api/v1/environments/{envName}/compute-pools/{computePoolName} 200", when: "a pool", given: []step{pool}, then: has("spec.type", "DEDICATED")},
	{
		clause: "GET /cmf/api/v1/environments/{envName}/compute-pools/{computePoolName} 200", when: "with the resources in it", given: []step{pool},
		query: "include-resource-information=true", says: []string{"resourceSummary"},
	},
	{clause: "GET /cmf/api/v1/environments/{envName}/compute-pools/{computePoolName} 404", when: "no such pool", given: []step{environment}, says: []string{"'{computePoolName}' not found"}},
	{clause: "PUT /cmf/api/v1/environments/{envName}/compute-pools/{computePoolName} 200", when: "a name that already exists", given: []step{pool}, send: poolBody("DEDICATED"), then: has("metadata.name", "{computePoolName}")},
	{
		clause: "PUT /cmf/api/v1/environments/{envName}/compute-pools/{computePoolName} 400", when: "a name that differs from the path", given: []step{pool},
		send: `{"metadata":{"name":"other-name"},"spec":{"type":"DEDICATED","clusterSpec":{"flinkVersion":"v1_19"}}}`, says: []string{"metadata.name"},
	},
	{clause: "PUT /cmf/api/v1/environments/{envName}/compute-pools/{computePoolName} 404", when: "no such pool", given: []step{environment}, send: poolBody("DEDICATED"), says: []string{"'{computePoolName}' not found"}},
	{
		clause: "PUT /cmf/api/v1/environments/{envName}/compute-pools/{computePoolName} 409", when: "a statement runs on it", given: []step{selecting},
		send: strings.Replace(poolBody("DEDICATED"), "v1_19", "v1_20", 1), says: []string{"{stmtName}"},
	},
	{clause: "PUT /cmf/api/v1/environments/{envName}/compute-pools/{computePoolName} 422", when: "another type", given: []step{pool}, send: poolBody("SHARED"), says: []string{"spec.type"}},
	{clause: "DELETE /cmf/api/v1/environments/{envName}/compute-pools/{computePoolName} 204", when: "a template", given: []step{pool}, then: gone(onePool)},
	{clause: "DELETE /cmf/api/v1/environments/{envName}/compute-pools/{computePoolName} 204", when: "with force", given: []step{pool}, query: "force=true", then: gone(onePool)},
	{clause: "DELETE /cmf/api/v1/environments/{envName}/compute-pools/{computePoolName} 409", when: "it is referenced by a statement, even a finished one", given: []step{showing}, says: []string{"{stmtName}"}},
	{clause: "DELETE /cmf/api/v1/environments/{envName}/compute-pools/{computePoolName} 404", when: "no such pool", given: []step{environment}, says: []string{"'{computePoolName}' not found"}},
}
