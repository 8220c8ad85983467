package state

import (
	"cmp"
	"slices"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/control/contract"
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

func namedEvent(name, kind, instance, message string, at time.Time) *cmfv1.FlinkApplicationEvent {
	return &cmfv1.FlinkApplicationEvent{
		ApiVersion: contract.EventAPIVersion,
		Kind:       contract.KindEvent,
		Metadata: &cmfv1.EventMetadata{
			Name:                     name,
			Uid:                      name,
			CreationTimestamp:        timestamppb.New(at.UTC().Truncate(time.Millisecond)),
			FlinkApplicationInstance: instance,
		},
		Status: &cmfv1.EventStatus{Type: kind, Message: message},
	}
}

// etcd takes 128 operations in a transaction, and there are others in it.
const (
	// maxDrops bounds how many surplus records of a kind one transaction drops.
	// There are as many only after a limit was lowered, and then the next
	// transactions drop the rest.
	maxDrops = 20
	// maxAdds bounds how many events one transaction adds: of a larger burst, the
	// oldest are lost.
	maxAdds = 64
)

// AppendEvents is what a transaction has to do to add events to an
// application's and drop the oldest beyond the limit. Events that are kept
// already cost nothing.
func (s *State) AppendEvents(application string, events ...*cmfv1.FlinkApplicationEvent) []store.Op {
	var all []*cmfv1.FlinkApplicationEvent
	kept := map[string]bool{}
	for _, e := range s.Events.CachedUnder(application) {
		all = append(all, e.Value)
		kept[e.Value.GetMetadata().GetName()] = true
	}
	fresh := map[string]bool{}
	for _, e := range events {
		if name := e.GetMetadata().GetName(); !kept[name] && !fresh[name] {
			all = append(all, e)
			fresh[name] = true
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	slices.SortFunc(all, newestFirst)
	var ops []store.Op
	adds, drops := 0, 0
	for i, e := range all {
		name := e.GetMetadata().GetName()
		key := store.Join(application, name)
		switch beyond := i >= s.limits.Events; {
		case kept[name] && beyond && drops < maxDrops:
			ops = append(ops, s.Events.Remove(key))
			drops++
		case fresh[name] && !beyond && adds < maxAdds:
			ops = append(ops, s.Events.Put(key, e))
			adds++
		}
	}
	return ops
}

func newestFirst(a, b *cmfv1.FlinkApplicationEvent) int {
	return cmp.Or(
		b.GetMetadata().GetCreationTimestamp().AsTime().Compare(a.GetMetadata().GetCreationTimestamp().AsTime()),
		cmp.Compare(b.GetMetadata().GetName(), a.GetMetadata().GetName()),
	)
}
