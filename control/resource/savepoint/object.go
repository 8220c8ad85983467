package savepoint

import (
	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/manifest"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

// objectName is what claims call savepoints by.
const objectName = "savepoints"

// A savepoint is deleted in two steps, since the operator disposes of its files
// only if the object says so when it is deleted: first the object is changed to
// say so, and once the agent has applied that, it is deleted. The record goes
// with the tombstone.

func (s *Savepoints) object() *resource.Object {
	return &resource.Object{
		Name:      objectName,
		Resources: s.Records.Scope(""),
		Render:    s.render,
		// Once a savepoint is complete, its object says where the files are.
		Depends: []resource.Dependency{{
			Scope: s.status.Scope(""),
			Keys:  func(_ store.Reader, key string) []string { return []string{key} },
		}},
		Store: resource.Reported(s.Records, s.status, func(record *storev1.SavepointRecord) string { return metadataOf(record).GetUid() }, s.observe),
		Status: func(at store.Reader, key string) *storev1.StatusRecord {
			return s.status.In(at).Get(key).Message()
		},
		Gone: s.gone,
	}
}

func (s *Savepoints) render(at store.Reader, env *store.Object[*cmfv1.Environment], key string) (*agentv1.Apply, error) {
	savepoint, ok := s.Kind.Item(at, key)
	if !ok {
		return nil, nil
	}
	uid := metadataOf(savepoint.Value()).GetUid()
	if s.ownership.Removing(at, env.Value().GetKubernetesClusterName(), manifest.SnapshotRef(env.Value(), uid), uid) {
		return nil, nil
	}
	return render(env.Value(), savepoint.Value(), statusOf(savepoint.Value(), savepoint.Reported()))
}

// render makes the FlinkStateSnapshot of a savepoint. The operator would dispose
// of the files whenever the object is deleted, by whomever, also with its whole
// namespace; so the object says that it may only when a user deletes the
// savepoint. That of a complete one says where the files are, so that it triggers
// no other one should it ever be created again.
func render(env *cmfv1.Environment, record *storev1.SavepointRecord, status *cmfv1.SavepointStatus) (*agentv1.Apply, error) {
	metadata, spec := metadataOf(record), record.GetSavepoint().GetSpec()
	savepoint := openjson.Object{
		"formatType":      spec.GetFormatType(),
		"disposeOnDelete": record.GetDeleting(),
		"alreadyExists":   false,
	}
	if spec.GetPath() != "" {
		savepoint["path"] = spec.GetPath()
	}
	if status.GetState() == contract.SavepointCompleted && status.GetPath() != "" {
		savepoint["path"], savepoint["alreadyExists"] = status.GetPath(), true
	}
	ref := manifest.SnapshotRef(env, metadata.GetUid())
	return manifest.Object(ref, metadata.GetUid(), record.GetGeneration(), manifest.Labels(env, nil), nil, openjson.Object{
		"backoffLimit": spec.GetBackoffLimit(),
		"jobReference": openjson.Object{"kind": record.GetJobKind(), "name": record.GetJobName()},
		"savepoint":    savepoint,
	}), nil
}

// observe is the status of a savepoint after a report. It has the object of a
// deleted one removed once the object says that its files are to be disposed of.
func (s *Savepoints) observe(
	tx *store.Tx, record *store.Object[*storev1.SavepointRecord], before *storev1.StatusRecord, report resource.Report,
) (*storev1.StatusRecord, error) {
	after := resource.CopyStatus(before, report.Owner)
	if report.Status != nil {
		after.Status, after.Generation = report.Status.GetStatus(), report.Status.GetGeneration()
	}
	if report.Ack != nil && report.Ack.GetOutcome() != agentv1.Outcome_OUTCOME_DELETED {
		after.Problem = resource.ProblemOf(report.Ack)
	}
	if record.Value().GetDeleting() &&
		report.Ack.GetOutcome() == agentv1.Outcome_OUTCOME_APPLIED && report.Ack.GetGeneration() >= record.Value().GetGeneration() &&
		!s.ownership.Removing(tx, report.Cluster, report.Ref, report.Owner) {
		s.ownership.Remove(tx, report.Cluster, report.Ref, report.Owner, false)
	}
	return after, nil
}

// gone ends a savepoint whose object the agent has deleted.
func (s *Savepoints) gone(tx *store.Tx, cluster string, ref *agentv1.ObjectRef, claim *storev1.ClaimRecord) error {
	s.Records.Delete(tx, claim.GetKey())
	s.status.Delete(tx, claim.GetKey())
	s.ownership.Unclaim(tx, cluster, ref)
	return nil
}
