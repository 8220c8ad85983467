package computepool

import (
	"strings"
	"testing"

	"github.com/openweir/weir/control/manifest/manifesttest"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

// TestGatewayBesideOtherContainers: the operator merges the lists of containers
// by index unless configured otherwise, so the indices of the containers must differ.
func TestGatewayBesideOtherContainers(t *testing.T) {
	template := func(containers string) string { return `"podTemplate":{"spec":{"containers":` + containers + `}}` }
	for name, test := range map[string]struct {
		pool string
		want string
	}{
		"none":               {``, "flink-main-container sql-gateway"},
		"of every pod":       {template(`[{"name":"flink-main-container"},{"name":"logs","image":"l"}]`) + `,`, "flink-main-container logs sql-gateway"},
		"of the JobManager":  {`"jobManager":{` + template(`[{"name":"audit","image":"a"}]`) + `},`, "audit sql-gateway"},
		"of both":            {template(`[{"name":"flink-main-container"},{"name":"logs","image":"l"}]`) + `,"jobManager":{` + template(`[{"name":"flink-main-container"}]`) + `},`, "flink-main-container logs sql-gateway"},
		"a gateway of users": {`"jobManager":{` + template(`[{"name":"sql-gateway","image":"mine"}]`) + `},`, "sql-gateway"},
	} {
		t.Run(name, func(t *testing.T) {
			pool := sharedPool()
			pool.Spec.ClusterSpec = &cmfv1.JsonObject{Json: `{` + test.pool + `"flinkVersion":"v2_0","image":"flink:2.0.1"}`}
			apply, err := manifestOf(prod(), pool, 1, true)
			if err != nil {
				t.Fatal(err)
			}
			manifest, err := openjson.ParseText(apply.GetManifest())
			if err != nil {
				t.Fatal(err)
			}
			containers, _ := openjson.Field(manifest, "spec", "jobManager", "podTemplate", "spec", "containers").([]any)
			var names []string
			for _, container := range containers {
				names = append(names, openjson.String(container.(openjson.Object), "name"))
			}
			if got := strings.Join(names, " "); got != test.want {
				t.Errorf("they are %q, want %q", got, test.want)
			}
		})
	}
}

func TestGatewayOfAPool(t *testing.T) {
	pool := sharedPool()
	pool.Spec.ClusterSpec = &cmfv1.JsonObject{Json: `{"flinkVersion":"v1_20","flinkConfiguration":{"rest.port":8091},
		"podTemplate":{"spec":{"containers":[{"name":"flink-main-container","volumeMounts":[{"name":"jars","mountPath":"/opt/flink/lib/extra"}]}]}},
		"jobManager":{"podTemplate":{"spec":{"containers":[{"name":"flink-main-container","volumeMounts":[
			{"name":"jars","mountPath":"/opt/flink/lib/extra"},{"name":"trust","mountPath":"/etc/trust"}]}]}}}}`}
	apply, err := manifestOf(prod(), pool, 1, true)
	if err != nil {
		t.Fatal(err)
	}
	manifesttest.Golden(t, "pool-with-gateway", apply)
}
