package catalog

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/validate"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// check says what is wrong with a catalog.
func check(catalog *cmfv1.KafkaCatalog) error {
	var v apierror.Violations
	validate.Name(&v, "metadata.name", catalog.GetMetadata().GetName())
	validate.Kind(&v, catalog.GetKind(), contract.KindKafkaCatalog)
	var names []string
	for i, cluster := range catalog.GetSpec().GetKafkaClusters() {
		validate.Name(&v, fmt.Sprintf("spec.kafkaClusters[%d].databaseName", i), cluster.GetDatabaseName())
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
			v.Addf(field+": '%s' is listed twice", i, name)
		}
		seen[name] = true
	}
	return v.Unprocessable()
}

// checkUpdate refuses changes of what cannot change. database gives the database
// of a name that the catalog has, nil if there is none: the inline databases of an
// update must be equal to them, so that what was created can be sent again.
func (c *Catalogs) checkUpdate(update *cmfv1.KafkaCatalog, database func(name string) *cmfv1.KafkaDatabase) error {
	for i, inline := range inlineDatabases(update) {
		is := database(inline.GetMetadata().GetName())
		if is != nil {
			given, err := c.sealedInlineDatabase(update, i, inline, is)
			if err != nil {
				return err
			}
			if proto.Equal(is.GetSpec().GetKafkaCluster(), given.GetKafkaCluster()) {
				continue
			}
		}
		return apierror.Unprocessable(fmt.Sprintf("spec.kafkaClusters[%d]: cannot change after creation; create, update and delete the catalog's databases instead", i))
	}
	return nil
}

// inlineDatabases are the databases that a catalog carries in the form that
// predates database resources.
func inlineDatabases(catalog *cmfv1.KafkaCatalog) []*cmfv1.KafkaDatabase {
	var databases []*cmfv1.KafkaDatabase
	for _, cluster := range catalog.GetSpec().GetKafkaClusters() {
		databases = append(databases, &cmfv1.KafkaDatabase{
			Metadata: &cmfv1.ObjectMeta{Name: cluster.GetDatabaseName()},
			Spec: &cmfv1.KafkaDatabaseSpec{KafkaCluster: &cmfv1.DatabaseKafkaCluster{
				ConnectionConfig:   cluster.GetConnectionConfig(),
				ConnectionSecretId: cluster.GetConnectionSecretId(),
			}},
		})
	}
	return databases
}

// checkDatabase says what is wrong with a database.
func checkDatabase(database *cmfv1.KafkaDatabase) error {
	var v apierror.Violations
	validate.Name(&v, "metadata.name", database.GetMetadata().GetName())
	validate.Kind(&v, database.GetKind(), contract.KindKafkaDatabase)
	for i, env := range database.GetSpec().GetDdlEnvironments() {
		validate.Name(&v, fmt.Sprintf("spec.ddlEnvironments[%d]", i), env)
	}
	if err := v.Invalid(); err != nil {
		return err
	}
	return checkDistinct(database.GetSpec().GetDdlEnvironments(), "spec.ddlEnvironments[%d]")
}
