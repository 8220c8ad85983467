package conformance

import "testing"

// inlineCatalogBody is the catalog {catName} with its databases inline, the form
// that predates database resources.
const inlineCatalogBody = `{"metadata":{"name":"{catName}"},"spec":{"srInstance":{"connectionConfig":{}},"kafkaClusters":[{"databaseName":"{dbName}","connectionConfig":{"bootstrap.servers":"kafka:9092"}}]}}`

func inlineCatalog(s *scene) { s.make(catalogs, inlineCatalogBody) }

func TestCatalogs(t *testing.T) { hold(t, catalogLines) }

var catalogLines = []line{
	{clause: "POST /cmf/api/v1/catalogs/kafka 200", when: "a new catalog", given: []step{environment}, send: catalogBody, then: has("metadata.name", "{catName}"), says: []string{"{envName}"}},
	{
		clause: "POST /cmf/api/v1/catalogs/kafka 200", when: "inline databases, the form that predates database resources",
		send: inlineCatalogBody,
		then: func(s *scene, _ answer) {
			if a := s.ask("GET", s.fill(databases+"/{dbName}"), "", ""); a.status != 200 {
				s.t.Errorf("%s: answered %d", a.request, a.status)
			}
		},
	},
	{clause: "POST /cmf/api/v1/catalogs/kafka 400", when: "no schema registry", send: `{"metadata":{"name":"{catName}"},"spec":{}}`, says: []string{"spec.srInstance"}},
	{clause: "POST /cmf/api/v1/catalogs/kafka 409", when: "the name already exists", given: []step{catalog}, send: catalogBody, says: []string{"'{catName}' already exists"}},
	{
		clause: "POST /cmf/api/v1/catalogs/kafka 422", when: "a duplicate inline database",
		send: `{"metadata":{"name":"{catName}"},"spec":{"srInstance":{"connectionConfig":{}},"kafkaClusters":[{"databaseName":"orders","connectionConfig":{}},{"databaseName":"orders","connectionConfig":{}}]}}`,
		says: []string{"spec.kafkaClusters[1].databaseName"},
	},
	{clause: "GET /cmf/api/v1/catalogs/kafka 200", when: "all catalogs", given: []step{catalog}, query: "size=2000", says: []string{"{catName}"}},
	{clause: "GET /cmf/api/v1/catalogs/kafka/{catName} 200", when: "a catalog", given: []step{catalog}, says: []string{"http://registry:8081"}},
	{clause: "GET /cmf/api/v1/catalogs/kafka/{catName} 404", when: "no such catalog", says: []string{"'{catName}' not found"}},
	{
		clause: "PUT /cmf/api/v1/catalogs/kafka/{catName} 200", when: "another registry", given: []step{catalog},
		send: `{"metadata":{"name":"{catName}"},"spec":{"srInstance":{"connectionConfig":{"schema.registry.url":"http://other:8081"}}}}`,
	},
	{
		clause: "PUT /cmf/api/v1/catalogs/kafka/{catName} 200", when: "the inline databases that it was created with", given: []step{inlineCatalog},
		send: inlineCatalogBody,
	},
	{clause: "PUT /cmf/api/v1/catalogs/kafka/{catName} 400", when: "no schema registry", given: []step{catalog}, send: `{"metadata":{"name":"{catName}"},"spec":{}}`, says: []string{"spec.srInstance"}},
	{clause: "PUT /cmf/api/v1/catalogs/kafka/{catName} 404", when: "no such catalog", send: catalogBody, says: []string{"'{catName}' not found"}},
	{
		clause: "PUT /cmf/api/v1/catalogs/kafka/{catName} 422", when: "another inline database", given: []step{catalog},
		send: `{"metadata":{"name":"{catName}"},"spec":{"srInstance":{"connectionConfig":{}},"kafkaClusters":[{"databaseName":"orders","connectionConfig":{}}]}}`,
		says: []string{"spec.kafkaClusters"},
	},
	{clause: "DELETE /cmf/api/v1/catalogs/kafka/{catName} 204", when: "an empty catalog", given: []step{catalog}, then: gone(catalogs + "/{catName}")},
	{clause: "DELETE /cmf/api/v1/catalogs/kafka/{catName} 404", when: "no such catalog", says: []string{"'{catName}' not found"}},
	{clause: "DELETE /cmf/api/v1/catalogs/kafka/{catName} 409", when: "it has a database", given: []step{database}, says: []string{"databases [{dbName}]"}},

	{clause: "POST /cmf/api/v1/catalogs/kafka/{catName}/databases 200", when: "a new database", given: []step{catalog}, send: databaseBody, then: has("metadata.name", "{dbName}")},
	{clause: "POST /cmf/api/v1/catalogs/kafka/{catName}/databases 400", when: "no Kafka cluster", given: []step{catalog}, send: `{"metadata":{"name":"{dbName}"},"spec":{}}`, says: []string{"spec.kafkaCluster"}},
	{clause: "POST /cmf/api/v1/catalogs/kafka/{catName}/databases 404", when: "no such catalog", send: databaseBody, says: []string{"'{catName}' not found"}},
	{clause: "POST /cmf/api/v1/catalogs/kafka/{catName}/databases 409", when: "the name already exists", given: []step{database}, send: databaseBody, says: []string{"'{dbName}' already exists"}},
	{
		clause: "POST /cmf/api/v1/catalogs/kafka/{catName}/databases 422", when: "a duplicate environment for DDL", given: []step{catalog},
		send: `{"metadata":{"name":"{dbName}"},"spec":{"kafkaCluster":{"connectionConfig":{}},"ddlEnvironments":["prod","prod"]}}`, says: []string{"spec.ddlEnvironments[1]"},
	},
	{clause: "GET /cmf/api/v1/catalogs/kafka/{catName}/databases 200", when: "the databases of a catalog", given: []step{database}, then: has("items.0.metadata.name", "{dbName}")},
	{clause: "GET /cmf/api/v1/catalogs/kafka/{catName}/databases 404", when: "no such catalog", says: []string{"'{catName}' not found"}},
	{clause: "GET /cmf/api/v1/catalogs/kafka/{catName}/databases/{dbName} 200", when: "a database", given: []step{database}, says: []string{"kafka:9092"}},
	{clause: "GET /cmf/api/v1/catalogs/kafka/{catName}/databases/{dbName} 404", when: "no such database", given: []step{catalog}, says: []string{"'{dbName}' not found"}},
	{
		clause: "PUT /cmf/api/v1/catalogs/kafka/{catName}/databases/{dbName} 200", when: "environments for DDL", given: []step{database, environment},
		send: `{"metadata":{"name":"{dbName}"},"spec":{"kafkaCluster":{"connectionConfig":{"bootstrap.servers":"kafka:9092"}},"ddlEnvironments":["{envName}"]}}`,
	},
	{clause: "PUT /cmf/api/v1/catalogs/kafka/{catName}/databases/{dbName} 400", when: "no Kafka cluster", given: []step{database}, send: `{"metadata":{"name":"{dbName}"},"spec":{}}`, says: []string{"spec.kafkaCluster"}},
	{clause: "PUT /cmf/api/v1/catalogs/kafka/{catName}/databases/{dbName} 404", when: "no such database", given: []step{catalog}, send: databaseBody, says: []string{"'{dbName}' not found"}},
	{
		clause: "PUT /cmf/api/v1/catalogs/kafka/{catName}/databases/{dbName} 422", when: "a duplicate environment for DDL", given: []step{database},
		send: `{"metadata":{"name":"{dbName}"},"spec":{"kafkaCluster":{"connectionConfig":{}},"ddlEnvironments":["prod","prod"]}}`, says: []string{"spec.ddlEnvironments[1]"},
	},
	{clause: "DELETE /cmf/api/v1/catalogs/kafka/{catName}/databases/{dbName} 204", when: "a database", given: []step{database}, then: gone(databases + "/{dbName}")},
	{clause: "DELETE /cmf/api/v1/catalogs/kafka/{catName}/databases/{dbName} 404", when: "no such database", given: []step{catalog}, says: []string{"'{dbName}' not found"}},
}
