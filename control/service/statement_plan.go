package service

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/sql"
	"github.com/openweir/weir/control/sql/metadata"
	"github.com/openweir/weir/control/state"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// plan is what becomes of a new statement.
type plan struct {
	record *storev1.StatementRecord
	// effect is what its SQL changes in the catalogs.
	effect change
}

// plan decides what becomes of a new statement. Its error is one of the
// request; SQL that cannot run makes a statement that has failed.
func (s *Services) plan(ctx context.Context, env *cmfv1.Environment, pool store.Object[*cmfv1.ComputePool], statement *cmfv1.Statement) (plan, error) {
	parsed, err := sql.Parse(statement.GetSpec().GetStatement())
	if err != nil {
		return failed(statement, nil, err.Error()), nil
	}
	if parsed.Kind().NeedsFlink() {
		return s.planJob(ctx, env, pool, statement, parsed)
	}
	return s.answer(ctx, env, statement, parsed), nil
}

// failed is a statement that cannot run.
func failed(statement *cmfv1.Statement, traits *cmfv1.StatementTraits, reason string) plan {
	return plan{record: &storev1.StatementRecord{
		Statement: statement, Generation: 1, Traits: traits, Phase: contract.PhaseFailed, Detail: reason,
	}}
}

// answer runs a statement that needs no Flink.
func (s *Services) answer(ctx context.Context, env *cmfv1.Environment, statement *cmfv1.Statement, parsed sql.Statement) plan {
	visible := s.visibleCatalogs(ctx, env.GetName())
	if create, ok := parsed.(*sql.CreateTable); ok && !create.IfNotExists {
		// A topic that is there already is no table yet for who declares it.
		visible.declaredOnly = true
	}
	result, effect, err := metadata.Execute(parsed, metadata.SessionOf(statement.GetSpec().GetProperties()), visible)
	if visible.err != nil {
		err = visible.err
	}
	var written change
	if err == nil {
		written, err = s.tableEffect(ctx, effect, visible)
	}
	if err != nil {
		return failed(statement, &cmfv1.StatementTraits{SqlKind: string(parsed.Kind())}, err.Error())
	}
	answered := clone(statement)
	answered.Result = statementResult(result.Data())
	return plan{
		record: &storev1.StatementRecord{
			Statement: answered, Generation: 1, Traits: result.Traits(), Phase: contract.PhaseCompleted, Detail: result.Detail,
		},
		effect: written,
	}
}

// statementResult is a page of rows.
func statementResult(rows []*cmfv1.JsonObject) *cmfv1.StatementResult {
	return &cmfv1.StatementResult{
		ApiVersion: contract.APIVersion, Kind: contract.KindStatementResult,
		Metadata: &cmfv1.StatementResultMetadata{CreationTimestamp: state.Now()},
		Results:  &cmfv1.StatementResults{Data: rows},
	}
}

// planJob makes the object of a statement that Flink runs.
func (s *Services) planJob(ctx context.Context, env *cmfv1.Environment, pool store.Object[*cmfv1.ComputePool], statement *cmfv1.Statement, parsed sql.Statement) (plan, error) {
	if err := s.takesStatements(pool); err != nil {
		return plan{}, err
	}
	traits := s.jobTraits(ctx, env, statement, parsed)
	if missing := s.missingTable(ctx, env, statement, parsed); missing != "" {
		return failed(statement, traits, missing), nil
	}
	record := &storev1.StatementRecord{Statement: statement, Generation: 1, Traits: traits}
	refusal, err := s.deploy(ctx, env, pool.Value, record, parsed.Kind().Class() == sql.Detached)
	if err != nil {
		return plan{}, err
	}
	if refusal != "" {
		return failed(statement, traits, refusal), nil
	}
	return plan{record: record}, nil
}

// jobTraits are what can be told of a statement before Flink has planned it.
// Tables are Kafka topics, which have no end.
func (s *Services) jobTraits(ctx context.Context, env *cmfv1.Environment, statement *cmfv1.Statement, parsed sql.Statement) *cmfv1.StatementTraits {
	bounded, appends := true, true
	for _, q := range queriesOf(parsed) {
		ends := len(q.tables) == 0
		bounded = bounded && ends
		appends = appends && (ends || !q.query.Grouped || q.query.Windowed)
	}
	traits := &cmfv1.StatementTraits{SqlKind: string(parsed.Kind()), IsBounded: proto.Bool(bounded), IsAppendOnly: proto.Bool(appends)}
	if query, ok := parsed.(*sql.Select); ok {
		traits.Schema = metadata.Schema(query.Query, metadata.SessionOf(statement.GetSpec().GetProperties()), s.visibleCatalogs(ctx, env.GetName()))
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
func (s *Services) missingTable(ctx context.Context, env *cmfv1.Environment, statement *cmfv1.Statement, parsed sql.Statement) string {
	visible := s.visibleCatalogs(ctx, env.GetName())
	session := metadata.SessionOf(statement.GetSpec().GetProperties())
	for _, name := range tablesOf(parsed) {
		path, err := metadata.Resolve(name, session, visible)
		if err != nil {
			return err.Error()
		}
		if _, found := visible.Table(path); visible.err != nil {
			return visible.err.Error()
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
