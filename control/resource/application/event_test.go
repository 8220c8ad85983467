package application

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/store/embedded"
	"github.com/openweir/weir/control/store/storetest"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

const orders = "prod/orders"

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// reported is the event of that number: the higher, the later.
func reported(number int) *cmfv1.FlinkApplicationEvent {
	message := fmt.Sprintf("%03d", number)
	return ReportedEvent("event-"+message, EventKubernetes, "instance", message, noon.Add(time.Duration(number)*time.Second))
}

func several(from, to int) []*cmfv1.FlinkApplicationEvent {
	var events []*cmfv1.FlinkApplicationEvent
	for number := from; number <= to; number++ {
		events = append(events, reported(number))
	}
	return events
}

// kept are the numbers of the events that an orders has, the oldest first.
func kept(s *stored, application string) []string {
	var numbers []string
	for e := range s.events.In(s.store.Cached()).Under(application) {
		numbers = append(numbers, e.Value().GetStatus().GetMessage())
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

func expect(t *testing.T, what string, got, want any) {
	t.Helper()
	if difference := cmp.Diff(want, got); difference != "" {
		t.Errorf("%s: want -, got +:\n%s", what, difference)
	}
}

func TestOnlyTheNewestEventsAreKept(t *testing.T) {
	s := fresh(t, Limits{Events: 5, Instances: 5})
	s.commit(t, orders, several(1, 3)...)
	expect(t, "below the limit", kept(s, orders), numbers(1, 3))
	s.commit(t, orders, several(4, 5)...)
	expect(t, "at the limit", kept(s, orders), numbers(1, 5))
	s.commit(t, orders, reported(6))
	expect(t, "one more", kept(s, orders), numbers(2, 6))
	s.commit(t, orders, several(7, 30)...)
	expect(t, "more at once than are kept", kept(s, orders), numbers(26, 30))
}

func TestEventsAreKeptPerApplication(t *testing.T) {
	s := fresh(t, Limits{Events: 2, Instances: 2})
	s.commit(t, orders, several(1, 2)...)
	s.commit(t, "prod/orders-2", several(1, 2)...)
	s.commit(t, orders, reported(3))
	expect(t, "of the one", kept(s, orders), numbers(2, 3))
	expect(t, "of the other", kept(s, "prod/orders-2"), numbers(1, 2))
}

func TestEventsAreOrderedByTimeNotArrival(t *testing.T) {
	s := fresh(t, Limits{Events: 3, Instances: 3})
	s.commit(t, orders, reported(5), reported(2), reported(4))
	s.commit(t, orders, reported(3))
	expect(t, "one that is late", kept(s, orders), numbers(3, 5))
	if s.commit(t, orders, reported(1)) {
		t.Error("one older than all writes something")
	}
}

func TestARepeatedEventWritesNothing(t *testing.T) {
	s := fresh(t, Limits{Events: 3, Instances: 3})
	s.commit(t, orders, several(1, 3)...)
	if s.commit(t, orders, several(1, 3)...) {
		t.Error("all of them again writes something")
	}
	s.commit(t, orders, reported(4), reported(4), reported(3))
	expect(t, "one of them new, and twice", kept(s, orders), numbers(2, 4))
	if s.commit(t, orders, reported(1)) {
		t.Error("one dropped before writes something")
	}
	if s.commit(t, orders) {
		t.Error("none writes something")
	}
}

// repeat is the event of that number at the given count: each occurrence is a minute
// after the one before.
func repeat(number int, count int64) *cmfv1.FlinkApplicationEvent {
	e := reported(number)
	first := e.GetMetadata().GetCreationTimestamp().AsTime()
	e.Metadata.CreationTimestamp = timestamppb.New(first.Add(time.Duration(count-1) * time.Minute))
	setOccurrences(e, count, first)
	return e
}

func TestAnEventThatOccursAgainIsKeptOnce(t *testing.T) {
	s := fresh(t, Limits{Events: 3, Instances: 3})
	s.commit(t, orders, repeat(1, 1), repeat(2, 1), repeat(3, 1))
	for count := int64(2); count <= 130; count++ {
		s.commit(t, orders, repeat(1, count))
	}
	expect(t, "after 130 occurrences of one", kept(s, orders), numbers(1, 3))
	stored := s.events.In(s.store.Cached()).Get(store.Join(orders, reported(1).GetMetadata().GetName())).Value()
	expect(t, "its count", stored.GetStatus().GetCount(), int64(130))
	expect(t, "its first occurrence", stored.GetMetadata().GetCreationTimestamp().AsTime(), noon.Add(time.Second))
	expect(t, "its last occurrence", stored.GetStatus().GetLastTimestamp().AsTime(), noon.Add(time.Second+129*time.Minute))
	if s.commit(t, orders, repeat(1, 130), repeat(1, 7)) {
		t.Error("a count that is stored already writes something")
	}
	// The first to go is the one that last occurred the longest ago.
	s.commit(t, orders, repeat(4, 1))
	expect(t, "one more", kept(s, orders), []string{"001", "003", "004"})
	s.commit(t, orders, repeat(3, 2), repeat(3, 3), repeat(5, 1))
	expect(t, "one more, while another one occurs again", kept(s, orders), []string{"001", "003", "005"})
}

func TestAReportedSeriesIsOneEvent(t *testing.T) {
	report := func(count int64) *agentv1.EventReport {
		return &agentv1.EventReport{
			Id: fmt.Sprintf("uid/%d", count), Series: "uid", Count: count, Source: agentv1.EventSource_EVENT_SOURCE_KUBERNETES,
			Reason: "BackOff", Message: fmt.Sprintf("attempt %d", count), FirstTime: timestamppb.New(noon), Time: timestamppb.New(noon.Add(time.Duration(count) * time.Second)),
		}
	}
	first, third := eventsOf(report(1), "i")[0], eventsOf(report(3), "i")[0]
	expect(t, "the name", third.GetMetadata().GetName(), first.GetMetadata().GetName())
	expect(t, "the counts", []int64{first.GetStatus().GetCount(), third.GetStatus().GetCount()}, []int64{1, 3})
	expect(t, "the message", third.GetStatus().GetMessage(), "BackOff: attempt 3")
	expect(t, "the first occurrence", third.GetMetadata().GetCreationTimestamp().AsTime(), noon)
	expect(t, "the last occurrence", third.GetStatus().GetLastTimestamp().AsTime(), noon.Add(3*time.Second))
	if first.GetStatus().GetLastTimestamp() != nil {
		t.Errorf("an event that has occurred once is %v", first)
	}
}

func TestALoweredLimitIsReachedInSteps(t *testing.T) {
	server := storetest.Server(t, embedded.Config{})
	before := open(t, server, Limits{Events: 100, Instances: 100})
	for number := 1; number <= 100; number += 50 {
		before.commit(t, orders, several(number, number+49)...)
	}
	after := open(t, server, Limits{Events: 10, Instances: 10})
	for number := 101; number <= 105; number++ {
		after.commit(t, orders, reported(number))
	}
	expect(t, "after some more events", kept(after, orders), numbers(96, 105))
}

func TestABurstOfEventsFitsATransaction(t *testing.T) {
	s := fresh(t, Limits{Events: 1000, Instances: 1})
	s.commit(t, orders, several(1, 300)...)
	got := kept(s, orders)
	expect(t, "the newest of the burst", got, numbers(301-len(got), 300))
	if len(got) < 50 {
		t.Errorf("only %d events are kept of it", len(got))
	}
}

func TestIdsOfReportedEventsAreDerivedFromTheReport(t *testing.T) {
	a, again, other := reported(1), reported(1), reported(2)
	if name := a.GetMetadata().GetName(); name != again.GetMetadata().GetName() || name == other.GetMetadata().GetName() {
		t.Errorf("the names are %v, %v and %v", a, again, other)
	}
	if seen := shown(a).GetMetadata(); seen.GetUid() != a.GetMetadata().GetName() {
		t.Errorf("name and uid of %v differ", seen)
	}
	expect(t, "its time", a.GetMetadata().GetCreationTimestamp().AsTime(), noon.Add(time.Second))
}

// shown is an event as users see it.
func shown(event *cmfv1.FlinkApplicationEvent) *cmfv1.FlinkApplicationEvent {
	return eventView(eventItem{Object: store.NewObject("", event)}, resource.Detail{})
}

func TestNewEventsHaveDistinctOrderedNames(t *testing.T) {
	var events []*cmfv1.FlinkApplicationEvent
	for range 100 {
		events = append(events, NewStatusEvent(EventJobStatus, "i", "Job status changed to RUNNING.", "RUNNING"))
	}
	for i, e := range events[1:] {
		if e.GetMetadata().GetName() <= events[i].GetMetadata().GetName() {
			t.Fatalf("%v comes after %v", e, events[i])
		}
	}
	event := shown(events[0])
	expect(t, "its data", event.GetStatus().GetData().GetNewStatus(), "RUNNING")
	expect(t, "its type", event.GetStatus().GetType(), "JOB_STATUS")
	expect(t, "its instance", event.GetMetadata().GetFlinkApplicationInstance(), "i")
	expect(t, "its kind", []string{event.GetApiVersion(), event.GetKind()}, []string{"cmf.confluent.io/v1alpha1", "FlinkApplicationEvent"})
	if nanos := event.GetMetadata().GetCreationTimestamp().GetNanos(); nanos%1_000_000 != 0 {
		t.Errorf("its time has %d ns", nanos)
	}
}
