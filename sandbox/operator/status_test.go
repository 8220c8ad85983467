package operator

import (
	"testing"

	"github.com/openweir/weir/flink"
)

func TestLifecycleIsComputed(t *testing.T) {
	running := parse(t, `{job: {}}`).record(1, false)
	other := parse(t, `{image: other, job: {}}`).record(1, false)
	stopped := parse(t, `{job: {state: suspended}}`).record(1, false)
	deployed := func(reconciled, stable string) reconciliationStatus {
		return reconciliationStatus{State: flink.ReconciliationDeployed, LastReconciledSpec: reconciled, LastStableSpec: stable}
	}
	tests := map[string]struct {
		status  commonStatus
		manager string
		want    string
	}{
		"deletion sticks":               {status: commonStatus{LifecycleState: "DELETING", Error: "e"}, want: "DELETING"},
		"never deployed":                {status: commonStatus{}, want: "CREATED"},
		"never deployed, with an error": {status: commonStatus{Error: "e"}, want: "FAILED"},
		"upgrading": {
			status: commonStatus{ReconciliationStatus: reconciliationStatus{State: flink.ReconciliationUpgrading, LastReconciledSpec: stopped}},
			want:   "UPGRADING",
		},
		"suspended": {status: commonStatus{ReconciliationStatus: deployed(stopped, stopped)}, want: "SUSPENDED"},
		"a failed job": {
			status: commonStatus{JobStatus: jobStatus{State: flink.JobFailed}, ReconciliationStatus: deployed(running, running)}, want: "FAILED",
		},
		"a JobManager that needs a manual restore": {
			status:  commonStatus{Error: "Manual restore required", ReconciliationStatus: deployed(running, running)},
			manager: flink.JobManagerMissing, want: "FAILED",
		},
		"a JobManager in error": {
			status: commonStatus{Error: "ImagePullBackOff", ReconciliationStatus: deployed(running, "")}, manager: flink.JobManagerError, want: "DEPLOYED",
		},
		"seen to run": {status: commonStatus{ReconciliationStatus: deployed(running, running)}, want: "STABLE"},
		"a finished job": {
			status: commonStatus{JobStatus: jobStatus{State: flink.JobFinished}, ReconciliationStatus: deployed(running, running)}, want: "STABLE",
		},
		"not seen to run yet": {status: commonStatus{ReconciliationStatus: deployed(running, other)}, want: "DEPLOYED"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := test.status.lifecycle(test.manager); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
