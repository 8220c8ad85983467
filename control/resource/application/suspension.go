package application

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/flinkspec"
	"github.com/openweir/weir/flink"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

// The operator keeps the path of the savepoint that it stopped a job with in the
// status of the FlinkDeployment, and may lose it. Therefore Weir keeps the path as
// well. An application that is started after it was suspended carries it as
// job.initialSavepointPath, which the operator passes over as long as it knows better.
// If the job starts from something else all the same, it is redeployed.

// suspensionAfter is the suspension of the record that follows before. explicit is
// set if the user says what the job starts from.
func suspensionAfter(before, after *storev1.ApplicationRecord, old, spec, effective openjson.Object, explicit bool) *storev1.Suspension {
	last := before.GetSuspension()
	suspended := flinkspec.DesiredState(spec) == flink.Suspended
	switch {
	case explicit:
		return nil
	case suspended && flinkspec.DesiredState(old) != flink.Suspended && flink.UpgradeMode(effective) == flink.UpgradeStateless:
		return nil
	case suspended && flinkspec.DesiredState(old) != flink.Suspended && before.GetInstance() != "":
		return &storev1.Suspension{Generation: after.GetGeneration()}
	case suspended, after.GetInstance() == before.GetInstance(), last == nil:
		return last
	case last.GetInstance() != "", flink.UpgradeMode(effective) == flink.UpgradeStateless:
		return nil
	}
	next := proto.CloneOf(last)
	next.Instance = after.GetInstance()
	return next
}

// setInitialSavepoint lets the specification of an application that was suspended
// name the savepoint that was taken.
func setInitialSavepoint(effective openjson.Object, record *storev1.ApplicationRecord) {
	if s := record.GetSuspension(); s.GetSavepoint() != "" && s.GetInstance() == record.GetInstance() {
		openjson.Set(effective, s.GetSavepoint(), "job", "initialSavepointPath")
	}
}

// followSuspension returns what the record of an application becomes by a status, nil
// if it stays the same, and the event of it, if there is one.
func followSuspension(record *storev1.ApplicationRecord, report *agentv1.StatusReport, status openjson.Object, next int64) (*storev1.ApplicationRecord, *cmfv1.FlinkApplicationEvent) {
	s := record.GetSuspension()
	if s == nil || s.GetResumed() || status == nil || report.GetDeleting() || report.GetGeneration() > record.GetGeneration() {
		return nil, nil
	}
	after := proto.CloneOf(record)
	if s.GetSavepoint() == "" {
		path := savepointOfSuspended(s, report, status)
		if path == "" {
			return nil, nil
		}
		after.Suspension.Savepoint, after.Suspension.JobId = path, openjson.String(status, "jobStatus", "jobId")
		if s.GetInstance() != "" {
			after.Generation = next // the application is started already, and carries it from now on
		}
		return after, nil
	}
	switch resumedFrom(record, report, status) {
	case resumedFromSavepoint:
		after.Suspension.Resumed = true
		return after, nil
	case resumedFromOther:
		after.Suspension.Resumed = true
		after.Generation = next
		spec, _ := openjson.Parse(record.GetApplication().GetSpec())
		after.Start = withNonce(&storev1.SavepointStart{Path: s.GetSavepoint()}, after.GetGeneration(), ownNonce(spec), record.GetStart().GetNonce())
		return after, NewEvent(EventWarning, record.GetInstance(), fmt.Sprintf(
			"The Flink operator has lost the savepoint that the job was suspended with. The job is started again from %s.", s.GetSavepoint()))
	}
	return nil, nil
}

// savepointOfSuspended is the savepoint that the operator has stopped a job with, once
// it has stored that the job is suspended. It is empty if the operator has not, or has
// stopped the job otherwise.
func savepointOfSuspended(s *storev1.Suspension, report *agentv1.StatusReport, status openjson.Object) string {
	mode := flink.UpgradeMode(flink.RecordedSpec(openjson.String(status, "reconciliationStatus", "lastReconciledSpec")))
	if report.GetGeneration() < s.GetGeneration() || !isObserved(report, status) ||
		openjson.String(status, "lifecycleState") != flink.LifecycleSuspended || mode != flink.UpgradeSavepoint {
		return ""
	}
	if path := openjson.String(status, "jobStatus", "upgradeSavepointPath"); path != flink.LastStatePath {
		return path
	}
	return ""
}

// resumption is what a status says about the start of a job that was suspended.
type resumption int

const (
	resumptionUnknown resumption = iota
	resumedFromSavepoint
	resumedFromOther
)

// resumedFrom compares what a job was started from with the savepoint of the
// suspension. It draws a conclusion only from the status of a job that has not ended,
// since the operator replaces the path by that of the last checkpoint then.
func resumedFrom(record *storev1.ApplicationRecord, report *agentv1.StatusReport, status openjson.Object) resumption {
	s := record.GetSuspension()
	if s.GetInstance() != record.GetInstance() || report.GetGeneration() != record.GetGeneration() {
		return resumptionUnknown
	}
	if strings.Contains(openjson.String(status, "error"), flink.ManualRestoreRequired) {
		return resumedFromOther
	}
	job, path := openjson.String(status, "jobStatus", "jobId"), openjson.String(status, "jobStatus", "upgradeSavepointPath")
	if !isObserved(report, status) || job == "" || job == s.GetJobId() || flink.IsTerminal(openjson.String(status, "jobStatus", "state")) {
		return resumptionUnknown
	}
	switch {
	case path == s.GetSavepoint():
		return resumedFromSavepoint
	case path == flink.LastStatePath, isCheckpoint(path) && !strings.Contains(path, s.GetJobId()):
		return resumptionUnknown // the new job has been recovered since
	}
	return resumedFromOther
}

// isCheckpoint reports whether a path is of a checkpoint, which contains the id of its
// job.
func isCheckpoint(path string) bool { return strings.Contains(path, "/chk-") }

// isObserved reports whether the operator's status is about the newest specification
// of the object.
func isObserved(report *agentv1.StatusReport, status openjson.Object) bool {
	return openjson.Int64(status, "observedGeneration") >= report.GetObjectGeneration()
}
