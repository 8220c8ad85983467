package fleet

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/rules"
	"github.com/openweir/weir/control/state"
	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

// storeDeletion drops the tombstone of an object that is gone.
func (r *reports) storeDeletion(ctx context.Context, s *session, ack *agentv1.Ack) error {
	st, ref := r.fleet.State, ack.GetRef()
	key := state.TombstoneKey(s.cluster, ref.GetNamespace(), ref.GetKind(), ref.GetName(), ack.GetOwnerUid())
	if _, ok := st.Tombstones.Cached(key); !ok {
		return nil
	}
	ops, err := r.savepointGone(ctx, s, ack)
	if err != nil {
		return err
	}
	conds, statement, err := r.statementGone(ctx, s, ack)
	if err != nil {
		return err
	}
	ops = append(ops, statement...)
	_, err = st.Store.Commit(ctx, append(conds, st.Sessions.HeldBy(s.cluster, s.lease)), append(ops, st.Tombstones.Remove(key)))
	if err != nil {
		return fmt.Errorf("drop tombstone %s: %w", key, err)
	}
	return nil
}

// claim says which resource a reported object belongs to; nil where none does,
// or where the object is a leftover of a resource that is gone.
func (r *reports) claim(ctx context.Context, next *report) (*storev1.ClaimRecord, error) {
	ref := next.ref
	key := state.ClaimKey(next.session.cluster, ref.GetNamespace(), ref.GetKind(), ref.GetName())
	// The read waits until the caches have what the report before this one wrote.
	claim, err := r.fleet.State.Claims.Get(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read claim %s: %w", key, err)
	}
	return claim.Value, nil
}

// storeApplication stores what is new of an application in one transaction:
// its status, its current instance's job, and the events that follow.
func (r *reports) storeApplication(ctx context.Context, next *report, claim *storev1.ClaimRecord) error {
	st, key := r.fleet.State, claim.GetKey()
	record, ok := st.Applications.Cached(key)
	if !ok {
		return nil // deleted meanwhile
	}
	if record.Value.GetApplication().GetMetadata().GetUid() != claim.GetOwnerUid() {
		// Deleted and created again since the claim was read.
		return fmt.Errorf("store report on application %s: %w", key, store.ErrConflict)
	}
	before, known := st.ApplicationStatus.Cached(key)
	if before.Value.GetOwnerUid() != claim.GetOwnerUid() {
		before.Value = nil
	}
	seen := observe(record.Value, before.Value, next, claim.GetOwnerUid())

	conds := []store.Cond{
		st.Sessions.HeldBy(next.session.cluster, next.session.lease),
		st.Applications.Unchanged(key, record.Revision),
	}
	var ops []store.Op
	if !tellsNothing(before.Value, seen.status) {
		seen.status.UpdateTime = state.Now()
		ops = append(ops, st.ApplicationStatus.Put(key, seen.status))
	}
	if known {
		conds = append(conds, st.ApplicationStatus.Unchanged(key, before.Revision))
	} else {
		conds = append(conds, st.ApplicationStatus.Absent(key))
	}
	if seen.job != nil {
		ops = append(ops, r.instanceOps(store.Join(key, record.Value.GetInstance()), seen.job)...)
	}
	ops = append(ops, st.AppendEvents(key, seen.events...)...)
	if len(ops) == 0 {
		return nil
	}
	if _, err := st.Store.Commit(ctx, conds, ops); err != nil {
		return fmt.Errorf("store report on application %s: %w", key, err)
	}
	return nil
}

// tellsNothing tells whether a status says nothing that the one before it, which
// may be nil, does not: that an object was applied goes without saying.
func tellsNothing(before, after *storev1.StatusRecord) bool {
	if before == nil {
		before = &storev1.StatusRecord{OwnerUid: after.GetOwnerUid()}
	}
	return proto.Equal(before, after)
}

// instanceOps records the job of an instance if it differs from what is known.
func (r *reports) instanceOps(key string, job *cmfv1.InstanceJobStatus) []store.Op {
	instance, ok := r.fleet.State.Instances.Cached(key)
	if !ok || proto.Equal(instance.Value.GetStatus().GetJobStatus(), job) {
		return nil
	}
	after := clone(instance.Value)
	after.Status.JobStatus = job
	after.Metadata.UpdateTimestamp = state.Now()
	return []store.Op{r.fleet.State.Instances.Put(key, after)}
}

// observation is what follows from a report.
type observation struct {
	status *storev1.StatusRecord
	// job is that of the current instance; nil where the report is not about it.
	job    *cmfv1.InstanceJobStatus
	events []*cmfv1.FlinkApplicationEvent
}

// observe works out what a report changes. It compares levels, so that a report
// that is repeated or that skips states gives no event twice.
func observe(record *storev1.ApplicationRecord, before *storev1.StatusRecord, next *report, owner string) observation {
	out := observation{status: &storev1.StatusRecord{OwnerUid: owner}}
	if before != nil {
		out.status = clone(before)
	}
	instance := record.GetInstance()
	if status := next.status; status.GetOwnerUid() == owner && status.GetGeneration() >= before.GetGeneration() {
		out.observeStatus(record, before, status)
	}
	if ack := next.acks[owner]; ack != nil && ack.GetOutcome() != agentv1.Outcome_OUTCOME_DELETED {
		out.status.Problem = problemOf(ack)
		if p := out.status.GetProblem(); p != nil && !proto.Equal(p, before.GetProblem()) {
			out.events = append(out.events, state.NewEvent(state.EventWarning, instance, p.GetReason()+": "+p.GetMessage()))
		}
	}
	for _, event := range next.events {
		if event.GetOwnerUid() == owner {
			out.events = append(out.events, reportedEvents(event, instance)...)
		}
	}
	return out
}

func (o *observation) observeStatus(record *storev1.ApplicationRecord, before *storev1.StatusRecord, report *agentv1.StatusReport) {
	parsed, err := openjson.ParseText(report.GetStatus())
	if err != nil {
		return // an agent that sends no JSON has nothing to say
	}
	normal := rules.NormalStatus(parsed)
	status, instance := o.status, record.GetInstance()
	status.Status = openjson.Text(normal)
	status.Generation = report.GetGeneration()
	status.LifecycleState = openjson.String(normal, "lifecycleState")
	status.JobState = openjson.String(normal, "jobStatus", "state")
	status.JobId = openjson.String(normal, "jobStatus", "jobId")
	status.Error = rules.OperatorError(openjson.String(normal, "error"))

	if s := status.GetLifecycleState(); s != "" && s != before.GetLifecycleState() {
		o.events = append(o.events, state.NewStatusEvent(state.EventClusterStatus, instance, "Cluster status changed to "+s+".", s))
	}
	if s := status.GetJobState(); s != before.GetJobState() && (s != contract.StateReconciling || before.GetJobState() != "") {
		o.events = append(o.events, state.NewStatusEvent(state.EventJobStatus, instance, "Job status changed to "+s+".", s))
	}
	if e := status.GetError(); e != "" && e != before.GetError() {
		o.events = append(o.events, state.NewEvent(state.EventWarning, instance, "The Flink operator reports: "+e))
	}
	// The operator's status lags behind the specification: until it has
	// observed the object's newest generation, it tells of the run before.
	current := report.GetGeneration() == record.GetGeneration() &&
		openjson.Int64(normal, "observedGeneration") >= report.GetObjectGeneration()
	if current && instance != "" {
		o.job = &cmfv1.InstanceJobStatus{JobId: status.GetJobId(), State: status.GetJobState()}
	}
}

func problemOf(ack *agentv1.Ack) *storev1.Problem {
	switch ack.GetOutcome() {
	case agentv1.Outcome_OUTCOME_REFUSED:
		return &storev1.Problem{Reason: ack.GetReason(), Message: ack.GetMessage()}
	case agentv1.Outcome_OUTCOME_RETRYING:
		return &storev1.Problem{Reason: ack.GetReason(), Message: ack.GetMessage(), Retrying: true}
	default:
		return nil
	}
}

// reportedEvents are the events of an application that follow from one that an
// agent reported. Changes of the job's state are left out: the status tells
// them.
func reportedEvents(event *agentv1.EventReport, instance string) []*cmfv1.FlinkApplicationEvent {
	text := event.GetMessage()
	if event.GetReason() != "" {
		text = event.GetReason() + ": " + text
	}
	kind := state.EventKubernetes
	switch {
	case event.GetSource() == agentv1.EventSource_EVENT_SOURCE_DRIFT:
		kind = state.EventDrift
	case strings.EqualFold(event.GetReason(), "JobException"):
		kind = state.EventJobException
		text = event.GetMessage()
	case event.GetReason() == "JobStatusChanged":
		return nil
	}
	at := time.Now()
	if event.GetTime() != nil {
		at = event.GetTime().AsTime()
	}
	out := state.ReportedEvent(event.GetId(), kind, instance, text, at)
	if kind == state.EventJobException {
		out.Status.Message, _, _ = strings.Cut(text, "\n")
		out.Status.Data = &cmfv1.EventData{Data: &cmfv1.EventData_ExceptionString{ExceptionString: text}}
	}
	return []*cmfv1.FlinkApplicationEvent{out}
}
