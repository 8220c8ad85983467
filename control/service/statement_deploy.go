package service

import (
	"context"
	"slices"

	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/render"
	"github.com/openweir/weir/control/rules"
	"github.com/openweir/weir/control/sql"
	"github.com/openweir/weir/control/sql/ddl"
	"github.com/openweir/weir/control/sql/metadata"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

// deploy fills in the objects of a statement from its pool, its environment and
// the tables that it names. It says why there can be none, if so. What kind of
// object the job has was decided when the statement was created, and stays.
func (s *Services) deploy(ctx context.Context, env *cmfv1.Environment, pool *cmfv1.ComputePool, record *storev1.StatementRecord, detached bool) (refusal string, err error) {
	cluster, err := render.PoolCluster(env, pool)
	if err != nil {
		return "", err
	}
	spec := record.GetStatement().GetSpec()
	defaults := env.GetStatementDefaults().GetInteractive()
	if detached {
		defaults = env.GetStatementDefaults().GetDetached()
	}
	job := rules.StatementJob{
		Statement: spec, Cluster: cluster, Detached: detached,
		Configuration: rules.StatementConfiguration(spec, defaults, record.GetTraits().GetIsBounded()),
	}
	if refusal := job.Refusal(); refusal != "" {
		return refusal, nil
	}
	record.Detail = job.Remark()
	s.declare(ctx, env, record)
	shared := pool.GetSpec().GetType() == contract.PoolShared
	if record.GetObjectKind() == "" {
		record.ObjectKind = s.objectKind(env, record, job, shared)
	}
	switch record.GetObjectKind() {
	case render.KindSessionJob:
		record.ObjectSpec = openjson.Format(job.SessionJob(pool.GetMetadata().GetName()))
	case render.KindDeployment:
		if s.runsSQL(env) {
			if refusal := s.refuseApplication(record, cluster); refusal != "" {
				return refusal, nil
			}
			job.Script = ddl.Script(s.setup(record), spec.GetStatement())
		}
		record.ObjectSpec = openjson.Format(job.Application())
	case render.KindStatement:
		deployment := pool.GetMetadata().GetName()
		if !shared {
			deployment = record.GetStatement().GetMetadata().GetName()
			record.ClusterSpec = openjson.Format(job.SessionCluster())
		}
		record.ObjectSpec = openjson.Format(job.SessionStatement(deployment))
	}
	return "", nil
}

// runsSQL tells whether the agent of an environment's cluster runs SQL.
func (s *Services) runsSQL(env *cmfv1.Environment) bool {
	cluster, _ := s.state.ClusterStatus.Cached(store.Key(env.GetKubernetesClusterName()))
	return rules.RunsSQL(cluster.Value)
}

// objectKind chooses what runs a new statement. An application of its own is
// for what has no rows to read and no password to keep: its script can be read
// by all who may read the object.
func (s *Services) objectKind(env *cmfv1.Environment, record *storev1.StatementRecord, job rules.StatementJob, shared bool) string {
	switch {
	case s.runsSQL(env) && (shared || !job.Detached || !rules.HasSQLDriver(job.Cluster) || s.needsSecret(record)):
		return render.KindStatement
	case shared:
		return render.KindSessionJob
	default:
		return render.KindDeployment
	}
}

// refuseApplication says why a statement that runs as an application can no
// longer do so.
func (s *Services) refuseApplication(record *storev1.StatementRecord, cluster openjson.Object) string {
	switch {
	case !rules.HasSQLDriver(cluster):
		return "The statement runs as an application, which needs a compute pool of Flink 2.0 or newer."
	case s.needsSecret(record):
		return "The statement runs as an application, and its tables have come to need a secret since it was created. Create it anew."
	default:
		return ""
	}
}

// needsSecret tells whether a table of a statement is reached by means of a
// secret.
func (s *Services) needsSecret(record *storev1.StatementRecord) bool {
	return slices.ContainsFunc(record.GetTables(), func(table *storev1.StatementTable) bool {
		catalog, database := s.places(table.GetCatalog(), table.GetDatabase())
		return ddl.OnKafka(table.GetDefinition()) && (catalogSecret(catalog) != "" || databaseSecret(database) != "")
	})
}

func (s *Services) places(catalog, database string) (*cmfv1.KafkaCatalog, *cmfv1.KafkaDatabase) {
	c, _ := s.state.Catalogs.Cached(store.Key(catalog))
	d, _ := s.state.Databases.Cached(store.Key(catalog, database))
	return c.Value, d.Value
}

// setup is what a script begins with, without secrets.
func (s *Services) setup(record *storev1.StatementRecord) []string {
	return ddl.Setup(metadata.Session{Catalog: record.GetCatalog(), Database: record.GetDatabase()}, record.GetTables(),
		func(catalog, database string) ddl.Connection {
			c, d := s.places(catalog, database)
			return ddl.ConnectionOf(c, nil, d, nil)
		})
}

// declare notes the tables that a statement names as they are now. One that is
// not there, or cannot be seen for the moment, stays as it was noted before.
func (s *Services) declare(ctx context.Context, env *cmfv1.Environment, record *storev1.StatementRecord) {
	spec := record.GetStatement().GetSpec()
	parsed, err := sql.Parse(spec.GetStatement())
	if err != nil {
		return // it was read when the statement was created
	}
	visible := s.visibleCatalogs(ctx, env.GetName())
	session := metadata.SessionOf(spec.GetProperties())
	if current, ok := metadata.Current(session, visible); ok {
		record.Catalog, record.Database = current.Catalog, current.Database
	}
	before := record.GetTables()
	record.Tables = nil
	seen := map[metadata.Path]bool{}
	for _, name := range tablesOf(parsed) {
		path, err := metadata.Resolve(name, session, visible)
		if err != nil || seen[path] {
			continue
		}
		seen[path] = true
		if table, found := visible.Table(path); found {
			record.Tables = append(record.Tables, &storev1.StatementTable{
				Catalog: path.Catalog, Database: path.Database, Name: path.Table, Definition: table,
			})
		}
	}
	for _, table := range before {
		if path := (metadata.Path{Catalog: table.GetCatalog(), Database: table.GetDatabase(), Table: table.GetName()}); !declared(record, path) {
			record.Tables = append(record.Tables, table)
		}
	}
}

func declared(record *storev1.StatementRecord, path metadata.Path) bool {
	return slices.ContainsFunc(record.GetTables(), func(t *storev1.StatementTable) bool {
		return path == metadata.Path{Catalog: t.GetCatalog(), Database: t.GetDatabase(), Table: t.GetName()}
	})
}
