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
	return render.Statement(env, record.Value)
}

// storeStatement stores what is new of a statement: its status, the phase that
// follows, and its job's exceptions.
func (r *reports) storeStatement(ctx context.Context, next *report, claim *storev1.ClaimRecord) error {
	st := r.fleet.State
	return storeObject(ctx, r, next, claim, st.Statements, st.StatementStatus,
		func(record *storev1.StatementRecord) string { return record.GetStatement().GetMetadata().GetUid() },
		func(record *storev1.StatementRecord, before, after *storev1.StatusRecord) []store.Op {
			rules.ConcludePhase(record, before, after, observed(next, claim.GetOwnerUid()))
			return st.AppendExceptions(claim.GetKey(), exceptions(next, claim.GetOwnerUid(), before, after)...)
		})
}

// observed tells whether a report has a status of the object as it now is: the
// operator's lags behind the specification.
func observed(next *report, owner string) bool {
	report := next.status
	if report.GetOwnerUid() != owner {
		return false
	}
	status, err := rules.ParseText(report.GetStatus())
	return err == nil && rules.Integer(status, "observedGeneration") >= report.GetObjectGeneration()
}

// exceptions are those that a report tells of: the job's, which the operator
// tells as events, and what the operator itself failed with.
func exceptions(next *report, owner string, before, after *storev1.StatusRecord) []state.Exception {
	var out []state.Exception
	for _, event := range next.events {
		if event.GetOwnerUid() == owner && strings.EqualFold(event.GetReason(), "JobException") {
			out = append(out, state.Exception{
				ID: event.GetId(), Class: classOf(event.GetMessage()), Message: event.GetMessage(), At: event.GetTime().AsTime(),
			})
		}
	}
	if failure := after.GetError(); failure != "" && failure != before.GetError() {
		status, _ := rules.ParseText(after.GetStatus())
		text := rules.String(status, "error")
		class := classOf(failure)
		if told, err := rules.ParseText(text); err == nil && rules.String(told, "type") != "" {
			class = rules.String(told, "type")
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

// statementGone is what goes with the tombstone of a statement that was
// deleted: its record and what hangs on it.
func (r *reports) statementGone(ctx context.Context, s *session, ack *agentv1.Ack) ([]store.Op, error) {
	if kind := ack.GetRef().GetKind(); kind != render.KindDeployment && kind != render.KindSessionJob {
		return nil, nil
	}
	claim, err := r.claim(ctx, &report{session: s, ref: ack.GetRef()})
	if err != nil || claim == nil || claim.GetOwnerUid() != ack.GetOwnerUid() || claim.GetCollection() != state.CollectionStatements {
		return nil, err
	}
	record, ok := r.fleet.State.Statements.Cached(claim.GetKey())
	if !ok || !record.Value.GetDeleting() {
		return nil, nil
	}
	return r.fleet.State.DropStatement(s.cluster, ack.GetRef(), record), nil
}
