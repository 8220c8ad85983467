package application

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/query"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Types of events.
const (
	EventCMFStatus     = "CMF_STATUS"
	EventClusterStatus = "CLUSTER_STATUS"
	EventJobStatus     = "JOB_STATUS"
	EventJobException  = "JOB_EXCEPTION"
	EventKubernetes    = "KUBERNETES_EVENT"
	EventDrift         = "DRIFT"
	EventWarning       = "WARNING"
)

// NewEvent makes an event of now with a name of its own.
func NewEvent(kind, instance, message string) *cmfv1.FlinkApplicationEvent {
	// Version 7 begins with the time, so names order events within one
	// millisecond as they were made.
	name := uuid.Must(uuid.NewV7()).String()
	return namedEvent(name, kind, instance, message, time.Now())
}

// NewStatusEvent is NewEvent with the new status as its data.
func NewStatusEvent(kind, instance, message, status string) *cmfv1.FlinkApplicationEvent {
	event := NewEvent(kind, instance, message)
	event.Status.Data = &cmfv1.EventData{Data: &cmfv1.EventData_NewStatus{NewStatus: status}}
	return event
}

// reportedEvents is the name space of events that agents report.
var reportedEvents = uuid.MustParse("6f0f6f2c-5d1b-4c58-9a6b-0f2b8e5f3d11")

// ReportedEvent makes the event that an agent reported under id, always by the
// same name, so that it is kept once however often it is reported.
func ReportedEvent(id, kind, instance, message string, at time.Time) *cmfv1.FlinkApplicationEvent {
	return namedEvent(uuid.NewSHA1(reportedEvents, []byte(id)).String(), kind, instance, message, at)
}

// setOccurrences makes an event one that has occurred count times, first at the time
// given and last at its own.
func setOccurrences(e *cmfv1.FlinkApplicationEvent, count int64, first time.Time) {
	e.Status.Count = count
	if count > 1 {
		e.Status.LastTimestamp = e.GetMetadata().GetCreationTimestamp()
		e.Metadata.CreationTimestamp = timestamppb.New(first.UTC().Truncate(time.Millisecond))
	}
}

func namedEvent(name, kind, instance, message string, at time.Time) *cmfv1.FlinkApplicationEvent {
	return &cmfv1.FlinkApplicationEvent{
		Metadata: &cmfv1.EventMetadata{
			Name:                     name,
			CreationTimestamp:        timestamppb.New(at.UTC().Truncate(time.Millisecond)),
			FlinkApplicationInstance: instance,
		},
		Status: &cmfv1.EventStatus{Type: kind, Message: message},
	}
}

// eventView is an event as users see it. What is the same for all events, and the
// uid, which is the name, is not stored: there are up to a hundred of each application.
func eventView(i eventItem, _ resource.Detail) *cmfv1.FlinkApplicationEvent {
	stored := i.Value()
	metadata := stored.GetMetadata()
	return &cmfv1.FlinkApplicationEvent{
		ApiVersion: contract.EventAPIVersion,
		Kind:       contract.KindEvent,
		Metadata: &cmfv1.EventMetadata{
			Name:                     metadata.GetName(),
			Uid:                      metadata.GetName(),
			CreationTimestamp:        metadata.GetCreationTimestamp(),
			FlinkApplicationInstance: metadata.GetFlinkApplicationInstance(),
			Labels:                   metadata.GetLabels(),
			Annotations:              metadata.GetAnnotations(),
		},
		Status: stored.GetStatus(),
	}
}

// etcd takes 128 operations in a transaction, and there are others in it.
const (
	// maxDrops bounds how many surplus records of a kind one transaction drops.
	// There are as many only after a limit was lowered, and then the next
	// transactions drop the rest.
	maxDrops = 20
	// maxAdds bounds how many events one transaction adds or replaces: of a larger
	// burst, the oldest are lost.
	maxAdds = 64
)

// appendEvents adds events to an application's and deletes those beyond the limit
// that last occurred the longest ago. An event that has occurred again replaces what
// is stored of it. Events that are stored already cost nothing.
func (a *Applications) appendEvents(tx *store.Tx, application string, events ...*cmfv1.FlinkApplicationEvent) {
	stored := a.events.In(tx)
	var fresh []*cmfv1.FlinkApplicationEvent
	repeated := map[string]bool{}
	for _, e := range newestOccurrences(events) {
		key := store.Join(application, e.GetMetadata().GetName())
		before := stored.Get(key)
		switch {
		case before == nil:
			fresh = append(fresh, e)
		case e.GetStatus().GetCount() > before.Value().GetStatus().GetCount() && len(repeated) < maxAdds:
			repeated[key] = true
			a.events.Put(tx, key, e)
		}
	}
	slices.SortFunc(fresh, compareOccurrence)
	fresh = fresh[max(0, len(fresh)+len(repeated)-maxAdds):]
	if surplus := stored.Count(application) + len(fresh) - a.limits.Events; len(fresh) > 0 && surplus > 0 {
		fresh = a.dropOldestEvents(tx, application, fresh, repeated, surplus)
	}
	for _, e := range fresh {
		a.events.Put(tx, store.Join(application, e.GetMetadata().GetName()), e)
	}
}

// dropOldestEvents deletes as many events as are beyond the limit, or takes them out
// of the fresh ones, which it returns.
func (a *Applications) dropOldestEvents(
	tx *store.Tx, application string, fresh []*cmfv1.FlinkApplicationEvent, repeated map[string]bool, surplus int,
) []*cmfv1.FlinkApplicationEvent {
	var stored []*store.Object[*cmfv1.FlinkApplicationEvent]
	for o := range a.events.In(tx).Under(application) {
		if !repeated[o.Key] {
			stored = append(stored, o)
		}
	}
	oldest := oldestEvents(stored, min(surplus, maxDrops), lastOccurrence(fresh[0]))
	for drops := 0; surplus > 0 && len(fresh) > 0 && drops < maxDrops; surplus-- {
		if drops == len(oldest) || lastOccurrence(fresh[0]).Before(lastOccurrence(oldest[drops].Value())) {
			fresh = fresh[1:]
			continue
		}
		a.events.Delete(tx, oldest[drops].Key)
		drops++
	}
	return fresh
}

// oldestEvents are the events of which the last occurrence is the longest ago, the
// oldest first: at least as many as are asked for. Those written first are most likely
// the oldest. Where what is added is newer than they are, the others are not decoded.
func oldestEvents(stored []*store.Object[*cmfv1.FlinkApplicationEvent], count int, added time.Time) []*store.Object[*cmfv1.FlinkApplicationEvent] {
	slices.SortFunc(stored, func(a, b *store.Object[*cmfv1.FlinkApplicationEvent]) int { return cmp.Compare(a.Revision, b.Revision) })
	count = min(count, len(stored))
	for 0 < count && count < len(stored) && stored[count].Revision == stored[count-1].Revision {
		count++ // of the same transaction
	}
	byOccurrence := func(a, b *store.Object[*cmfv1.FlinkApplicationEvent]) int {
		return compareOccurrence(a.Value(), b.Value())
	}
	oldest := stored[:count]
	slices.SortFunc(oldest, byOccurrence)
	if count > 0 && added.Before(lastOccurrence(oldest[count-1].Value())) {
		slices.SortFunc(stored, byOccurrence)
		return stored
	}
	return oldest
}

// newestOccurrences leaves one of the events of each name: that with the greatest
// count.
func newestOccurrences(events []*cmfv1.FlinkApplicationEvent) []*cmfv1.FlinkApplicationEvent {
	var out []*cmfv1.FlinkApplicationEvent
	at := map[string]int{}
	for _, e := range events {
		name := e.GetMetadata().GetName()
		i, seen := at[name]
		switch {
		case !seen:
			at[name] = len(out)
			out = append(out, e)
		case e.GetStatus().GetCount() > out[i].GetStatus().GetCount():
			out[i] = e
		}
	}
	return out
}

func lastOccurrence(e *cmfv1.FlinkApplicationEvent) time.Time {
	return cmp.Or(e.GetStatus().GetLastTimestamp(), e.GetMetadata().GetCreationTimestamp()).AsTime()
}

// compareOccurrence orders events by their last occurrences, the oldest first.
func compareOccurrence(a, b *cmfv1.FlinkApplicationEvent) int {
	return cmp.Or(lastOccurrence(a).Compare(lastOccurrence(b)), cmp.Compare(a.GetMetadata().GetName(), b.GetMetadata().GetName()))
}

type eventItem = resource.Item[*cmfv1.FlinkApplicationEvent]

func (a *Applications) newEventsKind() *resource.Kind[*cmfv1.FlinkApplicationEvent, *cmfv1.FlinkApplicationEvent] {
	name := func(i eventItem) string { return i.Value().GetMetadata().GetName() }
	// There is no updateTimestamp: the contract has none for events.
	orders := query.Aliased(map[string]query.Order[eventItem]{
		"name":              query.By(name),
		"uid":               query.By(name),
		"creationTimestamp": query.ByTimestamp(func(i eventItem) *timestamppb.Timestamp { return i.Value().GetMetadata().GetCreationTimestamp() }),
	})
	return &resource.Kind[*cmfv1.FlinkApplicationEvent, *cmfv1.FlinkApplicationEvent]{
		Noun: "Event", Name: contract.KindEvent, Records: a.events,
		List: &query.List[eventItem]{
			Plural:     "events",
			Name:       name,
			UID:        name,
			Sort:       orders,
			Default:    query.Newest(orders["creationTimestamp"], orders["name"]),
			Filterable: true,
			Labels:     func(i eventItem) map[string]string { return i.Value().GetMetadata().GetLabels() },
			Attributes: map[string]func(eventItem) string{
				"type": func(i eventItem) string { return i.Value().GetStatus().GetType() },
			},
			Scopes: map[string]query.Scope[eventItem]{
				"message":                  query.Contains(func(i eventItem) string { return i.Value().GetStatus().GetMessage() }),
				"flinkApplicationInstance": query.Equals(func(i eventItem) string { return i.Value().GetMetadata().GetFlinkApplicationInstance() }),
			},
			Message: query.Descriptor[*cmfv1.FlinkApplicationEvent](),
		},
		View: eventView,
	}
}

type eventService struct {
	cmfv1.UnimplementedApplicationEventServiceServer
	*Applications
}

func (s *eventService) ListApplicationEvents(ctx context.Context, req *cmfv1.ListApplicationEventsRequest) (*cmfv1.EventsPage, error) {
	return resource.List[cmfv1.EventsPage](ctx, s.store, s.eventsKind, s.in(req.GetEnvName(), req.GetAppName()), req, resource.Detail{}, nil)
}

func (s *eventService) WatchApplicationEvents(req *cmfv1.WatchApplicationEventsRequest, stream grpc.ServerStreamingServer[cmfv1.WatchApplicationEventsResponse]) error {
	return resource.Watch(s.watches, s.store, s.eventsKind, stream, s.in(req.GetEnvName(), req.GetAppName()), req, nil)
}
