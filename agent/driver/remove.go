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
