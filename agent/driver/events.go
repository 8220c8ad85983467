package driver

import (
	"fmt"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/timestamppb"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// messageLimit is the maximum length of an event's message, in bytes.
const messageLimit = 2 << 10

// involvedIndex indexes events by the object that they are about.
const involvedIndex = "involved"

// eventWatch is a watch of Kubernetes events with its cache.
type eventWatch struct{ informer cache.SharedIndexInformer }

// startEventWatches watches Kubernetes events. It works without the permission
// to watch them, and then reports none.
func (d *Driver) startEventWatches() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, namespace := range d.namespaceScopes() {
		for _, of := range kinds {
			if of.jobs {
				d.startEventWatch(namespace, of)
			}
		}
	}
}

// startEventWatch watches the events about a kind unless it does. The caller holds
// d.mu.
func (d *Driver) startEventWatch(namespace string, of *kind) {
	s := scope{of, namespace}
	if _, exists := d.events[s]; exists {
		return
	}
	informer := d.informer(selection{
		resource:  schema.GroupVersionResource{Version: "v1", Resource: "events"},
		namespace: namespace,
		// Without this, the watch would receive every event of every pod. The
		// operator's events up to release 1.11 have a kind and no API version.
		fields:   "involvedObject.kind=" + of.name,
		indexers: cache.Indexers{involvedIndex: indexInvolved},
	})
	_, _ = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(o any) { d.reportEvent(object(o)) },
		// A repeated event is the same object with a higher count.
		UpdateFunc: func(_, after any) { d.reportEvent(object(after)) },
	})
	if _, ok := d.startInformer(informer); ok {
		d.events[s] = &eventWatch{informer}
	}
}

func indexInvolved(o any) ([]string, error) {
	k, _ := involved(object(o))
	return []string{k.String()}, nil
}

// involved returns the object that an event is about. An event without an API
// version is taken to be about the operator's resource of the kind: the uid tells
// whether it is.
func involved(e *unstructured.Unstructured) (key, types.UID) {
	field := func(name string) string {
		value, _, _ := unstructured.NestedString(e.Object, "involvedObject", name)
		return value
	}
	k := key{apiVersion: field("apiVersion"), kind: field("kind"), namespace: field("namespace"), name: field("name")}
	if k.apiVersion == "" {
		k.apiVersion = flinkVersion.String()
	}
	if k.namespace == "" {
		k.namespace = e.GetNamespace()
	}
	return k, types.UID(field("uid"))
}

// reportEvent reports an event if it is about an object of the agent. Others
// stay in the cache until their object turns out to be one.
func (d *Driver) reportEvent(e *unstructured.Unstructured) {
	if e == nil || !d.isActive() {
		return
	}
	k, uid := involved(e)
	if of := kindOf(k); of == nil || !of.jobs {
		return
	}
	if owner := d.ownerOf(k, uid); owner != "" {
		d.config.Reports.Event(eventReport(e, k, owner))
	}
}

// ownerOf returns the owner of the object that an event is about; empty if the
// object is not the agent's. A deleted object, known by its uid, keeps its owner
// although another object may have its name by now.
func (d *Driver) ownerOf(k key, uid types.UID) string {
	if owner := d.deleted.owner(uid); owner != "" {
		return owner
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if o := d.cachedLocked(k); o != nil && (uid == "" || o.GetUID() == uid) {
		m, _ := marksOf(o)
		return m.owner
	}
	if r := d.records[k]; r != nil && r.observed.revision != nil && (uid == "" || r.observed.uid == uid) {
		return r.observed.revision.owner
	}
	return ""
}

func eventReport(e *unstructured.Unstructured, k key, owner string) *agentv1.EventReport {
	text := func(name string) string {
		value, _, _ := unstructured.NestedString(e.Object, name)
		return value
	}
	kind := text("type")
	if kind == "" {
		kind = "Normal"
	}
	return &agentv1.EventReport{
		Id:       fmt.Sprintf("%s/%d", e.GetUID(), occurrences(e)),
		Ref:      k.ref(),
		OwnerUid: owner,
		Source:   agentv1.EventSource_EVENT_SOURCE_KUBERNETES,
		Type:     kind,
		Reason:   text("reason"),
		Message:  shorten(text("message"), messageLimit),
		Time:     timestamppb.New(lastSeen(e)),

		Series:    string(e.GetUID()),
		Count:     occurrences(e),
		FirstTime: timestamppb.New(firstSeen(e)),
	}
}

// occurrences is how often an event has occurred. Events of the events.k8s.io API
// count in a series.
func occurrences(e *unstructured.Unstructured) int64 {
	count, _, _ := unstructured.NestedInt64(e.Object, "count")
	series, _, _ := unstructured.NestedInt64(e.Object, "series", "count")
	return max(count, series, 1)
}

func lastSeen(e *unstructured.Unstructured) time.Time {
	return firstTimeOf(e, [][]string{{"series", "lastObservedTime"}, {"lastTimestamp"}, {"eventTime"}, {"firstTimestamp"}})
}

func firstSeen(e *unstructured.Unstructured) time.Time {
	return firstTimeOf(e, [][]string{{"firstTimestamp"}, {"eventTime"}, {"lastTimestamp"}})
}

// firstTimeOf is the time in the first of the fields that has one.
func firstTimeOf(e *unstructured.Unstructured, fields [][]string) time.Time {
	for _, path := range fields {
		value, _, _ := unstructured.NestedString(e.Object, path...)
		if t, err := time.Parse(time.RFC3339Nano, value); err == nil {
			return t
		}
	}
	return e.GetCreationTimestamp().Time
}

// shorten truncates a text to at most limit bytes, at a character boundary.
func shorten(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	const ellipsis = "…"
	end := limit - len(ellipsis)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + ellipsis
}

// reportEventsOf reports the events about an object that arrived before it was
// known to be the agent's.
func (d *Driver) reportEventsOf(k key) {
	for _, w := range d.eventWatches() {
		about, _ := w.informer.GetIndexer().ByIndex(involvedIndex, k.String())
		for _, e := range about {
			d.reportEvent(object(e))
		}
	}
}

// reportAllEvents reports every event that is still on the cluster. The control
// plane stores each once.
func (d *Driver) reportAllEvents() {
	for _, w := range d.eventWatches() {
		for _, e := range w.informer.GetStore().List() {
			d.reportEvent(object(e))
		}
	}
}

func (d *Driver) eventWatches() []*eventWatch {
	d.mu.Lock()
	defer d.mu.Unlock()
	watches := make([]*eventWatch, 0, len(d.events))
	for _, w := range d.events {
		watches = append(watches, w)
	}
	return watches
}

// reportDrift reports that a change by another client was reverted.
func (d *Driver) reportDrift(t task, reason, id, message string) {
	d.repairs.Add(1)
	d.mu.Lock()
	var repairs repairPacer
	if r := d.records[t.key]; r != nil {
		r.observed.repairs.repaired(time.Now())
		repairs = r.observed.repairs
	}
	d.mu.Unlock()
	message = shorten(withRepeats(message, repairs, d.timing), messageLimit)
	d.log.Warn("repaired drift", "object", t.key.String(), "reason", reason, "message", message)
	if !d.isActive() {
		return
	}
	d.config.Reports.Event(&agentv1.EventReport{
		Id:       id,
		Ref:      t.key.ref(),
		OwnerUid: t.apply.owner,
		Source:   agentv1.EventSource_EVENT_SOURCE_DRIFT,
		Type:     "Warning",
		Reason:   reason,
		Message:  message,
		Time:     timestamppb.Now(),
	})
}
