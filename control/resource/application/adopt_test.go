package application

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestWhatCompletesAnAdoption(t *testing.T) {
	applied := func(generation int64) resource.Report {
		return resource.Report{Ack: &agentv1.Ack{Outcome: agentv1.Outcome_OUTCOME_APPLIED, Generation: generation}}
	}
	status := func(uid string, generation int64) resource.Report {
		return resource.Report{Status: &agentv1.StatusReport{ObjectUid: uid, Generation: generation}}
	}
	for name, test := range map[string]struct {
		report resource.Report
		want   bool
	}{
		"its Apply was applied":                    {applied(3), true},
		"the object has the marks of the resource": {status("object-1", 3), true},
		"an earlier Apply was applied":             {applied(2), false},
		"an earlier status":                        {status("object-1", 2), false},
		"the status of another object":             {status("object-2", 3), false},
		"a refusal": {resource.Report{Ack: &agentv1.Ack{
			Outcome: agentv1.Outcome_OUTCOME_REFUSED, Generation: 3, Found: &agentv1.FoundObject{ObjectUid: "object-1"},
		}}, false},
		"nothing but events": {resource.Report{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := fresh(t, Limits{})
			before := &storev1.ApplicationRecord{Generation: 3, Adoption: &storev1.Adoption{
				ObjectUid: "object-1", ObjectGeneration: 4, Instance: "i", PodAnnotations: map[string]string{instanceAnnotation: "theirs"},
			}}
			const key = "prod/orders"
			s.update(t, func(tx *store.Tx) { s.Records.Put(tx, key, before) })
			s.update(t, func(tx *store.Tx) {
				if got := s.completeAdoption(tx, s.Records.Get(tx, key), test.report); got != test.want {
					t.Errorf("got %t, want %t", got, test.want)
				}
			})
			after := s.Records.In(s.store.Cached()).Get(key).Value()
			if got := adoptionOf(after) == nil; got != test.want {
				t.Errorf("the next Apply adopts: %t, want %t", !got, !test.want)
			}
			after = proto.CloneOf(after)
			after.Adoption.ObjectGeneration = before.GetAdoption().GetObjectGeneration()
			if !proto.Equal(before, after) {
				t.Errorf("more of the record has changed: %v", after)
			}
		})
	}
}

// Each event beyond the limit takes the place of the oldest, those of one report in
// one step.
func TestAnAdoptionIsReportedBesideOtherEventsAtTheLimit(t *testing.T) {
	s := fresh(t, Limits{Events: 2, Instances: 2})
	s.commit(t, orders, several(1, 2)...)
	s.update(t, func(tx *store.Tx) {
		s.Records.Put(tx, orders, &storev1.ApplicationRecord{Generation: 3, Application: &cmfv1.FlinkApplication{
			Metadata: &cmfv1.ObjectMeta{Name: "orders", Annotations: map[string]string{AdoptAnnotation: "true"}},
		}})
	})
	s.update(t, func(tx *store.Tx) {
		_, err := s.observe(tx, s.Records.Get(tx, orders), nil, resource.Report{
			Cluster: "cluster-a", Ref: &agentv1.ObjectRef{Kind: "FlinkDeployment", Namespace: "flink", Name: "orders"},
			Ack: &agentv1.Ack{
				Outcome: agentv1.Outcome_OUTCOME_REFUSED, Generation: 3, Found: &agentv1.FoundObject{ObjectUid: "object-1", ObjectGeneration: 4},
			},
			Events: []*agentv1.EventReport{{Id: "e", Message: "from the cluster"}},
		})
		if err != nil {
			t.Error(err)
		}
	})
	expect(t, "events", kept(s, orders), []string{
		"FlinkDeployment 'orders' is taken over. Its specification differs from that of the application, so it is upgraded.", "from the cluster",
	})
}
