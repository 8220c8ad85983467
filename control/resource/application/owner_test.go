package application

import (
	"testing"

	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestWhetherAJobRunsIsSaidByTheCurrentInstance(t *testing.T) {
	for name, test := range map[string]struct {
		spec, instance string // what is to run, and the state of the job of the current instance
		status         string // the state of the job in the status of the application
		state          string
		runs           bool
	}{
		"a job that runs":                   {`{"job":{"state":"running"}}`, "RUNNING", "RUNNING", "RUNNING", true},
		"nothing is reported yet":           {`{"job":{"state":"running"}}`, "RECONCILING", "", "RECONCILING", true},
		"the status is of the run before":   {`{"job":{"state":"running"}}`, "RECONCILING", "FINISHED", "RECONCILING", true},
		"a job that has finished":           {`{"job":{"state":"running"}}`, "FINISHED", "FINISHED", "FINISHED", false},
		"a job that has failed":             {`{"job":{"state":"running"}}`, "FAILED", "FAILED", "FAILED", false},
		"a job that was canceled":           {`{"job":{"state":"running"}}`, "CANCELED", "CANCELED", "CANCELED", false},
		"an application that is suspended":  {`{"job":{"state":"suspended"}}`, "RUNNING", "RUNNING", "suspended", false},
		"an application that has never run": {`{}`, "", "", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			s := fresh(t, Limits{Events: 2, Instances: 2})
			record := &storev1.ApplicationRecord{Instance: "i", Application: &cmfv1.FlinkApplication{Spec: &cmfv1.JsonObject{Json: test.spec}}}
			if test.instance != "" {
				s.update(t, func(tx *store.Tx) {
					s.instances.Put(tx, store.Join(orders, "i"), &cmfv1.FlinkApplicationInstance{Status: &cmfv1.ApplicationInstanceStatus{
						JobStatus: &cmfv1.InstanceJobStatus{State: test.instance},
					}})
				})
			}
			state, runs := s.jobRuns(resource.NewItem(store.NewObject(orders, record), &storev1.StatusRecord{JobState: test.status}, s.store.Cached()))
			expect(t, "state and whether it runs", []any{state, runs}, []any{test.state, test.runs})
		})
	}
}
