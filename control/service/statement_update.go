package service

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/render"
	"github.com/openweir/weir/control/rules"
	"github.com/openweir/weir/control/sql"
	"github.com/openweir/weir/control/state"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func (s *statements) UpdateStatement(ctx context.Context, req *cmfv1.UpdateStatementRequest) (*cmfv1.Statement, error) {
	update := named(clone(req.GetStatement()), req.GetStmtName())
	if _, _, err := s.statement(ctx, req.GetEnvName(), req.GetStmtName()); err != nil {
		return nil, err
	}
	if err := rules.CheckStatement(update); err != nil {
		return nil, err
	}
	if update.GetMetadata().GetName() != req.GetStmtName() {
		return nil, apierror.Invalid(fmt.Sprintf("metadata.name: must equal the name in the path, '%s'", req.GetStmtName()))
	}
	return retry(ctx, "Statement '"+req.GetStmtName()+"'", func(ctx context.Context) (*cmfv1.Statement, error) {
		env, before, err := s.statement(ctx, req.GetEnvName(), req.GetStmtName())
		if err != nil {
			return nil, err
		}
		return s.update(ctx, env, before, update)
	})
}

func (s *statements) update(ctx context.Context, env store.Object[*cmfv1.Environment], before store.Object[*storev1.StatementRecord], update *cmfv1.Statement) (*cmfv1.Statement, error) {
	stored := before.Value.GetStatement()
	if err := rules.CheckStatementUpdate(stored.GetSpec(), update.GetSpec()); err != nil {
		return nil, err
	}
	record := clone(before.Value)
	record.Statement.Spec = rules.UpdateStatementSpec(stored.GetSpec(), update.GetSpec())
	// Clients leave out what they do not mean to change.
	if labels := update.GetMetadata().GetLabels(); labels != nil {
		record.Statement.Metadata.Labels = labels
	}
	if annotations := update.GetMetadata().GetAnnotations(); annotations != nil {
		record.Statement.Metadata.Annotations = annotations
	}
	if proto.Equal(stored, record.GetStatement()) {
		return s.statementView(env.Value, before, false), nil
	}
	with := change{
		conds: []store.Cond{
			s.state.Environments.Unchanged(env.Key, env.Revision),
			s.state.Statements.Unchanged(before.Key, before.Revision),
		},
		ops: []store.Op{s.state.Statements.Put(before.Key, record)},
	}
	if actions := rules.StatementActions(stored.GetSpec(), record.GetStatement().GetSpec()); len(actions) > 0 {
		more, err := s.act(ctx, env, before, record, actions)
		if err != nil {
			return nil, err
		}
		with = with.and(more)
	} else if rules.Deployed(record) {
		record.Generation++ // labels and annotations are the object's too
	}
	record.Statement.Metadata.UpdateTimestamp = state.Now()
	with.ops[0] = s.state.Statements.Put(before.Key, record)
	if _, err := s.state.Store.Commit(ctx, with.conds, with.ops); err != nil {
		return nil, fmt.Errorf("update statement %s: %w", before.Key, err)
	}
	reported, _ := s.state.StatementStatus.Cached(before.Key)
	return s.statementWith(env.Value, record, reported.Value), nil
}

// act changes a record as a user's actions ask for, if its phase and its pool
// allow it, and adds what goes with that.
func (s *statements) act(ctx context.Context, env store.Object[*cmfv1.Environment], before store.Object[*storev1.StatementRecord], record *storev1.StatementRecord, actions []rules.StatementEvent) (change, error) {
	phase := s.statementPhase(before)
	if !rules.Deployed(record) {
		return change{}, apierror.Unprocessable(fmt.Sprintf("spec: a statement that is %s and was not deployed cannot change", phase))
	}
	if err := rules.Act(phase, actions); err != nil {
		return change{}, err
	}
	name, spec := record.GetStatement().GetMetadata().GetName(), record.GetStatement().GetSpec()
	record.Generation++
	record.Action = string(actions[len(actions)-1])
	if slices.Equal(actions, []rules.StatementEvent{rules.StatementStop}) {
		return change{}, nil
	}
	pool, err := s.poolOfStatement(env, spec)
	if err != nil {
		return change{}, err
	}
	var with change
	if slices.Contains(actions, rules.StatementMove) {
		if with, err = s.move(env, before.Value, pool); err != nil {
			return change{}, err
		}
	}
	if !spec.GetStopped() {
		if err := s.takesStatements(pool); err != nil {
			return change{}, err
		}
	}
	if ref, ok := rules.StatementReference(before.Value.GetStatement().GetSpec(), spec); ok {
		if record.Start, err = s.startStatement(env.Value, before.Value, ref); err != nil {
			return change{}, err
		}
	}
	refusal, err := s.deploy(ctx, env.Value, pool.Value, record, sql.Kind(record.GetTraits().GetSqlKind()).Class() == sql.Detached)
	if err != nil {
		return change{}, err
	}
	if refusal != "" {
		return change{}, apierror.Unprocessable("spec: " + refusal)
	}
	if slices.Contains(actions, rules.StatementStart) && !slices.Contains(actions, rules.StatementRedeploy) {
		s.resume(before, record)
	}
	return with.and(change{
		conds: []store.Cond{s.state.ComputePools.Unchanged(pool.Key, pool.Revision)},
		ops:   []store.Op{s.state.PoolStatements.Put(state.GuardKey(env.Value.GetName(), spec.GetComputePoolName(), name), &emptypb.Empty{})},
	}), nil
}

// resume makes a statement that the SQL driver runs go on from the savepoint
// that was taken when it was stopped: the driver itself forgets it with its
// process. The operator remembers.
func (s *statements) resume(before store.Object[*storev1.StatementRecord], record *storev1.StatementRecord) {
	if record.GetObjectKind() != render.KindStatement {
		return
	}
	reported, _ := s.state.StatementStatus.Cached(before.Key)
	if reported.Value.GetOwnerUid() != record.GetStatement().GetMetadata().GetUid() {
		return
	}
	if path := rules.StoppedAt(reported.Value); path != "" {
		// The nonce stays: this is no new order to start from a savepoint.
		record.Start = &storev1.SavepointStart{
			Path: path, Nonce: record.GetStart().GetNonce(), AllowNonRestoredState: record.GetStart().GetAllowNonRestoredState(),
		}
	}
}

// move takes a statement to another pool. Its object and with it its state stay
// where they are, so both pools have to be dedicated.
func (s *statements) move(env store.Object[*cmfv1.Environment], before *storev1.StatementRecord, to store.Object[*cmfv1.ComputePool]) (change, error) {
	was := before.GetStatement().GetSpec()
	from, err := s.poolOfStatement(env, was)
	if err != nil {
		return change{}, err
	}
	if from.Value.GetSpec().GetType() != contract.PoolDedicated || to.Value.GetSpec().GetType() != contract.PoolDedicated {
		return change{}, apierror.Unprocessable("spec.computePoolName: can only change from one DEDICATED compute pool to another")
	}
	guard := state.GuardKey(env.Value.GetName(), was.GetComputePoolName(), before.GetStatement().GetMetadata().GetName())
	return change{ops: []store.Op{s.state.PoolStatements.Remove(guard)}}, nil
}

// startStatement is the instruction to start from a savepoint, with a nonce
// that the operator has not seen.
func (s *Services) startStatement(env *cmfv1.Environment, before *storev1.StatementRecord, ref rules.SavepointReference) (*storev1.SavepointStart, error) {
	path, err := s.savepointPath(s.statementOwnerOf(env, before), ref)
	if err != nil {
		return nil, apierror.Unprocessable("spec.startFromSavepoint: " + err.Error())
	}
	used := before.GetStart().GetNonce()
	nonce, err := strconv.ParseInt(ref.Nonce, 10, 64)
	if err != nil || nonce == used {
		nonce = max(before.GetGeneration(), used) + 1
	}
	return &storev1.SavepointStart{Path: path, Nonce: nonce, AllowNonRestoredState: ref.AllowNonRestoredState}, nil
}
