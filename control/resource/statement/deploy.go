package statement

import (
	"context"
	"slices"

	"github.com/openweir/weir/control/manifest"
	"github.com/openweir/weir/control/resource/computepool"
	"github.com/openweir/weir/control/sql"
	"github.com/openweir/weir/control/sql/ddl"
	"github.com/openweir/weir/control/sql/metadata"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/flink"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

// deploy fills in the objects of a statement from its pool, its environment and
// the tables that it names. It says why there can be none, if so, and leaves the
// record as it is. What kind of object the job has was decided when the statement
// was created, and stays.
func (s *Statements) deploy(ctx context.Context, at store.Reader, env *cmfv1.Environment, pool *cmfv1.ComputePool, record *storev1.StatementRecord, detached bool) (refusal string, err error) {
	cluster, err := computepool.ClusterSpec(env, pool)
	if err != nil {
		return "", err
	}
	spec := record.GetStatement().GetSpec()
	defaults := env.GetStatementDefaults().GetInteractive()
	if detached {
		defaults = env.GetStatementDefaults().GetDetached()
	}
	job := job{
		statement: spec, cluster: cluster, detached: detached,
		configuration: configurationOf(spec, defaults, record.GetTraits().GetIsBounded()),
	}
	if refusal := job.refusal(); refusal != "" {
		return refusal, nil
	}
	record.Detail = job.remark()
	s.declare(ctx, at, env, record)
	hints, err := sql.HintOptions(spec.GetStatement())
	if err != nil {
		return err.Error(), nil
	}
	if err := s.checkRedirects(at, record.GetTables(), hints); err != nil {
		return err.Error(), nil
	}
	if refusal := restrictionOf(pool).refusal(spec.GetFlinkConfiguration(), record.GetTables(), hints); refusal != "" {
		return refusal, nil
	}
	runsSQL, shared := s.clusters.RunsSQL(at, env.GetKubernetesClusterName()), computepool.IsShared(pool)
	if record.GetObjectKind() == "" {
		record.ObjectKind = s.objectKind(at, record, job, runsSQL, shared)
	}
	switch record.GetObjectKind() {
	case flink.KindSessionJob:
		record.ObjectSpec = openjson.Format(job.sessionJob(pool.GetMetadata().GetName()))
	case flink.KindDeployment:
		if runsSQL {
			if refusal := s.refuseApplication(at, record, cluster); refusal != "" {
				return refusal, nil
			}
			job.script = ddl.Script(s.setup(at, record), spec.GetStatement())
		}
		record.ObjectSpec = openjson.Format(job.application())
	case manifest.KindStatement:
		deployment := pool.GetMetadata().GetName()
		if !shared {
			deployment = metadataOf(record).GetName()
			record.ClusterSpec = openjson.Format(job.sessionCluster())
		}
		record.ObjectSpec = openjson.Format(job.sessionStatement(deployment))
	}
	return "", nil
}

// objectKind chooses what runs a new statement. An application of its own is for
// what has no rows to read and no password to keep: its script can be read by all
// who may read the object.
func (s *Statements) objectKind(at store.Reader, record *storev1.StatementRecord, job job, runsSQL, shared bool) string {
	switch {
	case runsSQL && (shared || !job.detached || !hasSQLDriver(job.cluster) || s.needsSecret(at, record)):
		return manifest.KindStatement
	case shared:
		return flink.KindSessionJob
	default:
		return flink.KindDeployment
	}
}

// refuseApplication says why a statement that runs as an application can no
// longer do so.
func (s *Statements) refuseApplication(at store.Reader, record *storev1.StatementRecord, cluster openjson.Object) string {
	switch {
	case !hasSQLDriver(cluster):
		return "The statement runs as an application, which needs a compute pool of Flink 2.0 or newer."
	case s.needsSecret(at, record):
		return "The statement runs as an application, but its tables now require a secret, which they did not when it was created. Create it again."
	default:
		return ""
	}
}

// needsSecret is true if a table of a statement is reached by means of a secret.
func (s *Statements) needsSecret(at store.Reader, record *storev1.StatementRecord) bool {
	return slices.ContainsFunc(record.GetTables(), func(table *storev1.StatementTable) bool { return s.catalogs.NeedsSecret(at, table) })
}

// checkRedirects refuses a statement that could send the secrets of its tables elsewhere
// than their databases and catalogs say. hints are the options that its hints set.
func (s *Statements) checkRedirects(at store.Reader, tables []*storev1.StatementTable, hints map[string][]string) error {
	for _, table := range tables {
		if err := s.catalogs.CheckRedirects(at, table, hints); err != nil {
			return err
		}
	}
	return nil
}

// setup is what a script begins with, without secrets.
func (s *Statements) setup(at store.Reader, record *storev1.StatementRecord) []string {
	return ddl.Setup(metadata.Session{Catalog: record.GetCatalog(), Database: record.GetDatabase()}, record.GetTables(), s.catalogs.WithoutSecrets(at))
}

// declare notes the tables that a statement names as they are now. One that is not
// there, or cannot be seen for the moment, stays as it was noted before.
func (s *Statements) declare(ctx context.Context, at store.Reader, env *cmfv1.Environment, record *storev1.StatementRecord) {
	spec := record.GetStatement().GetSpec()
	parsed, err := sql.Parse(spec.GetStatement())
	if err != nil {
		return // it was read when the statement was created
	}
	visible := s.catalogs.Visible(ctx, at, env.GetName())
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
