package driver

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// removeObject takes the next step to remove the object of an owner, and
// reports whether it is removed.
func (d *Driver) removeObject(ctx context.Context, t task, live *unstructured.Unstructured) (r result, isRemoved bool) {
	if t.release {
		return d.releaseObject(ctx, t, live)
	}
	switch decideRemoval(t.remove, live, t.known, t.installation, t.epoch) {
	case removed:
		return done, true
	case fenced:
		m, _ := marksOf(live)
		return failed(d.explain.superseded(t.key, m.epoch, t.epoch)), false
	case terminating:
		return d.awaitDeletion(t, live), false
	}
	// The status, which holds the path of the last savepoint, goes with the
	// object, so report it first.
	d.reportStatus(live)
	if err := d.config.Fence.Check(ctx); err != nil {
		return d.apiFailed("delete", t, err), false
	}
	if err := d.cluster.remove(ctx, t.kind, live); err != nil {
		return d.apiFailed("delete", t, err), false
	}
	return requeueAfter(0), false
}

// releaseObject takes the marks off an object and leaves the object in place.
// An object without the owner's marks is released already.
func (d *Driver) releaseObject(ctx context.Context, t task, live *unstructured.Unstructured) (r result, isReleased bool) {
	m, marked := marksOf(live)
	if !marked || m.owner != t.remove || m.isForeign(t.installation) {
		return done, true
	}
	if m.epoch > t.epoch {
		return failed(d.explain.superseded(t.key, m.epoch, t.epoch)), false
	}
	if delay := d.settleDelay(t, nil, live); delay > 0 {
		return requeueAfter(delay), false
	}
	if err := d.config.Fence.Claim(ctx); err != nil {
		return d.apiFailed("patch", t, err), false
	}
	if err := d.cluster.release(ctx, t.kind, live); err != nil {
		return d.apiFailed("patch", t, err), false
	}
	return done, true
}

// acknowledgeDeleted records and acknowledges that the object of an owner is
// removed.
func (d *Driver) acknowledgeDeleted(t task) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.records[t.key]
	if r == nil || r.desired.remove != t.remove || d.session.mode != active {
		return
	}
	d.deleted.add(r.observed.uid, t.remove)
	r.desired.remove = ""
	if r.observed.revision != nil && r.observed.revision.owner == t.remove {
		r.observed.snapshot = snapshot{}
	}
	if r.desired.apply == nil {
		delete(d.records, t.key)
		d.retries.Forget(t.key)
	}
	d.config.Reports.Ack(&agentv1.Ack{
		Ref:      t.key.ref(),
		OwnerUid: t.remove,
		Outcome:  agentv1.Outcome_OUTCOME_DELETED,
	})
}
