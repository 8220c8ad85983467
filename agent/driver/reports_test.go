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
	"github.com/openweir/weir/internal/await"
)

// recorder records what a driver reports.
type recorder struct {
	t       *testing.T
	mu      sync.Mutex
	changed chan struct{} // closed and made anew with every report

	acks       []*agentv1.Ack
	statuses   []*agentv1.StatusReport
	events     []*agentv1.EventReport
	namespaces [][]string
	renewals   []string
}

func newRecorder(t *testing.T) *recorder { return &recorder{t: t, changed: make(chan struct{})} }

func (r *recorder) note(add func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	add()
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *recorder) Ack(a *agentv1.Ack) { r.note(func() { r.acks = append(r.acks, a) }) }
func (r *recorder) Status(s *agentv1.StatusReport) {
	r.note(func() { r.statuses = append(r.statuses, s) })
}
func (r *recorder) Event(e *agentv1.EventReport) { r.note(func() { r.events = append(r.events, e) }) }
func (r *recorder) Renew(reason string)          { r.note(func() { r.renewals = append(r.renewals, reason) }) }
func (r *recorder) Namespaces(n *agentv1.NamespacesReport) {
	r.note(func() { r.namespaces = append(r.namespaces, n.GetNames()) })
}

// find waits until one of the items that list gives is accepted, and says what
// there was instead if none ever is.
func find[T any](r *recorder, what string, list func() []T, accept func(T) bool) T {
	r.t.Helper()
	deadline := time.After(await.Patience)
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
func (r *recorder) ack(name string, outcome agentv1.Outcome, reason string) *agentv1.Ack {
	r.t.Helper()
	return find(r, fmt.Sprintf("%s %s of %s", outcome, reason, name),
		func() []*agentv1.Ack { return r.acks },
		func(a *agentv1.Ack) bool {
			return a.GetRef().GetName() == name && a.GetOutcome() == outcome && a.GetReason() == reason
		})
}

func (r *recorder) applied(name string, generation int64) {
	r.t.Helper()
	find(r, fmt.Sprintf("%s applied at generation %d", name, generation),
		func() []*agentv1.Ack { return r.acks },
		func(a *agentv1.Ack) bool {
			return a.GetRef().GetName() == name && a.GetOutcome() == agentv1.Outcome_OUTCOME_APPLIED && a.GetGeneration() == generation
		})
}

func (r *recorder) deleted(name, owner string) {
	r.t.Helper()
	find(r, fmt.Sprintf("%s of %s deleted", name, owner),
		func() []*agentv1.Ack { return r.acks },
		func(a *agentv1.Ack) bool {
			return a.GetRef().GetName() == name && a.GetOutcome() == agentv1.Outcome_OUTCOME_DELETED && a.GetOwnerUid() == owner
		})
}

func (r *recorder) event(name, reason string) *agentv1.EventReport {
	r.t.Helper()
	return find(r, fmt.Sprintf("event %s of %s", reason, name),
		func() []*agentv1.EventReport { return r.events },
		func(e *agentv1.EventReport) bool { return e.GetRef().GetName() == name && e.GetReason() == reason })
}

func (r *recorder) status(name string, accept func(*agentv1.StatusReport) bool) *agentv1.StatusReport {
	r.t.Helper()
	return find(r, "a status of "+name,
		func() []*agentv1.StatusReport { return r.statuses },
		func(s *agentv1.StatusReport) bool { return s.GetRef().GetName() == name && accept(s) })
}

// reset drops what was reported so far.
func (r *recorder) reset() {
	r.note(func() { r.acks, r.statuses, r.events, r.namespaces, r.renewals = nil, nil, nil, nil, nil })
}

// count is how many acks, statuses and events there are.
func (r *recorder) count() (acks, statuses, events int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.acks), len(r.statuses), len(r.events)
}

// hello waits for the driver to describe its cluster.
func (s *testSession) hello() *agentv1.Hello {
	s.t.Helper()
	h := &agentv1.Hello{}
	if err := s.Describe(s.t.Context(), h); err != nil {
		s.t.Fatalf("describe the cluster: %v", err)
	}
	return h
}

// applyDeployment sends an Apply of a FlinkDeployment.
func (s *testSession) applyDeployment(name, owner string, generation int64, manifest string) {
	s.Apply(&agentv1.Apply{
		Ref:        deploymentRef(name),
		OwnerUid:   owner,
		Generation: generation,
		Hash:       fmt.Sprintf("hash of %d bytes, generation %d", len(manifest), generation),
		Manifest:   manifest,
	})
}

func deploymentRef(name string) *agentv1.ObjectRef {
	return &agentv1.ObjectRef{ApiVersion: flinkVersion.String(), Kind: "FlinkDeployment", Namespace: "default", Name: name}
}

func secretRef(name string) *agentv1.ObjectRef {
	return &agentv1.ObjectRef{ApiVersion: "v1", Kind: "Secret", Namespace: "default", Name: name}
}

// awaitCached waits until the driver's watch shows a FlinkDeployment so.
func (s *testSession) awaitCached(name string, so func(*unstructured.Unstructured) bool) {
	s.t.Helper()
	await.Until(s.t, "the driver's watch shows it", func() bool {
		o := s.cached(keyOf(deploymentRef(name)))
		return o != nil && so(o)
	})
}

// flush does something harmless to another object and waits until the driver
// has seen to it, so that it had its chance at everything before.
func (s *testSession) flush() {
	s.t.Helper()
	s.reports.mu.Lock()
	name := fmt.Sprintf("probe-%d", len(s.reports.acks))
	s.reports.mu.Unlock()
	s.applyDeployment(name, "probe", 1, manifest(name, 1))
	s.reports.applied(name, 1)
}
