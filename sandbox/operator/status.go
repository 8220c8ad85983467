package operator

import (
	"strings"

	"github.com/openweir/weir/flink"
)

// jobStatus is status.jobStatus. Times are epoch milliseconds, in strings.
type jobStatus struct {
	JobID                string `json:"jobId,omitempty"`
	JobName              string `json:"jobName,omitempty"`
	State                string `json:"state,omitempty"`
	StartTime            string `json:"startTime,omitempty"`
	UpdateTime           string `json:"updateTime,omitempty"`
	UpgradeSavepointPath string `json:"upgradeSavepointPath,omitempty"`
}

// reconciliationStatus is status.reconciliationStatus. The specs are JSON in
// strings; see recordedSpec.
type reconciliationStatus struct {
	ReconciliationTimestamp int64  `json:"reconciliationTimestamp"`
	LastReconciledSpec      string `json:"lastReconciledSpec,omitempty"`
	LastStableSpec          string `json:"lastStableSpec,omitempty"`
	State                   string `json:"state,omitempty"`
}

// commonStatus is what deployments and session jobs both report.
type commonStatus struct {
	LifecycleState       string               `json:"lifecycleState,omitempty"`
	JobStatus            jobStatus            `json:"jobStatus"`
	ReconciliationStatus reconciliationStatus `json:"reconciliationStatus"`
	ObservedGeneration   *int64               `json:"observedGeneration,omitempty"`
	Error                string               `json:"error,omitempty"`
}

// deploymentStatus is the status of a FlinkDeployment.
type deploymentStatus struct {
	commonStatus
	JobManagerDeploymentStatus string            `json:"jobManagerDeploymentStatus,omitempty"`
	ClusterInfo                map[string]string `json:"clusterInfo,omitempty"`
	TaskManager                *taskManager      `json:"taskManager,omitempty"`
	Conditions                 []condition       `json:"conditions,omitempty"`
}

// taskManager is status.taskManager, of use to autoscalers.
type taskManager struct {
	LabelSelector string `json:"labelSelector"`
	Replicas      int64  `json:"replicas"`
}

// condition is one of status.conditions; the operator knows the type Running.
type condition struct {
	Type               string `json:"type"`
	Status             string `json:"status"`
	Reason             string `json:"reason"`
	Message            string `json:"message,omitempty"`
	LastTransitionTime string `json:"lastTransitionTime"`
}

// lifecycle computes status.lifecycleState from the rest of the status, in the
// operator's order of precedence. manager is the JobManager's status; a session
// job has none.
func (s *commonStatus) lifecycle(manager string) string {
	recorded := s.ReconciliationStatus
	reconciled := readRecorded(recorded.LastReconciledSpec)
	switch {
	case s.LifecycleState == flink.LifecycleDeleting:
		return flink.LifecycleDeleting
	case reconciled == nil && s.Error != "":
		return flink.LifecycleFailed
	case reconciled == nil:
		return flink.LifecycleCreated
	case recorded.State == flink.ReconciliationUpgrading:
		return flink.LifecycleUpgrading
	case reconciled.suspended():
		return flink.LifecycleSuspended
	case s.JobStatus.State == flink.JobFailed:
		return flink.LifecycleFailed
	case (manager == flink.JobManagerMissing || manager == flink.JobManagerError) && strings.Contains(s.Error, flink.ManualRestoreRequired):
		return flink.LifecycleFailed
	case recorded.LastReconciledSpec == recorded.LastStableSpec:
		return flink.LifecycleStable
	}
	return flink.LifecycleDeployed
}
