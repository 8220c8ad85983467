package state_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openweir/weir/control/state"
	"github.com/openweir/weir/control/store"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

const application = "prod/orders"

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// reported is the event of that number: the higher, the later.
func reported(number int) *cmfv1.FlinkApplicationEvent {
	message := fmt.Sprintf("%03d", number)
	return state.ReportedEvent("event-"+message, state.EventKubernetes, "instance", message, noon.Add(time.Duration(number)*time.Second))
}

func several(from, to int) []*cmfv1.FlinkApplicationEvent {
	var events []*cmfv1.FlinkApplicationEvent
	for number := from; number <= to; number++ {
		events = append(events, reported(number))
	}
	return events
}

// kept are the numbers of the events that an application has, the oldest first.
func kept(s *state.State, application string) []string {
	var numbers []string
	for _, e := range s.Events.CachedUnder(application) {
		numbers = append(numbers, e.Value.GetStatus().GetMessage())
	}
	slices.Sort(numbers)
	return numbers
}

func numbers(from, to int) []string {
	var all []string
	for number := from; number <= to; number++ {
		all = append(all, fmt.Sprintf("%03d", number))
	}
	return all
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if difference := cmp.Diff(want, got); difference != "" {
		t.Errorf("%s: want -, got +:\n%s", what, difference)
	}
}

func TestOnlyTheNewestEventsAreKept(t *testing.T) {
	s := fresh(t, state.Limits{Events: 5, Instances: 5})
	commit(t, s, s.AppendEvents(application, several(1, 3)...))
	same(t, "below the limit", kept(s, application), numbers(1, 3))
	commit(t, s, s.AppendEvents(application, several(4, 5)...))
	same(t, "at the limit", kept(s, application), numbers(1, 5))
	commit(t, s, s.AppendEvents(application, reported(6)))
	same(t, "one more", kept(s, application), numbers(2, 6))
	commit(t, s, s.AppendEvents(application, several(7, 30)...))
	same(t, "more at once than are kept", kept(s, application), numbers(26, 30))
}

func TestApplicationsHaveEventsOfTheirOwn(t *testing.T) {
	s := fresh(t, state.Limits{Events: 2, Instances: 2})
	commit(t, s, s.AppendEvents(application, several(1, 2)...))
	commit(t, s, s.AppendEvents("prod/orders-2", several(1, 2)...))
	commit(t, s, s.AppendEvents(application, reported(3)))
	same(t, "of the one", kept(s, application), numbers(2, 3))
	same(t, "of the other", kept(s, "prod/orders-2"), numbers(1, 2))
}

func TestEventsAreKeptInTheOrderOfTheirTimeHoweverTheyArrive(t *testing.T) {
	s := fresh(t, state.Limits{Events: 3, Instances: 3})
	commit(t, s, s.AppendEvents(application, reported(5), reported(2), reported(4)))
	commit(t, s, s.AppendEvents(application, reported(3)))
	same(t, "one that is late", kept(s, application), numbers(3, 5))
	if ops := s.AppendEvents(application, reported(1)); len(ops) != 0 {
		t.Errorf("one older than all makes %d operations", len(ops))
	}
}

func TestAnEventReportedAgainCostsNothing(t *testing.T) {
	s := fresh(t, state.Limits{Events: 3, Instances: 3})
	commit(t, s, s.AppendEvents(application, several(1, 3)...))
	if ops := s.AppendEvents(application, several(1, 3)...); len(ops) != 0 {
		t.Errorf("all of them again make %d operations", len(ops))
	}
	commit(t, s, s.AppendEvents(application, reported(4), reported(4), reported(3)))
	same(t, "one of them new, and twice", kept(s, application), numbers(2, 4))
	if ops := s.AppendEvents(application, reported(1)); len(ops) != 0 {
		t.Errorf("one dropped before makes %d operations", len(ops))
	}
	if ops := s.AppendEvents(application); len(ops) != 0 {
		t.Errorf("none make %d operations", len(ops))
	}
}

func TestALoweredLimitIsReachedInSteps(t *testing.T) {
	server := start(t)
	before := open(t, server, state.Limits{Events: 100, Instances: 100})
	for number := 1; number <= 100; number += 50 {
		commit(t, before, before.AppendEvents(application, several(number, number+49)...))
	}
	after := open(t, server, state.Limits{Events: 10, Instances: 10})
	for number := 101; number <= 105; number++ {
		commit(t, after, after.AppendEvents(application, reported(number)))
	}
	same(t, "after some more events", kept(after, application), numbers(96, 105))
}

func TestABurstOfEventsFitsATransaction(t *testing.T) {
	s := fresh(t, state.Limits{Events: 1000, Instances: 1})
	commit(t, s, s.AppendEvents(application, several(1, 300)...))
	got := kept(s, application)
	same(t, "the newest of the burst", got, numbers(301-len(got), 300))
	if len(got) < 50 {
		t.Errorf("only %d events are kept of it", len(got))
	}
}

func TestReportedEventsHaveTheirIdentityFromTheirId(t *testing.T) {
	a, again, other := reported(1), reported(1), reported(2)
	if name := a.GetMetadata().GetName(); name != again.GetMetadata().GetName() || name == other.GetMetadata().GetName() {
		t.Errorf("the names are %v, %v and %v", a, again, other)
	}
	if a.GetMetadata().GetUid() != a.GetMetadata().GetName() {
		t.Errorf("name and uid of %v differ", a.GetMetadata())
	}
	same(t, "its time", a.GetMetadata().GetCreationTimestamp().AsTime(), noon.Add(time.Second))
}

func TestNewEventsAreToldApartAndOrderedByName(t *testing.T) {
	var events []*cmfv1.FlinkApplicationEvent
	for range 100 {
		events = append(events, state.NewStatusEvent(state.EventJobStatus, "i", "Job status changed to RUNNING.", "RUNNING"))
	}
	for i, e := range events[1:] {
		if e.GetMetadata().GetName() <= events[i].GetMetadata().GetName() {
			t.Fatalf("%v comes after %v", e, events[i])
		}
	}
	event := events[0]
	same(t, "its data", event.GetStatus().GetData().GetNewStatus(), "RUNNING")
	same(t, "its type", event.GetStatus().GetType(), "JOB_STATUS")
	same(t, "its instance", event.GetMetadata().GetFlinkApplicationInstance(), "i")
	same(t, "its kind", []string{event.GetApiVersion(), event.GetKind()}, []string{"cmf.confluent.io/v1alpha1", "FlinkApplicationEvent"})
	if nanos := event.GetMetadata().GetCreationTimestamp().GetNanos(); nanos%1_000_000 != 0 {
		t.Errorf("its time has %d ns", nanos)
	}
}

func TestKeysTellOwnersApart(t *testing.T) {
	a := state.TombstoneKey("edge", "flink", "FlinkDeployment", "orders", "uid-1")
	b := state.TombstoneKey("edge", "flink", "FlinkDeployment", "orders", "uid-2")
	if a == b {
		t.Errorf("both are %s", a)
	}
	claim := state.ClaimKey("edge", "flink", "FlinkDeployment", "orders")
	same(t, "a claim's segments", store.Segments(claim), []string{"edge", "flink", "FlinkDeployment", "orders"})
}
