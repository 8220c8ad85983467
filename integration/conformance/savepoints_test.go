package conformance

import "testing"

func TestSavepoints(t *testing.T) { hold(t, savepointLines) }

var savepointLines = []line{
	{
		clause: "POST /cmf/api/v1/environments/{envName}/applications/{appName}/savepoints 201", when: "a savepoint with a name", given: []step{running},
		send: `{"apiVersion":"cmf.confluent.io/v1","kind":"Savepoint","metadata":{"name":"{savepointName}"},"spec":{"backoffLimit":2,"formatType":"NATIVE","path":"s3://bucket/folder"}}`,
		then: all(has("metadata.name", "{savepointName}"), has("spec.backoffLimit", 2.0), has("spec.formatType", "NATIVE"), has("spec.path", "s3://bucket/folder")),
	},
	{
		clause: "POST /cmf/api/v1/environments/{envName}/applications/{appName}/savepoints 201", when: "no body: the defaults", given: []step{running},
		then: all(has("spec.backoffLimit", -1.0), has("spec.formatType", "CANONICAL")),
	},
	{
		clause: "POST /cmf/api/v1/environments/{envName}/applications/{appName}/savepoints 400", when: "an unknown format", given: []step{running},
		send: `{"metadata":{},"spec":{"formatType":"ZIP"}}`, says: []string{"spec.formatType"},
	},
	{
		clause: "POST /cmf/api/v1/environments/{envName}/applications/{appName}/savepoints 404", when: "no such application", given: []step{environment},
		send: `{"metadata":{},"spec":{}}`, says: []string{"'{appName}' not found"},
	},
	{
		clause: "POST /cmf/api/v1/environments/{envName}/applications/{appName}/savepoints 409", when: "the name already exists", given: []step{savepoint},
		send: `{"metadata":{"name":"{savepointName}"},"spec":{}}`, says: []string{"'{savepointName}' already exists"},
	},
	{
		clause: "POST /cmf/api/v1/environments/{envName}/applications/{appName}/savepoints 422", when: "the application is suspended", given: []step{suspended},
		send: `{}`, says: []string{"'{appName}' is suspended"},
	},
	{
		clause: "POST /cmf/api/v1/environments/{envName}/applications/{appName}/savepoints 422", when: "the format UNKNOWN for a new savepoint", given: []step{running},
		send: `{"metadata":{},"spec":{"formatType":"UNKNOWN"}}`, says: []string{"spec.formatType"},
	},
	{clause: "GET /cmf/api/v1/environments/{envName}/applications/{appName}/savepoints 200", when: "the savepoints of an application", given: []step{savepoint}, then: has("items.0.metadata.name", "{savepointName}")},
	{clause: "GET /cmf/api/v1/environments/{envName}/applications/{appName}/savepoints 404", when: "no such application", given: []step{environment}, says: []string{"'{appName}' not found"}},
	{
		clause: "GET /cmf/api/v1/environments/{envName}/applications/{appName}/savepoints/{savepointName} 200", when: "a completed savepoint", given: []step{completed},
		then: all(has("status.state", "COMPLETED"), has("metadata.name", "{savepointName}")), says: []string{"triggerTimestamp", "resultTimestamp"},
	},
	{clause: "GET /cmf/api/v1/environments/{envName}/applications/{appName}/savepoints/{savepointName} 404", when: "no such savepoint", given: []step{application}, says: []string{"'{savepointName}' not found"}},
	{clause: "DELETE /cmf/api/v1/environments/{envName}/applications/{appName}/savepoints/{savepointName} 204", when: "a completed savepoint", given: []step{completed}},
	{
		clause: "DELETE /cmf/api/v1/environments/{envName}/applications/{appName}/savepoints/{savepointName} 204", when: "with force", given: []step{savepoint},
		query: "force=true", then: gone(appPoints + "/{savepointName}"),
	},
	{clause: "DELETE /cmf/api/v1/environments/{envName}/applications/{appName}/savepoints/{savepointName} 404", when: "no such savepoint", given: []step{application}, says: []string{"'{savepointName}' not found"}},
	{
		clause: "POST /cmf/api/v1/environments/{envName}/applications/{appName}/savepoints/{savepointName}/detach 200", when: "a completed savepoint", given: []step{completed},
		then: all(has("metadata.name", "{savepointName}"), has("status.state", "COMPLETED"), gone(appPoints+"/{savepointName}")),
	},
	{clause: "POST /cmf/api/v1/environments/{envName}/applications/{appName}/savepoints/{savepointName}/detach 409", when: "it is not complete", given: []step{unfinished}, says: []string{"{savepointName}"}},
	{clause: "POST /cmf/api/v1/environments/{envName}/applications/{appName}/savepoints/{savepointName}/detach 404", when: "no such savepoint", given: []step{application}, says: []string{"'{savepointName}' not found"}},

	{
		clause: "POST /cmf/api/v1/detached-savepoints 201", when: "a savepoint with a path",
		send: `{"apiVersion":"cmf.confluent.io/v1","kind":"Savepoint","metadata":{"name":"{detachedSavepointName}"},"spec":{"path":"s3://bucket/savepoint"}}`,
		then: all(has("metadata.name", "{detachedSavepointName}"), has("spec.path", "s3://bucket/savepoint"), has("status.state", "COMPLETED")),
	},
	{
		clause: "POST /cmf/api/v1/detached-savepoints 400", when: "an invalid name",
		send: `{"metadata":{"name":"A_B"},"spec":{"path":"s3://bucket/savepoint"}}`, says: []string{"metadata.name"},
	},
	{
		clause: "POST /cmf/api/v1/detached-savepoints 409", when: "the name already exists", given: []step{detached},
		send: `{"metadata":{"name":"{detachedSavepointName}"},"spec":{"path":"s3://bucket/savepoint"}}`, says: []string{"already exists"},
	},
	{clause: "POST /cmf/api/v1/detached-savepoints 422", when: "no path", send: `{"metadata":{},"spec":{}}`, says: []string{"spec.path"}},
	{clause: "GET /cmf/api/v1/detached-savepoints 200", when: "all detached savepoints", given: []step{detached}, query: "size=2000", says: []string{"{detachedSavepointName}"}},
	{
		clause: "GET /cmf/api/v1/detached-savepoints 200", when: "by a prefix of the name", given: []step{detached},
		query: "name={detachedSavepointName}", then: has("items.0.metadata.name", "{detachedSavepointName}"),
	},
	{clause: "GET /cmf/api/v1/detached-savepoints 200", when: "no name has the prefix", given: []step{detached}, query: "name=none-begins-so", then: all(has("metadata.size", 0.0), lacking("items.0"))},
	{clause: "GET /cmf/api/v1/detached-savepoints/{detachedSavepointName} 200", when: "a detached savepoint", given: []step{detached}, then: has("metadata.uid", "{detachedUid}")},
	{clause: "GET /cmf/api/v1/detached-savepoints/{detachedSavepointName} 404", when: "no such savepoint", says: []string{"'{detachedSavepointName}' not found"}},
	{clause: "DELETE /cmf/api/v1/detached-savepoints/{detachedSavepointName} 204", when: "a detached savepoint", given: []step{detached}, then: gone(detacheds + "/{detachedSavepointName}")},
	{clause: "DELETE /cmf/api/v1/detached-savepoints/{detachedSavepointName} 404", when: "no such savepoint", says: []string{"'{detachedSavepointName}' not found"}},
}
