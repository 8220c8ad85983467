package statement

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/resource/computepool"
	"github.com/openweir/weir/control/sql"
	"github.com/openweir/weir/control/sql/metadata"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// plan decides what becomes of a new statement, completes its record and writes
// what its SQL changes in the catalogs. Its error is one of the request; SQL that
// cannot run makes a statement that has failed.
func (s *Statements) plan(ctx context.Context, tx *store.Tx, env *cmfv1.Environment, pool computepool.Item, record *storev1.StatementRecord) error {
	parsed, err := sql.Parse(record.GetStatement().GetSpec().GetStatement())
	switch {
	case err != nil:
		fail(record, nil, err.Error())
		return nil
	case parsed.Kind().NeedsFlink():
		return s.planJob(ctx, tx, env, pool, record, parsed)
	default:
		s.answer(ctx, tx, env, record, parsed)
		return nil
	}
}

// fail makes a statement one that cannot run.
func fail(record *storev1.StatementRecord, traits *cmfv1.StatementTraits, reason string) {
	record.Traits, record.Phase, record.Detail = traits, failed, reason
}

// answer runs a statement that needs no Flink.
func (s *Statements) answer(ctx context.Context, tx *store.Tx, env *cmfv1.Environment, record *storev1.StatementRecord, parsed sql.Statement) {
	visible := s.catalogs.Visible(ctx, tx, env.GetName())
	if create, ok := parsed.(*sql.CreateTable); ok && !create.IfNotExists {
		// An existing topic does not count as a table for CREATE TABLE.
		visible.DeclaredOnly = true
	}
	result, effect, err := metadata.Execute(parsed, metadata.SessionOf(record.GetStatement().GetSpec().GetProperties()), visible)
	if visible.Err != nil {
		err = visible.Err
	}
	if err == nil {
		err = s.catalogs.Effect(ctx, tx, effect, visible)
	}
	if err != nil {
		fail(record, &cmfv1.StatementTraits{SqlKind: string(parsed.Kind())}, err.Error())
		return
	}
	record.Statement.Result = newResult(result.Data())
	record.Traits, record.Phase, record.Detail = result.Traits(), contract.PhaseCompleted, result.Detail
}

// planJob makes the objects of a statement that Flink runs.
func (s *Statements) planJob(
	ctx context.Context, tx *store.Tx, env *cmfv1.Environment, pool computepool.Item, record *storev1.StatementRecord, parsed sql.Statement,
) error {
	if err := computepool.CheckAccepts(pool); err != nil {
		return err
	}
	traits := s.traitsOfJob(ctx, tx, env, record, parsed)
	if missing := s.missingTable(ctx, tx, env, record, parsed); missing != "" {
		fail(record, traits, missing)
		return nil
	}
	record.Traits = traits
	refusal, err := s.deploy(ctx, tx, env, pool.Value(), record, parsed.Kind().Class() == sql.Detached)
	if err != nil {
		return err
	}
	if refusal != "" {
		fail(record, traits, refusal)
	}
	return nil
}

// traitsOfJob are what is known of a statement before Flink has planned it. Tables
// are Kafka topics, which have no end.
func (s *Statements) traitsOfJob(ctx context.Context, at store.Reader, env *cmfv1.Environment, record *storev1.StatementRecord, parsed sql.Statement) *cmfv1.StatementTraits {
	bounded, appends := true, true
	for _, q := range queriesOf(parsed) {
		ends := len(q.tables) == 0
		bounded = bounded && ends
		appends = appends && (ends || !q.query.Grouped || q.query.Windowed)
	}
	traits := &cmfv1.StatementTraits{SqlKind: string(parsed.Kind()), IsBounded: proto.Bool(bounded), IsAppendOnly: proto.Bool(appends)}
	if query, ok := parsed.(*sql.Select); ok {
		traits.Schema = metadata.Schema(query.Query, metadata.SessionOf(record.GetStatement().GetSpec().GetProperties()), s.catalogs.Visible(ctx, at, env.GetName()))
	}
	return traits
}

// queryOf is a query of a statement with what it reads and writes.
type queryOf struct {
	query  *sql.Query
	tables []sql.Name
	target *sql.Name
}

func queriesOf(parsed sql.Statement) []queryOf {
	switch p := parsed.(type) {
	case *sql.Select:
		return []queryOf{{query: p.Query, tables: p.Tables}}
	case *sql.Insert:
		return []queryOf{{p.Query, p.Tables, &p.Target}}
	case *sql.StatementSet:
		var all []queryOf
		for _, insert := range p.Inserts {
			all = append(all, queryOf{insert.Query, insert.Tables, &insert.Target})
		}
		return all
	default:
		return nil
	}
}

// missingTable says which table of a statement is not there, or not for its
// environment; empty where all are.
func (s *Statements) missingTable(ctx context.Context, at store.Reader, env *cmfv1.Environment, record *storev1.StatementRecord, parsed sql.Statement) string {
	visible := s.catalogs.Visible(ctx, at, env.GetName())
	session := metadata.SessionOf(record.GetStatement().GetSpec().GetProperties())
	for _, name := range tablesOf(parsed) {
		path, err := metadata.Resolve(name, session, visible)
		if err != nil {
			return err.Error()
		}
		if _, found := visible.Table(path); visible.Err != nil {
			return visible.Err.Error()
		} else if !found {
			return "Table " + path.String() + " does not exist."
		}
	}
	return ""
}

// tablesOf names the tables that a statement reads and writes, some maybe more
// than once.
func tablesOf(parsed sql.Statement) []sql.Name {
	var names []sql.Name
	for _, q := range queriesOf(parsed) {
		names = append(names, q.tables...)
		if q.target != nil {
			names = append(names, *q.target)
		}
	}
	return names
}
