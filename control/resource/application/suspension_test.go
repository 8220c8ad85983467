package application

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/testing/protocmp"

	"github.com/google/go-cmp/cmp"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

const (
	savepointPath = "s3://savepoints/savepoint-aaaaaa-1"
	stoppedJob    = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	startedJob    = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

// deploymentStatus is a status of the operator, which has recorded a specification
// with that state and upgrade mode.
func deploymentStatus(observed int, lifecycle, job, state, path, recordedState, recordedMode string) string {
	return fmt.Sprintf(`{"observedGeneration":%d,"lifecycleState":%q,"jobStatus":{"jobId":%q,"state":%q,"upgradeSavepointPath":%q},`+
		`"reconciliationStatus":{"lastReconciledSpec":"{\"spec\":{\"job\":{\"state\":\"%s\",\"upgradeMode\":\"%s\"}}}"}}`,
		observed, lifecycle, job, state, path, recordedState, recordedMode)
}

func TestFollowSuspension(t *testing.T) {
	// Generation 5 suspended the application, and 7 started it.
	whileSuspended := &storev1.Suspension{Generation: 5}
	startedBefore := &storev1.Suspension{Generation: 5, Instance: "i"}
	known := &storev1.Suspension{Generation: 5, Savepoint: savepointPath, JobId: stoppedJob}
	started := &storev1.Suspension{Generation: 5, Savepoint: savepointPath, JobId: stoppedJob, Instance: "i"}
	resumed := &storev1.Suspension{Generation: 5, Savepoint: savepointPath, JobId: stoppedJob, Instance: "i", Resumed: true}
	stopped := deploymentStatus(3, "SUSPENDED", stoppedJob, "FINISHED", savepointPath, "suspended", "savepoint")
	runs := func(path string) string {
		return deploymentStatus(3, "DEPLOYED", startedJob, "RECONCILING", path, "running", "savepoint")
	}
	for name, test := range map[string]struct {
		suspension *storev1.Suspension
		marked     int64 // the generation in the marks of the object; the object's own is 3
		status     string
		want       *storev1.Suspension // nil where nothing changes
		generation int64               // 0 where it stays 7
		redeploys  bool
	}{
		"the savepoint is stored":                        {whileSuspended, 5, stopped, known, 0, false},
		"after the application was started":              {startedBefore, 5, stopped, started, 8, false},
		"the status is of the time before":               {whileSuspended, 4, stopped, nil, 0, false},
		"the operator has not observed the object":       {whileSuspended, 5, deploymentStatus(2, "SUSPENDED", stoppedJob, "FINISHED", savepointPath, "suspended", "savepoint"), nil, 0, false},
		"it is stopping the job":                         {whileSuspended, 5, deploymentStatus(3, "UPGRADING", stoppedJob, "FINISHED", savepointPath, "suspended", "savepoint"), nil, 0, false},
		"it has stopped the job without a savepoint":     {whileSuspended, 5, deploymentStatus(3, "SUSPENDED", stoppedJob, "FINISHED", savepointPath, "suspended", "last-state"), nil, 0, false},
		"the job continues by high availability":         {whileSuspended, 5, deploymentStatus(3, "SUSPENDED", stoppedJob, "FINISHED", "KUBERNETES_OPERATOR_LAST_STATE", "suspended", "savepoint"), nil, 0, false},
		"it has started the job from the savepoint":      {started, 7, runs(savepointPath), resumed, 0, false},
		"that is known already":                          {resumed, 7, runs(""), nil, 0, false},
		"the start is not applied":                       {started, 5, stopped, nil, 0, false},
		"the start is not observed":                      {started, 7, deploymentStatus(2, "SUSPENDED", stoppedJob, "FINISHED", savepointPath, "suspended", "savepoint"), nil, 0, false},
		"the old job is still shown":                     {started, 7, deploymentStatus(3, "UPGRADING", stoppedJob, "FINISHED", savepointPath, "suspended", "savepoint"), nil, 0, false},
		"it has started the job without state":           {started, 7, runs(""), resumed, 8, true},
		"from an older checkpoint":                       {started, 7, runs("s3://checkpoints/" + stoppedJob + "/chk-3"), resumed, 8, true},
		"from an older savepoint":                        {started, 7, runs("s3://savepoints/savepoint-999999-0"), resumed, 8, true},
		"the new job was recovered from its checkpoint":  {started, 7, runs("s3://checkpoints/" + startedJob + "/chk-3"), nil, 0, false},
		"the new job was recovered by high availability": {started, 7, runs("KUBERNETES_OPERATOR_LAST_STATE"), nil, 0, false},
		"the new job has ended":                          {started, 7, deploymentStatus(3, "STABLE", startedJob, "FINISHED", "", "running", "savepoint"), nil, 0, false},
		"the operator cannot start it": {started, 7,
			`{"observedGeneration":2,"lifecycleState":"FAILED","jobStatus":{"jobId":"` + stoppedJob + `","state":"FINISHED"},"error":"{\"message\":\"last checkpoint is unknown. Manual restore required.\"}"}`,
			resumed, 8, true},
	} {
		t.Run(name, func(t *testing.T) {
			record := &storev1.ApplicationRecord{
				Generation: 7, Instance: "i", Suspension: test.suspension, Start: &storev1.SavepointStart{Path: "s3://savepoints/first", Nonce: 8},
				Application: &cmfv1.FlinkApplication{Spec: &cmfv1.JsonObject{Json: `{"job":{"savepointRedeployNonce":9}}`}},
			}
			status, err := openjson.ParseText(test.status)
			if err != nil {
				t.Fatal(err)
			}
			after, event := followSuspension(record, &agentv1.StatusReport{Generation: test.marked, ObjectGeneration: 3}, status, 8)
			if test.want == nil {
				if after != nil || event != nil {
					t.Errorf("the record becomes %v, with event %v; want no change", after, event)
				}
				return
			}
			if difference := cmp.Diff(test.want, after.GetSuspension(), protocmp.Transform()); difference != "" {
				t.Errorf("the suspension: want -, got +:\n%s", difference)
			}
			expect(t, "the generation", after.GetGeneration(), max(test.generation, 7))
			redeploys := after.GetStart().GetPath() == savepointPath && after.GetStart().GetNonce() > 9
			if redeploys != test.redeploys || (event != nil) != test.redeploys {
				t.Errorf("the start is %v, with event %v; want a redeployment: %t", after.GetStart(), event, test.redeploys)
			}
		})
	}
}
