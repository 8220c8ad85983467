package ddl

import (
	"maps"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// ConnectionOf is how a database is reached: the public configuration of the
// database and of its catalog's registry, with the values of their secrets, as
// the environment maps them, laid over.
func ConnectionOf(catalog *cmfv1.KafkaCatalog, catalogSecret map[string]string, database *cmfv1.KafkaDatabase, databaseSecret map[string]string) Connection {
	return Connection{
		Kafka:    overlay(database.GetSpec().GetKafkaCluster().GetConnectionConfig(), databaseSecret),
		Registry: overlay(catalog.GetSpec().GetSrInstance().GetConnectionConfig(), catalogSecret),
	}
}

func overlay(public *cmfv1.StringMap, secret map[string]string) map[string]string {
	out := map[string]string{}
	maps.Copy(out, public.GetEntries())
	maps.Copy(out, secret)
	return out
}
