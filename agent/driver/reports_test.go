package driver

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// reports keeps what a driver reported.
type reports struct {
	t       *testing.T
	mu      sync.Mutex
	changed chan struct{} // closed and made anew with every report

	acks       []*agentv1.Ack
	statuses   []*agentv1.StatusReport
	events     []*agentv1.EventReport
	namespaces [][]string
	renewals   []string
}

func newReports(t *testing.T) *reports { return &reports{t: t, changed: make(chan struct{})} }

func (r *reports) note(add func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	add()
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *reports) Ack(a *agentv1.Ack) { r.note(func() { r.acks = append(r.acks, a) }) }
func (r *reports) Status(s *agentv1.StatusReport) {
	r.note(func() { r.statuses = append(r.statuses, s) })
}
func (r *reports) Event(e *agentv1.EventReport) { r.note(func() { r.events = append(r.events, e) }) }
func (r *reports) Renew(reason string)          { r.note(func() { r.renewals = append(r.renewals, reason) }) }
func (r *reports) Namespaces(n *agentv1.NamespacesReport) {
	r.note(func() { r.namespaces = append(r.namespaces, n.GetNames()) })
}

// find waits until one of the items that list gives is accepted, and says what
// there was instead if none ever is.
func find[T any](r *reports, what string, list func() []T, accept func(T) bool) T {
	r.t.Helper()
	deadline := time.After(patience)
	for {
		r.mu.Lock()
		items, changed := slices.Clone(list()), r.changed
		r.mu.Unlock()
		if i := slices.IndexFunc(items, accept); i >= 0 {
			return items[i]
		}
		select {
		case <-changed:
		case <-deadline:
			var all []string
			for _, item := range items {
				all = append(all, fmt.Sprint(item))
			}
			r.t.Fatalf("the driver did not report %s; it reported:\n%s", what, strings.Join(all, "\n"))
		}
	}
}

// ack waits for an Ack of an object with an outcome and a reason.
func (r *reports) ack(name string, outcome agentv1.Outcome, reason string) *agentv1.Ack {
	r.t.Helper()
	return find(r, fmt.Sprintf("%s %s of %s", outcome, reason, name),
		func() []*agentv1.Ack { return r.acks },
		func(a *agentv1.Ack) bool {
			return a.GetRef().GetName() == name && a.GetOutcome() == outcome && a.GetReason() == reason
		})
}

func (r *reports) applied(name string, generation int64) {
	r.t.Helper()
	find(r, fmt.Sprintf("%s applied at generation %d", name, generation),
		func() []*agentv1.Ack { return r.acks },
		func(a *agentv1.Ack) bool {
			return a.GetRef().GetName() == name && a.GetOutcome() == agentv1.Outcome_OUTCOME_APPLIED && a.GetGeneration() == generation
		})
}

func (r *reports) deleted(name, owner string) {
	r.t.Helper()
	find(r, fmt.Sprintf("%s of %s deleted", name, owner),
		func() []*agentv1.Ack { return r.acks },
		func(a *agentv1.Ack) bool {
			return a.GetRef().GetName() == name && a.GetOutcome() == agentv1.Outcome_OUTCOME_DELETED && a.GetOwnerUid() == owner
		})
}

func (r *reports) event(name, reason string) *agentv1.EventReport {
	r.t.Helper()
	return find(r, fmt.Sprintf("event %s of %s", reason, name),
		func() []*agentv1.EventReport { return r.events },
		func(e *agentv1.EventReport) bool { return e.GetRef().GetName() == name && e.GetReason() == reason })
}

func (r *reports) status(name string, accept func(*agentv1.StatusReport) bool) *agentv1.StatusReport {
	r.t.Helper()
	return find(r, "a status of "+name,
		func() []*agentv1.StatusReport { return r.statuses },
		func(s *agentv1.StatusReport) bool { return s.GetRef().GetName() == name && accept(s) })
}

// forget drops what was reported so far.
func (r *reports) forget() {
	r.note(func() { r.acks, r.statuses, r.events, r.namespaces, r.renewals = nil, nil, nil, nil, nil })
}

// count is how many acks, statuses and events there are.
func (r *reports) count() (acks, statuses, events int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.acks), len(r.statuses), len(r.events)
}

// hello waits for the driver to describe its cluster.
func (s *session) hello() *agentv1.Hello {
	s.t.Helper()
	h, err := s.Hello(s.t.Context())
	if err != nil {
		s.t.Fatalf("describe the cluster: %v", err)
	}
	return h
}

// want sends an Apply of a FlinkDeployment.
func (s *session) want(name, owner string, generation int64, manifest string) {
	s.Apply(&agentv1.Apply{
		Ref:        deploymentRef(name),
		OwnerUid:   owner,
		Generation: generation,
		Hash:       fmt.Sprintf("hash of %d bytes, generation %d", len(manifest), generation),
		Manifest:   manifest,
	})
}

func deploymentRef(name string) *agentv1.ObjectRef {
	return &agentv1.ObjectRef{ApiVersion: flink.String(), Kind: "FlinkDeployment", Namespace: "default", Name: name}
}

func secretRef(name string) *agentv1.ObjectRef {
	return &agentv1.ObjectRef{ApiVersion: "v1", Kind: "Secret", Namespace: "default", Name: name}
}

// eventually waits for a condition of the cluster.
func (w *world) eventually(what string, condition func() bool) {
	w.t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			w.t.Fatalf("it did not come to pass that %s", what)
		}
	}
}

// sees waits until the driver's watch shows a FlinkDeployment so.
func (s *session) sees(name string, so func(*unstructured.Unstructured) bool) {
	s.t.Helper()
	s.eventually("the driver's watch shows it", func() bool {
		o := s.cached(keyOf(deploymentRef(name)))
		return o != nil && so(o)
	})
}

// passes does something harmless to another object and waits until the driver
// has seen to it, so that it had its chance at everything before.
func (s *session) passes() {
	s.t.Helper()
	s.said.mu.Lock()
	name := fmt.Sprintf("probe-%d", len(s.said.acks))
	s.said.mu.Unlock()
	s.want(name, "probe", 1, manifest(name, 1))
	s.said.applied(name, 1)
}
