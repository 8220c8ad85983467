package driver

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// removeObject does the next thing towards the end of an object, and says
// whether it is gone.
func (d *Driver) removeObject(ctx context.Context, t task, live *unstructured.Unstructured) (o outcome, isGone bool) {
	if t.release {
		return d.releaseObject(ctx, t, live)
	}
	switch decideRemoval(t.remove, live, t.known, t.epoch) {
	case absent:
		return done, true
	case leave:
		m, _ := marksOf(live)
		return failed(d.explain.superseded(t.key, m.epoch, t.epoch)), false
	case dropping:
		return d.awaitEnd(t, live), false
	}
	// The status goes with the object, and with it the path of the last
	// savepoint: it is reported while it is there.
	d.reportStatus(live)
	if err := d.cluster.remove(ctx, t.kind, live); err != nil {
		return d.apiFailed("delete", t, err), false
	}
	return later(time.Millisecond), false
}

// releaseObject takes the marks off an object and leaves it to itself. Without
// marks of the owner, by whatever way, there is nothing to let go of.
func (d *Driver) releaseObject(ctx context.Context, t task, live *unstructured.Unstructured) (o outcome, isGone bool) {
	m, marked := marksOf(live)
	if !marked || m.owner != t.remove {
		return done, true
	}
	if t.epoch > 0 && m.epoch > t.epoch {
		return failed(d.explain.superseded(t.key, m.epoch, t.epoch)), false
	}
	if err := d.cluster.release(ctx, t.kind, live); err != nil {
		return d.apiFailed("patch", t, err), false
	}
	return done, true
}

// removed notes that the object of an owner is gone, and says so.
func (d *Driver) removed(t task) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.records[t.key]
	if r == nil || r.remove != t.remove || d.mode != acting {
		return
	}
	d.gone.add(r.known.uid, t.remove)
	r.remove = ""
	if r.known.want != nil && r.known.want.owner == t.remove {
		r.known = knowledge{}
	}
	if r.apply == nil {
		delete(d.records, t.key)
		d.retries.Forget(t.key)
	}
	d.config.Reports.Ack(&agentv1.Ack{
		Ref:      t.key.ref(),
		OwnerUid: t.remove,
		Outcome:  agentv1.Outcome_OUTCOME_DELETED,
	})
}
