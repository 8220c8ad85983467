package rules

import (
	"fmt"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/contract"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// CheckKafkaCatalog notes what is wrong with a catalog.
func CheckKafkaCatalog(catalog *cmfv1.KafkaCatalog) error {
	var v apierror.Violations
	CheckName(&v, "metadata.name", catalog.GetMetadata().GetName())
	CheckKind(&v, catalog.GetKind(), contract.KindKafkaCatalog)
	var names []string
	for i, cluster := range catalog.GetSpec().GetKafkaClusters() {
		CheckName(&v, fmt.Sprintf("spec.kafkaClusters[%d].databaseName", i), cluster.GetDatabaseName())
		names = append(names, cluster.GetDatabaseName())
	}
	if err := v.Invalid(); err != nil {
		return err
	}
	return checkDistinct(names, "spec.kafkaClusters[%d].databaseName")
}

// checkDistinct refuses names that are there twice. field is a format for the
// place of the one with a number.
func checkDistinct(names []string, field string) error {
	var v apierror.Violations
	seen := map[string]bool{}
	for i, name := range names {
		if seen[name] {
			v.Addf(field+": '%s' is there twice", i, name)
		}
		seen[name] = true
	}
	return v.Unprocessable()
}

// CheckCatalogUpdate notes changes of what cannot change.
func CheckCatalogUpdate(after *cmfv1.KafkaCatalog) error {
	if len(after.GetSpec().GetKafkaClusters()) > 0 {
		return apierror.Unprocessable("spec.kafkaClusters: cannot change after creation; create, update and delete the catalog's databases instead")
	}
	return nil
}

// LegacyDatabases are the databases that a catalog carries in the form that
// predates database resources.
func LegacyDatabases(catalog *cmfv1.KafkaCatalog) []*cmfv1.KafkaDatabase {
	var out []*cmfv1.KafkaDatabase
	for _, cluster := range catalog.GetSpec().GetKafkaClusters() {
		out = append(out, &cmfv1.KafkaDatabase{
			Metadata: &cmfv1.ObjectMeta{Name: cluster.GetDatabaseName()},
			Spec: &cmfv1.KafkaDatabaseSpec{KafkaCluster: &cmfv1.DatabaseKafkaCluster{
				ConnectionConfig:   cluster.GetConnectionConfig(),
				ConnectionSecretId: cluster.GetConnectionSecretId(),
			}},
		})
	}
	return out
}

// CheckKafkaDatabase notes what is wrong with a database.
func CheckKafkaDatabase(database *cmfv1.KafkaDatabase) error {
	var v apierror.Violations
	CheckName(&v, "metadata.name", database.GetMetadata().GetName())
	CheckKind(&v, database.GetKind(), contract.KindKafkaDatabase)
	for i, env := range database.GetSpec().GetDdlEnvironments() {
		CheckName(&v, fmt.Sprintf("spec.ddlEnvironments[%d]", i), env)
	}
	if err := v.Invalid(); err != nil {
		return err
	}
	return checkDistinct(database.GetSpec().GetDdlEnvironments(), "spec.ddlEnvironments[%d]")
}
