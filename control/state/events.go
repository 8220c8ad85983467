package state

import (
	"cmp"
	"slices"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/control/rules"
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
		ApiVersion: rules.EventAPIVersion,
		Kind:       rules.KindEvent,
		Metadata: &cmfv1.EventMetadata{
			Name:                     name,
			Uid:                      name,
			CreationTimestamp:        timestamppb.New(at.UTC().Truncate(time.Millisecond)),
			FlinkApplicationInstance: instance,
		},
		Status: &cmfv1.EventStatus{Type: kind, Message: message},
	}
}

// maxDrops bounds how many surplus records one transaction drops: etcd takes
// 128 operations in a transaction. There is more only after a limit was lowered,
// and then the next transactions drop the rest.
const maxDrops = 40

// AppendEvents is what a transaction has to do to add events to an
// application's and drop the oldest beyond the limit. Events that are kept
// already cost nothing.
func (s *State) AppendEvents(application string, events ...*cmfv1.FlinkApplicationEvent) []store.Op {
	kept := s.Events.CachedUnder(application)
	all := make([]*cmfv1.FlinkApplicationEvent, 0, len(kept)+len(events))
	known := make(map[string]bool, len(kept))
	for _, e := range kept {
		all = append(all, e.Value)
		known[e.Value.GetMetadata().GetName()] = true
	}
	fresh := map[string]bool{}
	for _, e := range events {
		if name := e.GetMetadata().GetName(); !known[name] && !fresh[name] {
			all = append(all, e)
			fresh[name] = true
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	slices.SortStableFunc(all, func(a, b *cmfv1.FlinkApplicationEvent) int {
		return cmp.Or(
			a.GetMetadata().GetCreationTimestamp().AsTime().Compare(b.GetMetadata().GetCreationTimestamp().AsTime()),
			cmp.Compare(a.GetMetadata().GetName(), b.GetMetadata().GetName()),
		)
	})
	surplus := min(max(0, len(all)-s.limits.Events), maxDrops)
	var ops []store.Op
	for i, e := range all {
		name := e.GetMetadata().GetName()
		key := store.Key(application, name)
		switch {
		case i < surplus && known[name]:
			ops = append(ops, s.Events.Remove(key))
		case i >= surplus && fresh[name]:
			ops = append(ops, s.Events.Put(key, e))
		}
	}
	return ops
}

// BeginInstance is what a transaction has to do to add an instance to an
// application's and drop the oldest beyond the limit.
func (s *State) BeginInstance(application string, instance *cmfv1.FlinkApplicationInstance) []store.Op {
	ops := []store.Op{s.Instances.Put(store.Key(application, instance.GetMetadata().GetName()), instance)}
	// Names are version 7 UUIDs: the order of keys is the order of time.
	kept := s.Instances.CachedUnder(application)
	for i := 0; i <= len(kept)-s.limits.Instances && i < maxDrops; i++ {
		ops = append(ops, s.Instances.Remove(kept[i].Key))
	}
	return ops
}

// NewInstance makes an instance of now that runs an effective specification.
func NewInstance(effective *cmfv1.JsonObject) *cmfv1.FlinkApplicationInstance {
	name := uuid.Must(uuid.NewV7()).String()
	now := Now()
	return &cmfv1.FlinkApplicationInstance{
		ApiVersion: rules.APIVersion,
		Kind:       rules.KindInstance,
		Metadata:   &cmfv1.ObjectMeta{Name: name, Uid: name, CreationTimestamp: now, UpdateTimestamp: now},
		Status: &cmfv1.ApplicationInstanceStatus{
			Spec:      effective,
			JobStatus: &cmfv1.InstanceJobStatus{State: rules.StateReconciling},
		},
	}
}

// Now is the time as it is stored and shown, to the millisecond.
func Now() *timestamppb.Timestamp {
	return timestamppb.New(time.Now().UTC().Truncate(time.Millisecond))
}
