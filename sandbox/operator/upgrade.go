package operator

import (
	"context"
	"strings"

	"github.com/openweir/weir/flink"
)

// change works on what the user changed. It returns false where there is
// nothing to do about it now, and the job in force goes on.
func (m *machine) change(ctx context.Context) bool {
	recorded := &m.status.ReconciliationStatus
	upgrading := recorded.State == flink.ReconciliationUpgrading
	observed := m.status.ObservedGeneration
	if !upgrading && observed != nil && *observed == m.generation {
		return false
	}
	reconciled := readRecorded(recorded.LastReconciledSpec)
	desired := m.spec
	if err := m.acceptable(reconciled); err != nil {
		m.fail("org.apache.flink.kubernetes.operator.exception.ValidationException", err.Error(),
			event{component: componentOperator, kind: warning, reason: "ValidationError"})
		if !upgrading || reconciled == nil {
			return false
		}
		// The spec before goes on, in the middle of its upgrade.
		desired = reconciled.with("state", flink.Running)
		m.refused = true
	}
	switch {
	case reconciled == nil:
		m.first(desired)
	case upgrading && desired.suspended():
		m.recordSuspended(desired, reconciled.upgradeMode())
	case upgrading:
		m.deploy(desired, reconciled)
	default:
		return m.upgrade(ctx, desired, reconciled)
	}
	return true
}

func (m *machine) acceptable(reconciled spec) error {
	if err := m.refuse(); err != nil {
		return err
	}
	return m.validate(reconciled)
}

// first prepares the first deployment. A job that is created suspended is not
// recorded at all until it is to run.
func (m *machine) first(desired spec) {
	m.status.Error = ""
	if desired.suspended() || m.waitsForCluster() {
		return
	}
	mode := flink.UpgradeStateless
	if desired.text("job", "initialSavepointPath") != "" {
		mode = flink.UpgradeSavepoint
	}
	m.begin(desired, mode, true)
}

// waitsForCluster tells whether this is a session job whose cluster cannot take
// it yet. The cluster's changes wake it.
func (m *machine) waitsForCluster() bool { return m.manager == nil && !m.clusterReady }

// begin records that the job is stopped and another is about to be started. From
// then on, the generation counts as observed, although the rest of the status is of
// the job before.
func (m *machine) begin(stopped spec, mode string, first bool) {
	recorded := &m.status.ReconciliationStatus
	recorded.State = flink.ReconciliationUpgrading
	recorded.ReconciliationTimestamp = m.now.UnixMilli()
	recorded.LastReconciledSpec = stopped.with("state", flink.Suspended).with("upgradeMode", mode).record(m.generation, first)
	if !first && !m.refused {
		generation := m.generation
		m.status.ObservedGeneration = &generation
	}
	m.out.wait = m.pace
}

// settle records the spec that is in force from now on.
func (m *machine) settle(desired spec, first bool) {
	recorded := &m.status.ReconciliationStatus
	recorded.State = flink.ReconciliationDeployed
	recorded.ReconciliationTimestamp = m.now.UnixMilli()
	recorded.LastReconciledSpec = desired.record(m.generation, first)
	if !m.refused {
		generation := m.generation
		m.status.ObservedGeneration = &generation
	}
}

// recordSuspended records a spec that is not to run. mode is how the job was
// stopped, which decides how it will be resumed.
func (m *machine) recordSuspended(desired spec, mode string) {
	m.settle(desired.with("upgradeMode", mode), false)
	m.markStable()
}

// upgrade compares the spec in force with the desired one and does what the
// difference asks for.
func (m *machine) upgrade(ctx context.Context, desired, reconciled spec) bool {
	kind, diff := compare(reconciled, desired)
	stable := m.status.ReconciliationStatus.LastStableSpec == m.status.ReconciliationStatus.LastReconciledSpec
	suspended := reconciled.suspended()
	announce := func() {
		m.tell(componentOperator, normal, "SpecChanged", kind.String()+" change(s) detected (Diff: "+diff+"), starting reconciliation")
	}
	switch {
	case kind <= flink.ChangeScale:
		if kind == flink.ChangeScale {
			m.tell(componentOperator, normal, "Scaling", "Scaling in place (Diff: "+diff+")")
		}
		if suspended {
			desired = desired.with("upgradeMode", reconciled.upgradeMode())
		}
		m.settle(desired, false)
		if stable {
			m.markStable()
		}
		return false
	case suspended:
		announce()
		m.upgradeSuspended(kind, desired, reconciled)
	default:
		mode, ok := m.stop(ctx, kind, desired, reconciled)
		if !ok {
			return true
		}
		announce()
		m.status.Error = ""
		if desired.suspended() {
			m.recordSuspended(desired, mode)
		} else {
			m.begin(reconciled, mode, false)
		}
	}
	return true
}

// upgradeSuspended changes the spec of a job that does not run, or resumes it.
func (m *machine) upgradeSuspended(kind flink.Change, desired, reconciled spec) {
	mode := reconciled.upgradeMode()
	switch {
	case !desired.suspended():
		m.begin(reconciled, mode, false)
	case kind == flink.ChangeRedeploy:
		m.status.JobStatus.UpgradeSavepointPath = desired.text("job", "initialSavepointPath")
		m.recordSuspended(desired, flink.UpgradeSavepoint)
	default:
		m.recordSuspended(desired, mode)
	}
}

// stop stops the job in the way that its upgrade mode says, and returns the
// mode that was really used. It returns false where it could not.
func (m *machine) stop(ctx context.Context, kind flink.Change, desired, reconciled spec) (string, bool) {
	if reconciled.job() == nil {
		m.suspended(ctx, flink.JobManagerMissing)
		return "", true
	}
	running := m.status.JobStatus.State == flink.JobRunning
	mode := desired.upgradeMode()
	otherVersion := desired.text("flinkVersion") != reconciled.text("flinkVersion")
	switch {
	case kind == flink.ChangeRedeploy:
		mode = flink.UpgradeStateless
	case mode == flink.UpgradeLastState && otherVersion && running:
		mode = flink.UpgradeSavepoint
	case mode == flink.UpgradeSavepoint && !running:
		if strings.EqualFold(reconciled.config()["kubernetes.operator.job.upgrade.last-state-fallback.enabled"], "false") {
			m.out.wait = m.slow()
			return "", false
		}
		mode = flink.UpgradeLastState
	}
	switch mode {
	case flink.UpgradeSavepoint:
		return mode, m.stopWithSavepoint(ctx, reconciled)
	case flink.UpgradeLastState:
		return m.stopWithLastState(ctx, reconciled, otherVersion), true
	}
	m.status.JobStatus.UpgradeSavepointPath = ""
	m.suspended(ctx, flink.JobManagerMissing)
	return flink.UpgradeStateless, true
}

// stopWithSavepoint leaves the JobManager there, as Flink does. It returns
// false until there is a savepoint.
func (m *machine) stopWithSavepoint(ctx context.Context, reconciled spec) bool {
	path, err := m.engine.savepoint(ctx, m, reconciled)
	switch {
	case err != nil:
		m.fail("org.apache.flink.kubernetes.operator.exception.UpgradeFailureException", err.Error(),
			event{component: componentOperator, kind: warning, reason: "SavepointError"})
		m.out.wait = m.slow()
		return false
	case path == "":
		m.out.wait = m.pace
		return false
	}
	m.status.JobStatus.UpgradeSavepointPath = path
	m.out.savepoint = &takenSavepoint{path: path, format: m.engine.format(reconciled), at: m.now}
	m.suspended(ctx, flink.JobManagerReady)
	return true
}

// stopWithLastState stops the job as it is, and returns the mode that says
// where it goes on from.
func (m *machine) stopWithLastState(ctx context.Context, reconciled spec, otherVersion bool) string {
	job := &m.status.JobStatus
	if state := m.engine.checkpoint(ctx, m, reconciled, otherVersion); state != "" {
		job.UpgradeSavepointPath = state
	}
	m.suspended(ctx, flink.JobManagerMissing)
	// Without a path it never had state to lose.
	return restoreMode(job.UpgradeSavepointPath)
}

// suspended notes that the job, or the session cluster, is stopped.
func (m *machine) suspended(ctx context.Context, manager string) {
	m.tell(componentJobManager, normal, "Suspended", "Suspending existing deployment")
	m.setManager(manager)
	if m.spec.job() != nil {
		m.setJob(flink.JobFinished)
	}
	m.engine.stop(ctx, m)
}

// deploy starts the job, from what the stop left or the user names.
func (m *machine) deploy(desired, stopped spec) {
	if m.waitsForCluster() {
		return
	}
	first := m.status.ObservedGeneration == nil
	kind, _ := compare(stopped, desired)
	redeploy := kind == flink.ChangeRedeploy
	job := &m.status.JobStatus
	if desired.job() != nil {
		switch {
		case first || redeploy:
			job.UpgradeSavepointPath = desired.text("job", "initialSavepointPath")
		case desired.upgradeMode() == flink.UpgradeStateless || stopped.upgradeMode() == flink.UpgradeStateless:
			job.UpgradeSavepointPath = ""
		}
		desired = desired.with("upgradeMode", restoreMode(job.UpgradeSavepointPath))
		// Jobs that go on by the metadata of high availability keep their id.
		if job.JobID == "" || job.UpgradeSavepointPath != flink.LastStatePath {
			job.JobID = randomHex(16)
		}
		job.StartTime = ""
		m.setJob(flink.JobReconciling)
	}
	delete(m.memory, restartsKey)
	m.settle(desired, first)
	m.setManager(flink.JobManagerDeploying)
	if redeploy {
		m.markStable()
	}
	m.tell(componentJobManager, normal, "Submit", "Starting deployment")
	m.out.wait = m.pace
}

// restoreMode is the upgrade mode that describes where a job restores from.
func restoreMode(path string) string {
	switch path {
	case "":
		return flink.UpgradeStateless
	case flink.LastStatePath:
		return flink.UpgradeLastState
	}
	return flink.UpgradeSavepoint
}
