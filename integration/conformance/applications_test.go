package conformance

import "testing"

func TestApplications(t *testing.T) { hold(t, applicationLines) }

var applicationLines = []line{
	{
		clause: "POST /cmf/api/v1/environments/{envName}/applications 201", when: "a new application", given: []step{environment},
		send: applicationBody("running"),
		then: all(has("metadata.name", "{appName}"), has("status.jobStatus.state", "RECONCILING"), has("spec.job.state", "running")),
	},
	{
		clause: "POST /cmf/api/v1/environments/{envName}/applications 201", when: "an existing application is updated", given: []step{application},
		send: applicationBody("suspended"), then: has("spec.job.state", "suspended"),
	},
	{
		clause: "POST /cmf/api/v1/environments/{envName}/applications 400", when: "no specification", given: []step{environment},
		send: `{"metadata":{"name":"{appName}"}}`, says: []string{"spec"},
	},
	{
		clause: "POST /cmf/api/v1/environments/{envName}/applications 400", when: "another kind", given: []step{environment},
		send: `{"kind":"Application","metadata":{"name":"{appName}"},"spec":{}}`, says: []string{"kind"},
	},
	{
		clause: "POST /cmf/api/v1/environments/{envName}/applications 404", when: "no such environment",
		send: applicationBody("running"), says: []string{"'{envName}' not found"},
	},
	{
		clause: "POST /cmf/api/v1/environments/{envName}/applications 422", when: "a specification that the operator rejects", given: []step{environment},
		send: `{"metadata":{"name":"{appName}"},"spec":{"flinkVersion":"latest","job":{"state":"paused"}}}`,
		says: []string{"spec.flinkVersion", "spec.job.state", "spec.serviceAccount"},
	},
	{clause: "GET /cmf/api/v1/environments/{envName}/applications 200", when: "the applications of an environment", given: []step{application}, then: has("items.0.metadata.name", "{appName}")},
	{
		clause: "GET /cmf/api/v1/environments/{envName}/applications 200", when: "with their resource usage", given: []step{running},
		query: "include-resource-information=true", says: []string{"resourceSummary"},
	},
	{clause: "GET /cmf/api/v1/environments/{envName}/applications 304", when: "nothing changed", given: []step{running}, unchanged: true},
	{clause: "GET /cmf/api/v1/environments/{envName}/applications 400", when: "an unknown property", given: []step{environment}, query: "filter=image=a", says: []string{"filter"}},
	{clause: "GET /cmf/api/v1/environments/{envName}/applications 404", when: "no such environment", says: []string{"'{envName}' not found"}},
	{
		clause: "GET /cmf/api/v1/environments/{envName}/applications/{appName} 200", when: "an application that runs", given: []step{running},
		then: all(has("status.jobStatus.state", "RUNNING"), has("metadata.name", "{appName}")),
	},
	{
		clause: "GET /cmf/api/v1/environments/{envName}/applications/{appName} 200", when: "with its resource usage", given: []step{running},
		query: "include-resource-information=true", says: []string{"resourceSummary"},
	},
	{clause: "GET /cmf/api/v1/environments/{envName}/applications/{appName} 304", when: "nothing changed", given: []step{running}, unchanged: true},
	{clause: "GET /cmf/api/v1/environments/{envName}/applications/{appName} 404", when: "no such application", given: []step{environment}, says: []string{"'{appName}' not found"}},
	{clause: "DELETE /cmf/api/v1/environments/{envName}/applications/{appName} 204", when: "an application that runs", given: []step{running}, then: gone(oneApp)},
	{clause: "DELETE /cmf/api/v1/environments/{envName}/applications/{appName} 204", when: "with force", given: []step{application}, query: "force=true", then: gone(oneApp)},
	{clause: "DELETE /cmf/api/v1/environments/{envName}/applications/{appName} 404", when: "no such application", given: []step{environment}, says: []string{"'{appName}' not found"}},
	{clause: "POST /cmf/api/v1/environments/{envName}/applications/{appName}/start 200", when: "a suspended application", given: []step{suspended}, then: has("spec.job.state", "running")},
	{
		clause: "POST /cmf/api/v1/environments/{envName}/applications/{appName}/start 200", when: "from a savepoint of its own", given: []step{completed},
		query: "startFromSavepointUid={savepointUid}", then: has("spec.job.state", "running"),
	},
	{
		clause: "POST /cmf/api/v1/environments/{envName}/applications/{appName}/start 200", when: "from a detached savepoint", given: []step{suspended, detached},
		query: "startFromSavepointUid={detachedUid}", then: has("spec.job.state", "running"),
	},
	{clause: "POST /cmf/api/v1/environments/{envName}/applications/{appName}/start 304", when: "it is already running", given: []step{application}},
	{clause: "POST /cmf/api/v1/environments/{envName}/applications/{appName}/start 404", when: "no such application", given: []step{environment}, says: []string{"'{appName}' not found"}},
	{
		clause: "POST /cmf/api/v1/environments/{envName}/applications/{appName}/start 404", when: "no such savepoint", given: []step{suspended},
		query: "startFromSavepointUid=none", says: []string{"'none' not found"},
	},
	{
		clause: "POST /cmf/api/v1/environments/{envName}/applications/{appName}/start 422", when: "from an incomplete savepoint", given: []step{unfinished},
		query: "startFromSavepointUid={savepointUid}", says: []string{"{savepointName}", "only a completed savepoint"},
	},
	{clause: "POST /cmf/api/v1/environments/{envName}/applications/{appName}/suspend 200", when: "an application that runs", given: []step{running}, then: has("spec.job.state", "suspended")},
	{clause: "POST /cmf/api/v1/environments/{envName}/applications/{appName}/suspend 304", when: "it is already suspended", given: []step{suspended}},
	{clause: "POST /cmf/api/v1/environments/{envName}/applications/{appName}/suspend 404", when: "no such application", given: []step{environment}, says: []string{"'{appName}' not found"}},

	{clause: "GET /cmf/api/v1/environments/{envName}/applications/{appName}/instances 200", when: "the runs of an application", given: []step{running}, then: has("metadata.size", 1.0)},
	{clause: "GET /cmf/api/v1/environments/{envName}/applications/{appName}/instances 404", when: "no such application", given: []step{environment}, says: []string{"'{appName}' not found"}},
	{
		clause: "GET /cmf/api/v1/environments/{envName}/applications/{appName}/instances/{instName} 200", when: "a run", given: []step{instance},
		then: all(has("metadata.name", "{instName}"), has("metadata.uid", "{instName}"), has("status.spec.image", "confluentinc/cp-flink:1.19.1-cp2")),
	},
	{clause: "GET /cmf/api/v1/environments/{envName}/applications/{appName}/instances/{instName} 404", when: "no such run", given: []step{application}, says: []string{"'{instName}' not found"}},

	{clause: "GET /cmf/api/v1alpha1/environments/{envName}/applications/{appName}/events 200", when: "what happened", given: []step{running}, says: []string{"JOB_STATUS", "newStatus"}},
	{clause: "GET /cmf/api/v1alpha1/environments/{envName}/applications/{appName}/events 404", when: "no such application", given: []step{environment}, says: []string{"'{appName}' not found"}},
}
