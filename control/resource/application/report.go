package application

import (
	"cmp"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/flinkspec"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/flink"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

// observe makes of a report the application's status, its current instance's job,
// and the events that follow.
func (a *Applications) observe(tx *store.Tx, record *store.Object[*storev1.ApplicationRecord], before *storev1.StatusRecord, report resource.Report) (*storev1.StatusRecord, error) {
	var events []*cmfv1.FlinkApplicationEvent
	adopting := a.completeAdoption(tx, record, report)
	if !adopting {
		if adopted := a.adopt(tx, record, report); adopted != nil {
			adopting, events, report.Ack = true, append(events, adopted), nil
		}
	}
	seen := observe(record.Value(), before, report)
	if !adopting { // which has changed the record
		if after, event := followSuspension(record.Value(), report.Status, seen.reported, a.ownership.NextGeneration(tx, record.Value().GetGeneration())); after != nil {
			a.Records.Put(tx, record.Key, after)
			if event != nil {
				events = append(events, event)
			}
		}
	}
	if seen.job != nil {
		a.recordJob(tx, record.Key, record.Value().GetInstance(), seen.job, seen.current)
	}
	// Together, as each call deletes the oldest of those that were stored before.
	a.appendEvents(tx, record.Key, append(events, seen.events...)...)
	return seen.status, nil
}

// observation is what follows from a report.
type observation struct {
	status *storev1.StatusRecord
	// reported is the status of the object; nil if none was reported.
	reported openjson.Object
	// job is the one that the report is about; nil if it is about none. current is set
	// if it is that of the current instance, and not of one before.
	job     *cmfv1.InstanceJobStatus
	current bool
	events  []*cmfv1.FlinkApplicationEvent
}

// observe works out what a report changes. It compares levels, so that a report
// that is repeated or that skips states gives no event twice.
func observe(record *storev1.ApplicationRecord, before *storev1.StatusRecord, next resource.Report) observation {
	out := observation{status: resource.CopyStatus(before, next.Owner)}
	instance := record.GetInstance()
	if status := next.Status; status != nil && status.GetGeneration() >= before.GetGeneration() {
		out.observeStatus(record, before, status)
	}
	if next.Ack != nil {
		out.status.Problem = resource.ProblemOf(next.Ack)
		if p := out.status.GetProblem(); p != nil && !proto.Equal(p, before.GetProblem()) {
			out.events = append(out.events, NewEvent(EventWarning, instance, p.GetReason()+": "+p.GetMessage()))
		}
	}
	for _, event := range next.Events {
		out.events = append(out.events, eventsOf(event, instance)...)
	}
	return out
}

func (o *observation) observeStatus(record *storev1.ApplicationRecord, before *storev1.StatusRecord, report *agentv1.StatusReport) {
	parsed, err := openjson.ParseText(report.GetStatus())
	if err != nil {
		return // an agent that sends no JSON has nothing to say
	}
	o.reported = parsed
	normal := NormalStatus(parsed)
	if record.GetInstance() != "" {
		o.job = &cmfv1.InstanceJobStatus{JobId: openjson.String(normal, "jobStatus", "jobId"), State: openjson.String(normal, "jobStatus", "state")}
		o.current = report.GetGeneration() == record.GetGeneration() && isObserved(report, normal) && !isUpgrading(normal)
	}
	setJobState(normal, record)
	status, instance := o.status, record.GetInstance()
	status.Status, status.Instance = withInstance(openjson.Text(normal), instance), instance
	status.Generation = report.GetGeneration()
	status.LifecycleState = openjson.String(normal, "lifecycleState")
	status.JobState = openjson.String(normal, "jobStatus", "state")
	status.JobId = openjson.String(normal, "jobStatus", "jobId")
	status.Error = flink.ErrorMessage(openjson.String(normal, "error"))

	if s := status.GetLifecycleState(); s != "" && s != before.GetLifecycleState() {
		o.events = append(o.events, NewStatusEvent(EventClusterStatus, instance, "Cluster status changed to "+s+".", s))
	}
	if s := status.GetJobState(); s != before.GetJobState() && (s != flink.JobReconciling || before.GetJobState() != "") {
		o.events = append(o.events, NewStatusEvent(EventJobStatus, instance, "Job status changed to "+s+".", s))
	}
	if e := status.GetError(); e != "" && e != before.GetError() {
		o.events = append(o.events, NewEvent(EventWarning, instance, "The Flink operator reports: "+e))
	}
}

// isUpgrading reports whether a status is of a job that the operator has stopped, or is
// stopping, to start another one: the newest generation counts as observed from then
// on.
func isUpgrading(status openjson.Object) bool {
	state := openjson.String(status, "reconciliationStatus", "state")
	return state == flink.ReconciliationUpgrading || state == flink.ReconciliationRollingBack
}

func isSuspended(record *storev1.ApplicationRecord) bool {
	spec, err := openjson.Parse(record.GetApplication().GetSpec())
	return err == nil && flinkspec.DesiredState(spec) == flink.Suspended
}

// eventsOf are the events of an application that follow from one that an
// agent reported. Changes of the job's state are left out: the status tells
// them.
func eventsOf(event *agentv1.EventReport, instance string) []*cmfv1.FlinkApplicationEvent {
	text := event.GetMessage()
	if event.GetReason() != "" {
		text = event.GetReason() + ": " + text
	}
	kind := EventKubernetes
	switch {
	case event.GetSource() == agentv1.EventSource_EVENT_SOURCE_DRIFT:
		kind = EventDrift
	case strings.EqualFold(event.GetReason(), "JobException"):
		kind = EventJobException
		text = event.GetMessage()
	case event.GetReason() == "JobStatusChanged":
		return nil
	}
	at := time.Now()
	if event.GetTime() != nil {
		at = event.GetTime().AsTime()
	}
	out := ReportedEvent(cmp.Or(event.GetSeries(), event.GetId()), kind, instance, text, at)
	if event.GetSeries() != "" {
		setOccurrences(out, event.GetCount(), event.GetFirstTime().AsTime())
	}
	if kind == EventJobException {
		out.Status.Message, _, _ = strings.Cut(text, "\n")
		out.Status.Data = &cmfv1.EventData{Data: &cmfv1.EventData_ExceptionString{ExceptionString: text}}
	}
	return []*cmfv1.FlinkApplicationEvent{out}
}
