package statement

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/flinkspec"
	"github.com/openweir/weir/control/manifest"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/resource/computepool"
	"github.com/openweir/weir/control/resource/policy"
	"github.com/openweir/weir/control/resource/savepoint"
	"github.com/openweir/weir/control/sql"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func (s *service) UpdateStatement(ctx context.Context, req *cmfv1.UpdateStatementRequest) (*cmfv1.Statement, error) {
	update := resource.WithName(req.GetStatement(), req.GetStmtName())
	env, _, err := s.find(ctx, req.GetEnvName(), req.GetStmtName())
	if err != nil {
		return nil, err
	}
	if err := check(update); err != nil {
		return nil, err
	}
	var warnings []string
	updated, err := s.kind.Update(ctx, s.store, env.Key, req.GetStmtName(), req.GetResourceVersion(), update.GetMetadata(), func(tx *store.Tx, before Item) (*storev1.StatementRecord, error) {
		env, err := s.environments.Require(tx, req.GetEnvName())
		if err != nil {
			return nil, err
		}
		record, err := s.updated(ctx, tx, env.Value(), before, update)
		if err != nil {
			return nil, err
		}
		warnings = nil
		if changesObject(before.Value(), record) {
			warnings, err = s.admit(ctx, tx, env.Value(), before.Value(), record)
		}
		return record, err
	})
	if err != nil {
		return nil, err
	}
	return updated, policy.Warn(ctx, warnings)
}

// changesObject is true if an update changes the object of a statement, except if it
// does nothing but stop it, which is always possible.
func changesObject(before, after *storev1.StatementRecord) bool {
	if after.GetStatement().GetSpec().GetStopped() && !before.GetStatement().GetSpec().GetStopped() {
		before = proto.CloneOf(before)
		before.Statement.Spec.Stopped = after.GetStatement().GetSpec().Stopped
	}
	return !proto.Equal(before.GetStatement(), after.GetStatement())
}

// updated is the record of a statement after an update.
func (s *service) updated(ctx context.Context, tx *store.Tx, env *cmfv1.Environment, before Item, update *cmfv1.Statement) (*storev1.StatementRecord, error) {
	stored := before.Value().GetStatement()
	if err := checkUpdate(stored.GetSpec(), update.GetSpec()); err != nil {
		return nil, err
	}
	record := proto.CloneOf(before.Value())
	if resource.IsBehind(metadataOf(record).GetUid(), record.GetGeneration(), before.ReportedHead()) {
		record.Start = nil // the job has long been started from that savepoint
	}
	record.Statement.Spec = updateSpec(stored.GetSpec(), update.GetSpec())
	// Clients leave out what they do not mean to change.
	if labels := update.GetMetadata().GetLabels(); labels != nil {
		record.Statement.Metadata.Labels = labels
	}
	if annotations := update.GetMetadata().GetAnnotations(); annotations != nil {
		record.Statement.Metadata.Annotations = annotations
	}
	if proto.Equal(stored, record.GetStatement()) {
		return record, nil
	}
	if actions := actionsOf(stored.GetSpec(), record.GetStatement().GetSpec()); len(actions) > 0 {
		return record, s.act(ctx, tx, env, before, record, actions)
	}
	if IsDeployed(record) {
		record.Generation = s.ownership.NextGeneration(tx, record.GetGeneration()) // labels and annotations are the object's too
	}
	return record, nil
}

// act changes a record as a user's actions ask for, if its phase and its pool
// allow it, and writes what goes with that.
func (s *service) act(ctx context.Context, tx *store.Tx, env *cmfv1.Environment, before Item, record *storev1.StatementRecord, actions []event) error {
	phase := phaseOf(before)
	if !IsDeployed(record) {
		return apierror.Unprocessable(fmt.Sprintf("spec: a statement that is %s and was not deployed cannot change", phase))
	}
	if err := checkActions(phase, actions); err != nil {
		return err
	}
	spec := record.GetStatement().GetSpec()
	record.Generation = s.ownership.NextGeneration(tx, record.GetGeneration())
	record.Action = string(actions[len(actions)-1])
	if slices.Equal(actions, []event{userStops}) {
		return nil
	}
	pool, err := s.requirePool(tx, env, record)
	if err != nil {
		return err
	}
	if slices.Contains(actions, userMoves) {
		if err := s.move(tx, env, before.Value(), pool); err != nil {
			return err
		}
	}
	if !spec.GetStopped() {
		if err := computepool.CheckAccepts(pool); err != nil {
			return err
		}
	}
	if ref, ok := newReference(before.Value().GetStatement().GetSpec(), spec); ok {
		if record.Start, err = s.startFrom(tx, env, before.Value(), ref); err != nil {
			return err
		}
	}
	refusal, err := s.deploy(ctx, tx, env, pool.Value(), record, sql.Kind(record.GetTraits().GetSqlKind()).Class() == sql.Detached)
	if err != nil {
		return err
	}
	if refusal != "" {
		return apierror.Unprocessable("spec: " + refusal)
	}
	if slices.Contains(actions, userStarts) && !slices.Contains(actions, userRedeploys) {
		resume(before, record)
	}
	s.pools.Hold(tx, env.GetName(), poolOf(record), metadataOf(record).GetName())
	return nil
}

// resume makes a statement that the SQL driver runs resume from the savepoint that
// was taken when it was stopped, which is lost when the driver's process ends. The
// operator stores it in the status of the object.
func resume(before Item, record *storev1.StatementRecord) {
	if record.GetObjectKind() != manifest.KindStatement {
		return
	}
	if path := stoppedAt(before.Reported()); path != "" {
		// The nonce stays: this is not a new request to start from a savepoint.
		record.Start = &storev1.SavepointStart{
			Path: path, Nonce: record.GetStart().GetNonce(), AllowNonRestoredState: record.GetStart().GetAllowNonRestoredState(),
		}
	}
}

// move takes a statement to another pool. Its object and with it its state stay
// where they are, so both pools have to be dedicated.
func (s *service) move(tx *store.Tx, env *cmfv1.Environment, before *storev1.StatementRecord, to computepool.Item) error {
	from, err := s.requirePool(tx, env, before)
	if err != nil {
		return err
	}
	if computepool.IsShared(from.Value()) || computepool.IsShared(to.Value()) {
		return apierror.Unprocessable("spec.computePoolName: can only change from one DEDICATED compute pool to another")
	}
	s.pools.Release(tx, env.GetName(), poolOf(before), metadataOf(before).GetName())
	return nil
}

// startFrom is the instruction to start from a savepoint, with a nonce that the
// operator has not seen.
func (s *service) startFrom(at store.Reader, env *cmfv1.Environment, before *storev1.StatementRecord, ref flinkspec.SavepointReference) (*storev1.SavepointStart, error) {
	path, err := s.savepoints.Path(at, savepoint.ForStatement(env, before), ref)
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
