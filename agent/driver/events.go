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

// messageLimit is how long an event's message may be, in bytes.
const messageLimit = 2 << 10

// involvedIndex finds events by the object that they are about.
const involvedIndex = "involved"

// eventWatch is a watch of Kubernetes events and what it has seen.
type eventWatch struct{ informer cache.SharedIndexInformer }

// startEvents begins to watch Kubernetes events, if it does not yet. An agent
// that may not watch them works without.
func (d *Driver) startEvents() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, namespace := range d.namespaceScopes() {
		if _, there := d.events[namespace]; there {
			continue
		}
		informer := d.informer(selection{
			resource:  schema.GroupVersionResource{Version: "v1", Resource: "events"},
			namespace: namespace,
			// Without this, the agent would be sent every event of every pod.
			fields:   "involvedObject.apiVersion=" + flink.String(),
			indexers: cache.Indexers{involvedIndex: indexInvolved},
		})
		_, _ = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc: func(o any) { d.reportEvent(object(o)) },
			// An event that repeats is the same object with a higher count.
			UpdateFunc: func(_, after any) { d.reportEvent(object(after)) },
		})
		if _, ok := d.run(informer); ok {
			d.events[namespace] = &eventWatch{informer}
		}
	}
}

func indexInvolved(o any) ([]string, error) {
	k, _ := involved(object(o))
	return []string{k.String()}, nil
}

// involved names the object that an event is about.
func involved(e *unstructured.Unstructured) (key, types.UID) {
	field := func(name string) string {
		value, _, _ := unstructured.NestedString(e.Object, "involvedObject", name)
		return value
	}
	k := key{apiVersion: field("apiVersion"), kind: field("kind"), namespace: field("namespace"), name: field("name")}
	if k.namespace == "" {
		k.namespace = e.GetNamespace()
	}
	return k, types.UID(field("uid"))
}

// reportEvent tells an event about an object of the agent's. Any other is kept
// until it turns out to be about one.
func (d *Driver) reportEvent(e *unstructured.Unstructured) {
	if e == nil || !d.reporting() {
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

// ownerOf finds whose object an event is about; empty where it is not ours. An
// object of the past, known by its uid, keeps its owner although another may
// have its name by now.
func (d *Driver) ownerOf(k key, uid types.UID) string {
	if owner := d.gone.owner(uid); owner != "" {
		return owner
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if o := d.cachedLocked(k); o != nil && (uid == "" || o.GetUID() == uid) {
		m, _ := marksOf(o)
		return m.owner
	}
	if r := d.records[k]; r != nil && r.known.want != nil && (uid == "" || r.known.uid == uid) {
		return r.known.want.owner
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
	}
}

// occurrences is how often an event has happened. Events of the newer API count
// in a series.
func occurrences(e *unstructured.Unstructured) int64 {
	count, _, _ := unstructured.NestedInt64(e.Object, "count")
	series, _, _ := unstructured.NestedInt64(e.Object, "series", "count")
	return max(count, series, 1)
}

func lastSeen(e *unstructured.Unstructured) time.Time {
	for _, path := range [][]string{{"series", "lastObservedTime"}, {"lastTimestamp"}, {"eventTime"}, {"firstTimestamp"}} {
		value, _, _ := unstructured.NestedString(e.Object, path...)
		if t, err := time.Parse(time.RFC3339Nano, value); err == nil {
			return t
		}
	}
	return e.GetCreationTimestamp().Time
}

// shorten cuts a text to at most limit bytes, and never within a character.
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

// reportEventsOf tells the events about an object that had come before it was
// known to be the agent's.
func (d *Driver) reportEventsOf(k key) {
	for _, w := range d.eventWatches() {
		about, _ := w.informer.GetIndexer().ByIndex(involvedIndex, k.String())
		for _, e := range about {
			d.reportEvent(object(e))
		}
	}
}

// reportAllEvents tells every event that is still on the cluster. The control
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

// reportDrift tells that the agent has put a change by others right.
func (d *Driver) reportDrift(t task, reason, id, message string) {
	d.mu.Lock()
	p := pace{}
	if r := d.records[t.key]; r != nil {
		r.pace.repaired(time.Now())
		p = r.pace
	}
	d.mu.Unlock()
	message = shorten(warnOfFight(message, p, d.timing), messageLimit)
	d.log.Warn("a change by others was put right", "object", t.key.String(), "reason", reason, "message", message)
	if !d.reporting() {
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
