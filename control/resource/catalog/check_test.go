package catalog

import (
	"strings"
	"testing"

	"google.golang.org/grpc/status"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// The contract tells apart 400 and 422: what is malformed, and what is well formed
// but cannot be.
func TestCheck(t *testing.T) {
	database := func(environments ...string) *cmfv1.KafkaDatabase {
		return &cmfv1.KafkaDatabase{Metadata: &cmfv1.ObjectMeta{Name: "orders"}, Spec: &cmfv1.KafkaDatabaseSpec{DdlEnvironments: environments}}
	}
	catalog := func(names ...string) *cmfv1.KafkaCatalog {
		c := &cmfv1.KafkaCatalog{Metadata: &cmfv1.ObjectMeta{Name: "kafka"}, Spec: &cmfv1.KafkaCatalogSpec{}}
		for _, name := range names {
			c.Spec.KafkaClusters = append(c.Spec.KafkaClusters, &cmfv1.CatalogKafkaCluster{DatabaseName: name})
		}
		return c
	}
	for name, test := range map[string]struct {
		err    error
		status int // 0 where nothing is wrong
		says   string
	}{
		"environments for DDL":                     {checkDatabase(database("prod", "test")), 0, ""},
		"a duplicate environment for DDL":          {checkDatabase(database("prod", "test", "prod")), 422, "spec.ddlEnvironments[2]: 'prod' is listed twice"},
		"an environment for DDL with a wrong name": {checkDatabase(database("P")), 400, "spec.ddlEnvironments[0]"},
		"inline databases":                         {check(catalog("orders", "users")), 0, ""},
		"a duplicate inline database":              {check(catalog("orders", "orders")), 422, "spec.kafkaClusters[1].databaseName: 'orders' is listed twice"},
		"an inline database with a wrong name":     {check(catalog("o")), 400, "spec.kafkaClusters[0].databaseName"},
	} {
		got := 0
		if test.err != nil {
			got = httpStatus(test.err)
		}
		if got != test.status || (test.err != nil && !strings.Contains(test.err.Error(), test.says)) {
			t.Errorf("%s: got %d, %v, want %d with %q", name, got, test.err, test.status, test.says)
		}
	}
}

// httpStatus is what REST clients get for an error about a request.
func httpStatus(err error) int {
	for _, detail := range status.Convert(err).Details() {
		if special, ok := detail.(*cmfv1.HttpStatus); ok {
			return int(special.GetCode())
		}
	}
	return 400
}
