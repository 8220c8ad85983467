package conformance

import "testing"

func TestStatements(t *testing.T) { hold(t, statementLines) }

const (
	statements   = oneEnv + "/statements"
	oneStatement = statements + "/{stmtName}"
	stmtPoints   = oneStatement + "/savepoints"
)

// statementBody is the statement {stmtName} with what its specification has
// beyond SQL and pool.
func statementBody(sql, more string) string {
	return `{"apiVersion":"cmf.confluent.io/v1","kind":"Statement","metadata":{"name":"{stmtName}"},` +
		`"spec":{"statement":"` + sql + `","computePoolName":"{computePoolName}"` + more + `}}`
}

// where tells a statement which catalog and database to look for tables in.
const where = `,"properties":{"sql.current-catalog":"{catName}","sql.current-database":"{dbName}"}`

const (
	show     = "SHOW CATALOGS"
	selected = "SELECT * FROM orders"
)

// showing is a statement that Weir answers by itself.
func showing(s *scene) {
	pool(s)
	if !s.known("stmtName") {
		s.make(statements, statementBody(show, ""))
	}
}

// orders is a table.
func orders(s *scene) {
	pool(s)
	catalog(s)
	s.make(databases, `{"metadata":{"name":"{dbName}"},"spec":{"kafkaCluster":{"connectionConfig":{"bootstrap.servers":"kafka:9092"}},"ddlEnvironments":["{envName}"]}}`)
	s.make(statements, statementBody("CREATE TABLE orders (id BIGINT, item STRING)", where))
	s.vars["ddlName"] = s.vars["stmtName"]
	delete(s.vars, "stmtName")
}

// selecting is a statement whose job runs.
func selecting(s *scene) {
	orders(s)
	s.make(statements, statementBody(selected, where))
	s.awaits(oneStatement, "status.phase", "RUNNING")
}

// stopped is one whose job did.
func stopped(s *scene) {
	selecting(s)
	a := s.ask("PUT", s.fill(oneStatement), s.fill(statementBody(selected, `,"stopped":true`)), "")
	if a.status != 200 {
		s.t.Fatalf("%s: answered %d: %s", a.request, a.status, a.body)
	}
	s.awaits(oneStatement, "status.phase", "STOPPED")
}

// stmtSavepoint is a savepoint of a statement.
func stmtSavepoint(s *scene) {
	selecting(s)
	s.make(stmtPoints, `{"metadata":{"name":"{savepointName}"},"spec":{}}`)
}

var statementLines = []line{
	{
		clause: "POST /cmf/api/v1/environments/{envName}/statements 200", when: "a statement that Weir executes itself: the result is inline", given: []step{pool, catalog},
		send: statementBody(show, ""),
		then: all(has("status.phase", "COMPLETED"), has("status.traits.sqlKind", "SHOW_CATALOGS"), has("result.results.data.0.op", 0.0)), says: []string{"{catName}"},
	},
	{
		clause: "POST /cmf/api/v1/environments/{envName}/statements 200", when: "invalid SQL creates a failed statement", given: []step{pool},
		send: statementBody("SELEKT 1", ""), then: has("status.phase", "FAILED"), says: []string{"SELEKT"},
	},
	{
		clause: "POST /cmf/api/v1/environments/{envName}/statements 200", when: "a statement that runs on its pool", given: []step{orders},
		send: statementBody(selected, where+`,"parallelism":2,"flinkConfiguration":{"a":"b"}`),
		then: all(has("spec.parallelism", 2.0), has("status.traits.sqlKind", "SELECT"), has("status.traits.schema.columns.1.name", "item")),
	},
	{
		clause: "POST /cmf/api/v1/environments/{envName}/statements 400", when: "no SQL", given: []step{pool},
		send: `{"metadata":{"name":"{stmtName}"},"spec":{"computePoolName":"{computePoolName}"}}`, says: []string{"spec.statement"},
	},
	{clause: "POST /cmf/api/v1/environments/{envName}/statements 404", when: "no such environment", send: statementBody(show, ""), says: []string{"'{envName}' not found"}},
	{clause: "POST /cmf/api/v1/environments/{envName}/statements 409", when: "the name already exists", given: []step{showing}, send: statementBody(show, ""), says: []string{"'{stmtName}' already exists"}},
	{clause: "POST /cmf/api/v1/environments/{envName}/statements 422", when: "no such pool", given: []step{environment}, send: statementBody(show, ""), says: []string{"spec.computePoolName"}},
	{
		clause: "GET /cmf/api/v1/environments/{envName}/statements 200", when: "the statements of an environment", given: []step{showing},
		then: all(has("items.0.metadata.name", "{stmtName}"), has("items.0.status.phase", "COMPLETED")),
	},
	{clause: "GET /cmf/api/v1/environments/{envName}/statements 200", when: "by phase, in lower case", given: []step{showing}, query: "phase=completed", then: has("metadata.size", 1.0)},
	{clause: "GET /cmf/api/v1/environments/{envName}/statements 200", when: "none is in the phase", given: []step{showing}, query: "phase=running", then: has("metadata.size", 0.0)},
	{clause: "GET /cmf/api/v1/environments/{envName}/statements 400", when: "an unknown phase", given: []step{environment}, query: "phase=asleep", says: []string{"phase"}},
	{clause: "GET /cmf/api/v1/environments/{envName}/statements 200", when: "by pool", given: []step{showing}, query: "compute-pool={computePoolName}", then: has("metadata.size", 1.0)},
	{clause: "GET /cmf/api/v1/environments/{envName}/statements 200", when: "another pool has none", given: []step{showing}, query: "compute-pool=another", then: has("metadata.size", 0.0)},
	{clause: "GET /cmf/api/v1/environments/{envName}/statements 200", when: "by name", given: []step{showing}, query: "name={stmtName}", then: has("metadata.size", 1.0)},
	{clause: "GET /cmf/api/v1/environments/{envName}/statements 200", when: "with their resource usage", given: []step{selecting}, query: "include-resource-information=true", says: []string{"resourceSummary"}},
	{clause: "GET /cmf/api/v1/environments/{envName}/statements 404", when: "no such environment", says: []string{"'{envName}' not found"}},
	{clause: "GET /cmf/api/v1/environments/{envName}/statements/{stmtName} 200", when: "a statement", given: []step{showing}, then: all(has("spec.statement", show), has("spec.stopped", false), has("spec.parallelism", 1.0))},
	{clause: "GET /cmf/api/v1/environments/{envName}/statements/{stmtName} 200", when: "with its resource usage", given: []step{selecting}, query: "include-resource-information=true", says: []string{"resourceSummary"}},
	{clause: "GET /cmf/api/v1/environments/{envName}/statements/{stmtName} 404", when: "no such statement", given: []step{environment}, says: []string{"'{stmtName}' not found"}},
	{clause: "PUT /cmf/api/v1/environments/{envName}/statements/{stmtName} 200", when: "a name that already exists", given: []step{showing}, send: statementBody(show, `,"stopped":false,"parallelism":1`)},
	{
		clause: "PUT /cmf/api/v1/environments/{envName}/statements/{stmtName} 200", when: "stop", given: []step{selecting}, send: statementBody(selected, `,"stopped":true`),
		then: func(s *scene, _ answer) { s.awaits(oneStatement, "status.phase", "STOPPED") },
	},
	{
		clause: "PUT /cmf/api/v1/environments/{envName}/statements/{stmtName} 200", when: "resume", given: []step{stopped}, send: statementBody(selected, `,"stopped":false`),
		then: func(s *scene, _ answer) { s.awaits(oneStatement, "status.phase", "RUNNING") },
	},
	{clause: "PUT /cmf/api/v1/environments/{envName}/statements/{stmtName} 200", when: "rescale", given: []step{selecting}, send: statementBody(selected, `,"parallelism":3`)},
	{
		clause: "PUT /cmf/api/v1/environments/{envName}/statements/{stmtName} 400", when: "a name that differs from the path", given: []step{showing},
		send: `{"metadata":{"name":"other-name"},"spec":{"statement":"SHOW CATALOGS","computePoolName":"{computePoolName}"}}`, says: []string{"metadata.name"},
	},
	{clause: "PUT /cmf/api/v1/environments/{envName}/statements/{stmtName} 404", when: "no such statement", given: []step{pool}, send: statementBody(show, ""), says: []string{"'{stmtName}' not found"}},
	{clause: "PUT /cmf/api/v1/environments/{envName}/statements/{stmtName} 422", when: "other SQL", given: []step{showing}, send: statementBody("SHOW TABLES", ""), says: []string{"spec.statement"}},
	{clause: "DELETE /cmf/api/v1/environments/{envName}/statements/{stmtName} 202", when: "its job has to be deleted first", given: []step{selecting}},
	{clause: "DELETE /cmf/api/v1/environments/{envName}/statements/{stmtName} 204", when: "it has no job", given: []step{showing}, then: gone(oneStatement)},
	{clause: "DELETE /cmf/api/v1/environments/{envName}/statements/{stmtName} 204", when: "with force", given: []step{selecting}, query: "force=true", then: gone(oneStatement)},
	{clause: "DELETE /cmf/api/v1/environments/{envName}/statements/{stmtName} 404", when: "no such statement", given: []step{environment}, says: []string{"'{stmtName}' not found"}},

	{clause: "GET /cmf/api/v1/environments/{envName}/statements/{stmtName}/results 200", when: "the rows that are also inline", given: []step{showing}, says: []string{"row"}},
	{clause: "GET /cmf/api/v1/environments/{envName}/statements/{stmtName}/results 400", when: "a statement without rows", given: []step{orders, ddl}, says: []string{"does not return results"}},
	{clause: "GET /cmf/api/v1/environments/{envName}/statements/{stmtName}/results 400", when: "an unknown token", given: []step{showing}, query: "page-token=none", says: []string{"page-token"}},
	{clause: "GET /cmf/api/v1/environments/{envName}/statements/{stmtName}/results 404", when: "no such statement", given: []step{environment}, says: []string{"'{stmtName}' not found"}},
	{clause: "GET /cmf/api/v1/environments/{envName}/statements/{stmtName}/results 410", when: "the job with the rows has stopped", given: []step{stopped}, says: []string{"gone"}},
	{clause: "GET /cmf/api/v1/environments/{envName}/statements/{stmtName}/exceptions 200", when: "no exceptions yet", given: []step{showing}, then: lacking("data.0")},
	{clause: "GET /cmf/api/v1/environments/{envName}/statements/{stmtName}/exceptions 404", when: "no such statement", given: []step{environment}, says: []string{"'{stmtName}' not found"}},

	{
		clause: "POST /cmf/api/v1/environments/{envName}/statements/{stmtName}/savepoints 201", when: "a savepoint with a name", given: []step{selecting},
		send: `{"metadata":{"name":"{savepointName}"},"spec":{"formatType":"CANONICAL"}}`, then: has("metadata.name", "{savepointName}"),
	},
	{
		clause: "POST /cmf/api/v1/environments/{envName}/statements/{stmtName}/savepoints 400", when: "an unknown format", given: []step{selecting},
		send: `{"metadata":{},"spec":{"formatType":"ZIP"}}`, says: []string{"spec.formatType"},
	},
	{clause: "POST /cmf/api/v1/environments/{envName}/statements/{stmtName}/savepoints 404", when: "no such statement", given: []step{environment}, send: `{"metadata":{},"spec":{}}`, says: []string{"'{stmtName}' not found"}},
	{
		clause: "POST /cmf/api/v1/environments/{envName}/statements/{stmtName}/savepoints 422", when: "the format UNKNOWN for a new savepoint", given: []step{selecting},
		send: `{"metadata":{},"spec":{"formatType":"UNKNOWN"}}`, says: []string{"spec.formatType"},
	},
	{clause: "GET /cmf/api/v1/environments/{envName}/statements/{stmtName}/savepoints 200", when: "the savepoints of a statement", given: []step{stmtSavepoint}, then: has("items.0.metadata.name", "{savepointName}")},
	{clause: "GET /cmf/api/v1/environments/{envName}/statements/{stmtName}/savepoints 404", when: "no such statement", given: []step{environment}, says: []string{"'{stmtName}' not found"}},
	{clause: "GET /cmf/api/v1/environments/{envName}/statements/{stmtName}/savepoints/{savepointName} 200", when: "a savepoint", given: []step{stmtSavepoint}, then: has("metadata.name", "{savepointName}")},
	{clause: "GET /cmf/api/v1/environments/{envName}/statements/{stmtName}/savepoints/{savepointName} 404", when: "no such savepoint", given: []step{showing}, says: []string{"'{savepointName}' not found"}},
	{clause: "DELETE /cmf/api/v1/environments/{envName}/statements/{stmtName}/savepoints/{savepointName} 204", when: "a savepoint", given: []step{stmtSavepoint}},
	{
		clause: "DELETE /cmf/api/v1/environments/{envName}/statements/{stmtName}/savepoints/{savepointName} 204", when: "with force", given: []step{stmtSavepoint},
		query: "force=true", then: gone(stmtPoints + "/{savepointName}"),
	},
	{clause: "DELETE /cmf/api/v1/environments/{envName}/statements/{stmtName}/savepoints/{savepointName} 404", when: "no such savepoint", given: []step{showing}, says: []string{"'{savepointName}' not found"}},
}

// ddl takes the statement that made the table.
func ddl(s *scene) { s.vars["stmtName"] = s.vars["ddlName"] }
