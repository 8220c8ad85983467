package control_test

import (
	"slices"
	"testing"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// A catalog that is created on one replica right after an environment on another one
// names the environment, whatever the replica's cache has by then.
func TestACreatedCatalogNamesEveryEnvironment(t *testing.T) {
	one, two := startTwo(t)
	one.connect(t, hello("cluster-a"))
	catalogs := cmfv1.NewKafkaCatalogServiceClient(two.conn)
	for n := range 50 {
		env := numbered("env", n)
		one.saveEnvironment(t, env)
		created := must(catalogs.CreateKafkaCatalog(t.Context(), &cmfv1.CreateKafkaCatalogRequest{Catalog: &cmfv1.KafkaCatalog{
			ApiVersion: "cmf.confluent.io/v1", Kind: "KafkaCatalog", Metadata: &cmfv1.ObjectMeta{Name: numbered("catalog", n)},
			Spec: &cmfv1.KafkaCatalogSpec{SrInstance: &cmfv1.SchemaRegistryInstance{ConnectionConfig: &cmfv1.StringMap{Entries: map[string]string{"schema.registry.url": "http://registry:8081"}}}},
		}}))(t)
		if access := created.GetStatus().GetEnvironmentsWithAccess(); !slices.Contains(access, env) {
			t.Fatalf("the catalog names %v, and not %s", access, env)
		}
	}
}
