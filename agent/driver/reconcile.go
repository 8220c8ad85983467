package driver

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// task is what a worker knows when it turns to an object.
type task struct {
	key    key
	kind   *kind
	apply  *want
	remove string
	// release says to let go of the object of remove rather than delete it.
	release bool
	known   knowledge
	epoch   int64
}

// outcome is how a turn ended: done, to be repeated at a time, or failed.
type outcome struct {
	again   time.Duration // zero: not before something happens
	problem *problem
}

var done = outcome{}

func failed(p *problem) outcome { return outcome{problem: p} }

func later(d time.Duration) outcome { return outcome{again: max(d, time.Millisecond)} }

// work takes objects from the queue, one at a time, until it is shut down. No
// object is worked on by two workers at once.
func (d *Driver) work(ctx context.Context) {
	for {
		k, closed := d.queue.Get()
		if closed {
			return
		}
		d.turn(ctx, k)
		d.queue.Done(k)
	}
}

// turn looks at an object once and sees to when it is looked at next.
func (d *Driver) turn(ctx context.Context, k key) {
	t, ok := d.task(k)
	if !ok {
		return
	}
	o := d.reconcile(ctx, t)
	switch {
	case ctx.Err() != nil:
	case o.problem == nil:
		d.retries.Forget(k)
		if o.again > 0 {
			d.queue.AddAfter(k, o.again)
		}
	case o.problem.outcome == agentv1.Outcome_OUTCOME_REFUSED:
		d.answer(t, o.problem)
		d.queue.AddAfter(k, jitter(d.timing.Seldom))
	default:
		pause := d.retries.When(k)
		// A lost race is no news, unless it is lost again and again.
		if o.problem.reason != ReasonConflict || d.retries.NumRequeues(k) > quietConflicts {
			d.answer(t, o.problem)
		}
		d.queue.AddAfter(k, jitter(pause))
	}
}

// quietConflicts is how many lost races in a row are nobody's business.
const quietConflicts = 5

// task reads the record of an object; false where there is nothing to do.
func (d *Driver) task(k key) (task, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.records[k]
	if r == nil || d.mode != acting {
		return task{}, false
	}
	t := task{key: k, kind: kindOf(k), known: r.known, epoch: d.epoch, release: r.release}
	t.apply, t.remove = r.wanted(d.session, d.syncing)
	if t.apply == nil && t.remove == "" {
		return task{}, false
	}
	if t.remove == "" && !r.owed && r.known.of(t.apply) && undisturbed(t, d.cachedLocked(k)) {
		return task{}, false
	}
	return t, true
}

// undisturbed says that an object, as the watch has it, is what it shall be.
// It spares a request for every one of the operator's changes of status.
func undisturbed(t task, seen *unstructured.Unstructured) bool {
	if seen == nil || seen.GetDeletionTimestamp() != nil || seen.GetUID() != t.known.uid {
		return false
	}
	manifest, err := parseManifest(t.key, t.apply.manifest)
	return err == nil && len(drift(manifest, t.apply, seen, t.known)) == 0
}

// reconcile does the next thing that the object needs.
func (d *Driver) reconcile(ctx context.Context, t task) outcome {
	if p := d.impossible(t); p != nil {
		if t.apply == nil && p.reason == ReasonMissingDefinition {
			d.removed(t) // no definition, no object
			return done
		}
		return failed(p)
	}
	live, err := d.cluster.get(ctx, t.kind, t.key)
	if err != nil {
		return d.apiFailed("get", t, err)
	}
	if !d.current(t) {
		return later(time.Millisecond)
	}
	if t.remove != "" {
		if o, gone := d.removeObject(ctx, t, live); !gone {
			return o
		}
		d.removed(t)
	}
	if t.apply == nil {
		return done
	}
	return d.keep(ctx, t, live)
}

// current says whether a task is still what there is to do. Whoever is told to
// stop, or to do otherwise, begins nothing more.
func (d *Driver) current(t task) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.records[t.key]
	if r == nil || d.mode != acting || d.epoch != t.epoch {
		return false
	}
	apply, remove := r.wanted(d.session, d.syncing)
	return apply == t.apply && remove == t.remove
}

// impossible says what stands in the way before the API server is asked.
func (d *Driver) impossible(t task) *problem {
	if t.kind == nil {
		return d.explain.unsupported(t.key)
	}
	if !d.allowed(t.key.namespace) {
		return d.explain.foreignNamespace(t.key.namespace)
	}
	if t.kind.custom && !d.isPresent(t.kind) {
		return d.explain.missingDefinition(t.kind)
	}
	return nil
}

// apiFailed explains an error of the API server.
func (d *Driver) apiFailed(verb string, t task, err error) outcome {
	p := d.explain.failed(verb, t.key, t.kind, err)
	switch p.reason {
	case ReasonMissingDefinition:
		d.probeNow()
		if t.apply == nil {
			d.removed(t)
			return done
		}
	case ReasonUnavailable, ReasonUnauthorized:
		d.probeNow()
	}
	return failed(p)
}

// keep makes an object what it shall be.
func (d *Driver) keep(ctx context.Context, t task, live *unstructured.Unstructured) outcome {
	manifest, err := parseManifest(t.key, t.apply.manifest)
	if err != nil {
		return failed(refused(ReasonInvalid, "%s cannot be applied: %s", t.key, err))
	}
	switch decide(t.apply, live, t.known, t.epoch) {
	case create:
		return d.create(ctx, t, manifest)
	case update:
		return d.write(ctx, t, manifest, live)
	case hold:
		return d.repair(ctx, t, manifest, live)
	case replace:
		m, _ := marksOf(live)
		d.log.Info("an object of an earlier owner goes first", "object", t.key.String(), "owner", m.owner)
		if err := d.cluster.remove(ctx, t.kind, live); err != nil {
			return d.apiFailed("delete", t, err)
		}
		return later(time.Millisecond)
	case await:
		return d.awaitEnd(t, live)
	case outdated:
		d.stand(t, live)
		return done
	case standBack:
		m, _ := marksOf(live)
		return failed(d.explain.superseded(t.key, m.epoch, t.epoch))
	}
	return failed(d.explain.notOwned(t.key))
}

// stand lets an object be that bears a newer generation than the Apply at hand,
// and keeps it as it is.
func (d *Driver) stand(t task, live *unstructured.Unstructured) {
	d.log.Info("ignored an Apply older than the object", "object", t.key.String(), "generation", t.apply.generation)
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.records[t.key]
	if r == nil || r.apply != t.apply {
		return
	}
	r.owed = false
	if w := adoptable(live); w != nil {
		r.apply, r.held = w, w
		r.learn(t.key, live)
	} else {
		delete(d.records, t.key)
	}
}

// awaitEnd waits for an object to be gone, and says so if it takes long.
func (d *Driver) awaitEnd(t task, live *unstructured.Unstructured) outcome {
	since := live.GetDeletionTimestamp().Time
	if waited := time.Since(since); waited < d.timing.Stuck {
		return later(d.timing.Stuck - waited)
	}
	return failed(d.explain.terminating(t.key, since, live.GetFinalizers()))
}

// answer sends an Ack for what a task wanted, unless something newer is wanted
// by now, or the control plane knows already.
func (d *Driver) answer(t task, p *problem) {
	a := &agentv1.Ack{Ref: t.key.ref(), Outcome: agentv1.Outcome_OUTCOME_APPLIED}
	if p != nil {
		a.Outcome, a.Reason, a.Message = p.outcome, p.reason, p.message
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.records[t.key]
	if r == nil || d.mode != acting {
		return
	}
	switch {
	case t.remove != "" && r.remove == t.remove:
		a.OwnerUid = t.remove
	case t.apply != nil && r.apply == t.apply:
		a.OwnerUid, a.Generation, a.Hash = t.apply.owner, t.apply.generation, t.apply.hash
	default:
		return
	}
	given := answer{a.OwnerUid, a.Hash, a.Reason, a.Message, a.Generation, a.Outcome}
	if !r.owed && given == r.answered {
		return
	}
	r.owed, r.answered = false, given
	d.config.Reports.Ack(a)
	if p != nil {
		d.log.Warn("an object is not as it shall be", "object", t.key.String(), "reason", p.reason, "message", p.message)
	}
}
