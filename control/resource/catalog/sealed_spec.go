package catalog

import (
	"fmt"
	"iter"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/store"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// sealedCatalog is the specification of a catalog as it is stored, without the inline
// databases. before is the stored catalog, nil for a new one.
func (c *Catalogs) sealedCatalog(catalog, before *cmfv1.KafkaCatalog) (*cmfv1.KafkaCatalogSpec, error) {
	out := &cmfv1.KafkaCatalogSpec{SrInstance: proto.CloneOf(catalog.GetSpec().GetSrInstance())}
	if out.SrInstance == nil {
		return out, nil
	}
	var err error
	out.SrInstance.ConnectionConfig, err = c.catalogSealing(catalog.GetMetadata().GetName()).seal(
		"spec.srInstance.connectionConfig", out.SrInstance.ConnectionConfig, before.GetSpec().GetSrInstance().GetConnectionConfig())
	return out, err
}

// sealedDatabase is the specification of a database as it is stored. before is the
// stored database, nil for a new one.
func (c *Catalogs) sealedDatabase(catalog string, database, before *cmfv1.KafkaDatabase) (*cmfv1.KafkaDatabaseSpec, error) {
	return c.sealedCluster("spec.kafkaCluster", catalog, database, before)
}

// sealedInlineDatabase is sealedDatabase for the inline database of a number.
func (c *Catalogs) sealedInlineDatabase(catalog *cmfv1.KafkaCatalog, number int, database, before *cmfv1.KafkaDatabase) (*cmfv1.KafkaDatabaseSpec, error) {
	return c.sealedCluster(fmt.Sprintf("spec.kafkaClusters[%d]", number), catalog.GetMetadata().GetName(), database, before)
}

func (c *Catalogs) sealedCluster(field, catalog string, database, before *cmfv1.KafkaDatabase) (*cmfv1.KafkaDatabaseSpec, error) {
	out := proto.CloneOf(database.GetSpec())
	if out.GetKafkaCluster() == nil {
		return out, nil
	}
	var err error
	out.KafkaCluster.ConnectionConfig, err = c.databaseSealing(catalog, database.GetMetadata().GetName()).seal(
		field+".connectionConfig", out.KafkaCluster.ConnectionConfig, before.GetSpec().GetKafkaCluster().GetConnectionConfig())
	return out, err
}

// maskedCatalog is the specification of a catalog as users see it.
func maskedCatalog(spec *cmfv1.KafkaCatalogSpec) *cmfv1.KafkaCatalogSpec {
	registry := spec.GetSrInstance()
	if registry == nil {
		return spec
	}
	return &cmfv1.KafkaCatalogSpec{SrInstance: &cmfv1.SchemaRegistryInstance{
		ConnectionConfig: masked(registry.GetConnectionConfig()), ConnectionSecretId: registry.GetConnectionSecretId(),
	}}
}

// maskedDatabase is the specification of a database as users see it.
func maskedDatabase(spec *cmfv1.KafkaDatabaseSpec) *cmfv1.KafkaDatabaseSpec {
	cluster := spec.GetKafkaCluster()
	if cluster == nil {
		return spec
	}
	return &cmfv1.KafkaDatabaseSpec{
		KafkaCluster: &cmfv1.DatabaseKafkaCluster{
			ConnectionConfig: masked(cluster.GetConnectionConfig()), ConnectionSecretId: cluster.GetConnectionSecretId(),
		},
		DdlEnvironments: spec.GetDdlEnvironments(),
	}
}

func sealedOfCatalog(catalog *cmfv1.KafkaCatalog) iter.Seq[string] {
	return sealedValues(catalog.GetSpec().GetSrInstance().GetConnectionConfig())
}

func sealedOfDatabase(database *cmfv1.KafkaDatabase) iter.Seq[string] {
	return sealedValues(database.GetSpec().GetKafkaCluster().GetConnectionConfig())
}

// resealedCatalog is a catalog with every sealed value under the current key.
func (c *Catalogs) resealedCatalog(key string, catalog *cmfv1.KafkaCatalog) (*cmfv1.KafkaCatalog, error) {
	config := catalog.GetSpec().GetSrInstance().GetConnectionConfig()
	resealed, err := c.catalogSealing(store.Segments(key)[0]).resealed(config)
	if err != nil || proto.Equal(resealed, config) {
		return catalog, err
	}
	out := proto.CloneOf(catalog)
	out.Spec.SrInstance.ConnectionConfig = resealed
	return out, nil
}

// resealedDatabase is a database with every sealed value under the current key.
func (c *Catalogs) resealedDatabase(key string, database *cmfv1.KafkaDatabase) (*cmfv1.KafkaDatabase, error) {
	config, names := database.GetSpec().GetKafkaCluster().GetConnectionConfig(), store.Segments(key)
	resealed, err := c.databaseSealing(names[0], names[1]).resealed(config)
	if err != nil || proto.Equal(resealed, config) {
		return database, err
	}
	out := proto.CloneOf(database)
	out.Spec.KafkaCluster.ConnectionConfig = resealed
	return out, nil
}
