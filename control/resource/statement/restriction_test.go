package statement

import (
	"strings"
	"testing"

	"github.com/openweir/weir/control/resource/computepool"
	"github.com/openweir/weir/control/sql"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestRestrictions(t *testing.T) {
	type pairs = map[string]string
	pool := func(kind string, annotations pairs) *cmfv1.ComputePool {
		return &cmfv1.ComputePool{Metadata: &cmfv1.ObjectMeta{Annotations: annotations}, Spec: &cmfv1.ComputePoolSpec{Type: kind}}
	}
	shared, dedicated := pool("SHARED", nil), pool("DEDICATED", nil)
	connectors := func(names string) pairs { return pairs{computepool.ConnectorsAnnotation: names} }
	file := pairs{"connector": "filesystem", "path": "file:///var/run/secrets"}
	for name, test := range map[string]struct {
		pool          *cmfv1.ComputePool
		configuration pairs
		table         pairs
		sql           string
		refused       string // part of the reason; empty if it is allowed
	}{
		"Kafka":                                 {pool: shared, table: pairs{"connector": "kafka", "topic": "t"}},
		"a table without a connector":           {pool: shared, table: pairs{}},
		"files":                                 {pool: shared, table: file, refused: "connector 'filesystem'"},
		"files of a dedicated pool":             {pool: dedicated, table: file},
		"an allowed connector":                  {pool: pool("SHARED", connectors("jdbc, filesystem")), table: pairs{"connector": "filesystem", "path": "s3://bucket/x"}},
		"an allowed connector with a file":      {pool: pool("SHARED", connectors("filesystem")), table: file, refused: "Option 'path'"},
		"a path without a scheme":               {pool: pool("SHARED", connectors("*")), table: pairs{"connector": "filesystem", "path": "/etc/passwd"}, refused: "Option 'path'"},
		"an allowed path":                       {pool: pool("SHARED", pairs{computepool.ConnectorsAnnotation: "*", computepool.PathsAnnotation: "file:///var/run/"}), table: file},
		"a path out of an allowed one":          {pool: pool("SHARED", pairs{computepool.ConnectorsAnnotation: "*", computepool.PathsAnnotation: "file:///data/"}), table: pairs{"connector": "filesystem", "path": "file:///data/../etc"}, refused: "Option 'path'"},
		"a path in a hint":                      {pool: shared, sql: "SELECT * FROM a /*+ OPTIONS('path'='file:///etc') */", refused: "of a hint"},
		"a connector in a hint":                 {pool: shared, table: pairs{"connector": "kafka"}, sql: "SELECT * FROM a /*+ OPTIONS('connector'='jdbc') */", refused: "connector 'jdbc' of a hint"},
		"an allowed connector in a hint":        {pool: shared, table: pairs{"connector": "kafka"}, sql: "SELECT * FROM a /*+ OPTIONS('connector'='datagen') */"},
		"a dedicated pool with an annotation":   {pool: pool("DEDICATED", connectors("jdbc")), table: file, refused: "connector 'filesystem'"},
		"options of jobs":                       {pool: shared, configuration: pairs{"execution.checkpointing.interval": "1s", "table.exec.state.ttl": "1 h", "state.savepoints.dir": "s3://s", "pipeline.name": "x"}},
		"JARs":                                  {pool: shared, configuration: pairs{"pipeline.jars": "https://elsewhere/x.jar"}, refused: "Option pipeline.jars"},
		"a class path":                          {pool: shared, configuration: pairs{"pipeline.classpaths": "x"}, refused: "Option pipeline.classpaths"},
		"another cluster":                       {pool: shared, configuration: pairs{"execution.target": "remote"}, refused: "Option execution.target"},
		"options of the JVM":                    {pool: shared, configuration: pairs{"env.java.opts.all": "-javaagent:x"}, refused: "Option env.java.opts.all"},
		"a directory of the machine":            {pool: shared, configuration: pairs{"state.savepoints.dir": "file:///tmp"}, refused: "Option state.savepoints.dir"},
		"JARs of a dedicated pool":              {pool: dedicated, configuration: pairs{"pipeline.jars": "x"}},
		"JARs that are not named":               {pool: pool("SHARED", pairs{computepool.OptionsAnnotation: "pipeline."}), configuration: pairs{"pipeline.jars": "x"}, refused: "Option pipeline.jars"},
		"JARs that are named":                   {pool: pool("SHARED", pairs{computepool.OptionsAnnotation: "pipeline.jars"}), configuration: pairs{"pipeline.jars": "x"}},
		"every option, by the pool's own words": {pool: pool("SHARED", pairs{computepool.OptionsAnnotation: "*"}), configuration: pairs{"execution.target": "remote"}},
	} {
		t.Run(name, func(t *testing.T) {
			var tables []*storev1.StatementTable
			if test.table != nil {
				tables = append(tables, &storev1.StatementTable{Catalog: "shop", Database: "sales", Name: "t", Definition: &storev1.TableRecord{Options: test.table}})
			}
			hints, err := sql.HintOptions(test.sql)
			if err != nil {
				t.Fatal(err)
			}
			got := restrictionOf(test.pool).refusal(test.configuration, tables, hints)
			if (got == "") != (test.refused == "") || !strings.Contains(got, test.refused) {
				t.Errorf("got %q, want %q", got, test.refused)
			}
		})
	}
}
