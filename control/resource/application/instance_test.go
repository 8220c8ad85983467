package application

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/store/embedded"
	"github.com/openweir/weir/control/store/storetest"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestNewInstance(t *testing.T) {
	effective := &cmfv1.JsonObject{Json: `{"image":"i"}`}
	instance := instanceView(instanceItem{Object: store.NewObject("", NewInstance(effective))}, resource.Detail{})
	expect(t, "its kind", []string{instance.GetApiVersion(), instance.GetKind()}, []string{"cmf.confluent.io/v1", "FlinkApplicationInstance"})
	if m := instance.GetMetadata(); m.GetName() == "" || m.GetName() != m.GetUid() {
		t.Errorf("its metadata is %v", m)
	}
	expect(t, "its specification", instance.GetStatus().GetSpec().GetJson(), `{"image":"i"}`)
	expect(t, "the state of its job", instance.GetStatus().GetJobStatus().GetState(), "RECONCILING")
}

// beginInstances begins as many and gives their names, the oldest first.
func beginInstances(t *testing.T, s *stored, count int) []string {
	t.Helper()
	var names []string
	for range count {
		instance := NewInstance(nil)
		s.update(t, func(tx *store.Tx) { s.beginInstance(tx, orders, instance, nil) })
		names = append(names, instance.GetMetadata().GetName())
	}
	return names
}

func keptInstances(s *stored) []string {
	var names []string
	for instance := range s.instances.In(s.store.Cached()).Under(orders) {
		names = append(names, instance.Value().GetMetadata().GetName())
	}
	return names
}

func TestOnlyTheNewestInstancesAreKept(t *testing.T) {
	for name, limit := range map[string]int{"several": 3, "only the current one": 1, "never none": 0} {
		t.Run(name, func(t *testing.T) {
			s := fresh(t, Limits{Events: 1, Instances: limit})
			begun := beginInstances(t, s, 5)
			expect(t, "instances", keptInstances(s), begun[5-max(limit, 1):])
		})
	}
}

func TestALoweredLimitOfInstancesIsReachedInSteps(t *testing.T) {
	server := storetest.Server(t, embedded.Config{})
	begun := beginInstances(t, open(t, server, Limits{Events: 1, Instances: 60}), 60)
	s := open(t, server, Limits{Events: 1, Instances: 2})
	begun = append(begun, beginInstances(t, s, 4)...)
	expect(t, "instances", keptInstances(s), begun[len(begun)-2:])
}

func jobOf(id, state string) *cmfv1.InstanceJobStatus {
	return &cmfv1.InstanceJobStatus{JobId: id, State: state}
}

func TestJobsOfInstances(t *testing.T) {
	type report struct {
		job     *cmfv1.InstanceJobStatus
		current bool
	}
	// The first instance runs job-1 when the second begins.
	for name, test := range map[string]struct {
		reports       []report
		first, second *cmfv1.InstanceJobStatus
	}{
		"the job before is still running":     {[]report{{jobOf("job-1", "RUNNING"), false}}, jobOf("job-1", "RUNNING"), jobOf("", "RECONCILING")},
		"it is being stopped":                 {[]report{{jobOf("job-1", "CANCELLING"), false}}, jobOf("job-1", "CANCELLING"), jobOf("", "RECONCILING")},
		"it has been stopped":                 {[]report{{jobOf("job-1", "FINISHED"), false}}, jobOf("job-1", "FINISHED"), jobOf("", "RECONCILING")},
		"the next job has an id":              {[]report{{jobOf("job-1", "FINISHED"), false}, {jobOf("job-2", "FINISHED"), false}}, jobOf("job-1", "FINISHED"), jobOf("", "RECONCILING")},
		"the next job runs":                   {[]report{{jobOf("job-1", "CANCELED"), false}, {jobOf("job-2", "RUNNING"), true}}, jobOf("job-1", "CANCELED"), jobOf("job-2", "RUNNING")},
		"the end of the first is not seen":    {[]report{{jobOf("job-2", "RUNNING"), true}}, jobOf("job-1", "FINISHED"), jobOf("job-2", "RUNNING")},
		"the job continues by its last state": {[]report{{jobOf("job-1", "FINISHED"), false}, {jobOf("job-1", "RUNNING"), true}}, jobOf("job-1", "FINISHED"), jobOf("job-1", "RUNNING")},
		"and is stopped once more":            {[]report{{jobOf("job-1", "RUNNING"), true}, {jobOf("job-1", "CANCELED"), false}}, jobOf("job-1", "FINISHED"), jobOf("job-1", "CANCELED")},
	} {
		t.Run(name, func(t *testing.T) {
			s := fresh(t, Limits{Events: 1, Instances: 3})
			names := beginInstances(t, s, 2)
			s.update(t, func(tx *store.Tx) { s.recordJob(tx, orders, names[0], jobOf("job-1", "RUNNING"), true) })
			for _, r := range test.reports {
				s.update(t, func(tx *store.Tx) { s.recordJob(tx, orders, names[1], r.job, r.current) })
			}
			for i, want := range []*cmfv1.InstanceJobStatus{test.first, test.second} {
				got := s.instances.In(s.store.Cached()).Get(store.Join(orders, names[i])).Value().GetStatus().GetJobStatus()
				if !proto.Equal(got, want) {
					t.Errorf("the job of instance %d is %v; want %v", i+1, got, want)
				}
			}
		})
	}
}

func TestAReportIsAboutTheCurrentInstanceOnceTheOperatorHasStartedItsJob(t *testing.T) {
	record := &storev1.ApplicationRecord{Instance: "i", Generation: 7, Application: &cmfv1.FlinkApplication{Spec: &cmfv1.JsonObject{Json: "{}"}}}
	for name, test := range map[string]struct {
		marked int64 // the generation in the marks; the object's own is 3
		status string
		want   bool
	}{
		"the change is not applied":           {6, `{"observedGeneration":3,"reconciliationStatus":{"state":"DEPLOYED"}}`, false},
		"the operator has not observed it":    {7, `{"observedGeneration":2,"reconciliationStatus":{"state":"DEPLOYED"}}`, false},
		"the operator is stopping the job":    {7, `{"observedGeneration":3,"reconciliationStatus":{"state":"UPGRADING"}}`, false},
		"it is returning to the stable state": {7, `{"observedGeneration":3,"reconciliationStatus":{"state":"ROLLING_BACK"}}`, false},
		"it has started the job":              {7, `{"observedGeneration":3,"reconciliationStatus":{"state":"DEPLOYED"}}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			seen := observe(record, nil, resource.Report{Status: &agentv1.StatusReport{Generation: test.marked, ObjectGeneration: 3, Status: test.status}})
			if seen.current != test.want {
				t.Errorf("it is about the current instance: %t; want %t", seen.current, test.want)
			}
		})
	}
}
