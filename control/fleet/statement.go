package fleet

import (
	"context"
	"strings"
	"time"

	"github.com/openweir/weir/control/render"
	"github.com/openweir/weir/control/rules"
	"github.com/openweir/weir/control/state"
	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

func (f *Fleet) addStatements() {
	addKept(f, f.State.Statements, keptKind{
		collection: state.CollectionStatements,
		render:     f.renderStatement,
		store:      f.reports.storeStatement,
		status:     statusIn(f.State.StatementStatus),
	})
}

func (f *Fleet) renderStatement(env *cmfv1.Environment, key string) (*agentv1.Apply, error) {
	record, ok := f.State.Statements.Cached(key)
	if !ok || !rules.Deployed(record.Value) || record.Value.GetDeleting() {
		return nil, nil // nothing is deployed, or a tombstone has taken over
	}
	if record.Value.GetObjectKind() != render.KindStatement {
		return render.Statement(env, record.Value)
	}
	connect, err := f.connections(env, record.Value.GetTables())
	if err != nil {
		return nil, err
	}
	reported, ok := f.State.StatementStatus.Cached(key)
	if !ok || reported.Value.GetOwnerUid() != record.Value.GetStatement().GetMetadata().GetUid() || reported.Value.GetGeneration() == 0 {
		reported.Value = nil
	}
	return render.SessionStatement(env, record.Value, reported.Value, connect)
}

// storeStatement stores what is new of a statement: its status, the phase that
// follows, and its job's exceptions.
func (r *reports) storeStatement(ctx context.Context, next *report, claim *storev1.ClaimRecord) error {
	st := r.fleet.State
	return storeObject(ctx, r, next, claim, st.Statements, st.StatementStatus,
		func(record *storev1.StatementRecord) string { return record.GetStatement().GetMetadata().GetUid() },
		func(record *storev1.StatementRecord, before, after *storev1.StatusRecord) []store.Op {
			liftTraits(after)
			rules.ConcludePhase(record, before, after, observed(next, claim.GetOwnerUid()))
			return st.AppendExceptions(claim.GetKey(), exceptions(next, claim.GetOwnerUid(), before, after)...)
		})
}

// liftTraits takes out of a status what is kept elsewhere: the traits, and the
// exceptions, of which events tell.
func liftTraits(status *storev1.StatusRecord) {
	parsed, err := openjson.ParseText(status.GetStatus())
	if err != nil || parsed["traits"] == nil && parsed["exceptions"] == nil {
		return
	}
	if traits := rules.ReportedTraits(parsed); traits != nil {
		status.Traits = traits
	}
	delete(parsed, "traits")
	delete(parsed, "exceptions")
	status.Status = openjson.Text(parsed)
}

// observed tells whether a report has a status of the object as it now is: the
// operator's lags behind the specification.
func observed(next *report, owner string) bool {
	report := next.status
	if report.GetOwnerUid() != owner {
		return false
	}
	status, err := openjson.ParseText(report.GetStatus())
	return err == nil && openjson.Int64(status, "observedGeneration") >= report.GetObjectGeneration()
}

// exceptions are those that a report tells of: the job's, which are told as
// events, and what the operator itself failed with.
func exceptions(next *report, owner string, before, after *storev1.StatusRecord) []state.Exception {
	var out []state.Exception
	for _, event := range next.events {
		if event.GetOwnerUid() == owner && strings.EqualFold(event.GetReason(), "JobException") {
			out = append(out, state.Exception{
				ID: event.GetId(), Class: classOf(event.GetMessage()), Message: event.GetMessage(), At: event.GetTime().AsTime(),
			})
		}
	}
	byOperator := next.ref.GetKind() != render.KindStatement
	if failure := after.GetError(); byOperator && failure != "" && failure != before.GetError() {
		status, _ := openjson.ParseText(after.GetStatus())
		text := openjson.String(status, "error")
		class := classOf(failure)
		if told, err := openjson.ParseText(text); err == nil && openjson.String(told, "type") != "" {
			class = openjson.String(told, "type")
		}
		now := time.Now()
		out = append(out, state.Exception{ID: owner + "/" + now.Format(time.RFC3339Nano), Class: class, Message: failure, At: now})
	}
	return out
}

// classOf is the class of an exception whose text it begins.
func classOf(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	class, _, found := strings.Cut(line, ":")
	if !found || strings.ContainsAny(class, " \t") {
		return "Exception"
	}
	return class
}

// statementGone is what goes with the tombstone of a statement's object: once
// the last one is gone, the record and what hangs on it. The condition makes
// two objects that go at the same time see each other.
func (r *reports) statementGone(ctx context.Context, s *session, ack *agentv1.Ack) ([]store.Cond, []store.Op, error) {
	claim, err := r.claim(ctx, &report{session: s, ref: ack.GetRef()})
	if err != nil || claim == nil || claim.GetOwnerUid() != ack.GetOwnerUid() {
		return nil, nil, err
	}
	if claim.GetCollection() != state.CollectionStatements && claim.GetCollection() != state.CollectionStatementClusters {
		return nil, nil, nil
	}
	st := r.fleet.State
	record, ok := st.Statements.Cached(claim.GetKey())
	env, known := st.Environments.Cached(store.Segments(claim.GetKey())[0])
	if !ok || !known || !record.Value.GetDeleting() {
		return nil, nil, nil
	}
	refs := render.StatementRefs(env.Value, record.Value)
	for _, ref := range refs {
		if objectOf(ref) == objectOf(ack.GetRef()) {
			continue
		}
		key := state.TombstoneKey(s.cluster, ref.GetNamespace(), ref.GetKind(), ref.GetName(), ack.GetOwnerUid())
		if other, waiting := st.Tombstones.Cached(key); waiting {
			return []store.Cond{st.Tombstones.Unchanged(key, other.Revision)}, nil, nil
		}
	}
	return nil, st.DropStatement(s.cluster, refs, record), nil
}
