package driver

import (
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/openweir/weir/agent/fence"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// task is what a worker knows of an object when it reconciles it.
type task struct {
	key     key
	kind    *kind
	apply   *revision
	remove  string
	release bool // with remove: take the marks off instead of deleting
	known   snapshot
	// The session that the task belongs to.
	installation string
	epoch        int64
}

// result is how one reconciliation of an object ended.
type result struct {
	requeueAfter time.Duration // zero: not before the next event
	problem      *problem
}

var done = result{}

func failed(p *problem) result { return result{problem: p} }

func requeueAfter(d time.Duration) result { return result{requeueAfter: max(d, time.Millisecond)} }

// runWorker reconciles objects from the queue, one at a time, until the queue
// is shut down.
func (d *Driver) runWorker(ctx context.Context) {
	for {
		k, shutDown := d.queue.Get()
		if shutDown {
			return
		}
		d.process(ctx, k)
		d.queue.Done(k)
	}
}

// process reconciles an object once and schedules the next time.
func (d *Driver) process(ctx context.Context, k key) {
	t, ok := d.task(k)
	if !ok {
		return
	}
	r := d.reconcile(ctx, t)
	if r.problem != nil && r.problem.reason != ReasonConflict {
		d.endSettling(k)
	}
	switch {
	case ctx.Err() != nil:
	case r.problem == nil:
		d.retries.Forget(k)
		if r.requeueAfter > 0 {
			d.queue.AddAfter(k, r.requeueAfter)
		}
	case r.problem.outcome == agentv1.Outcome_OUTCOME_REFUSED:
		d.acknowledge(t, r.problem)
		d.queue.AddAfter(k, wait.Jitter(d.timing.RetryRefused, jitter))
	default:
		delay := d.retries.When(k)
		if r.problem.reason != ReasonConflict || d.retries.NumRequeues(k) > unreportedConflicts {
			d.acknowledge(t, r.problem)
		}
		d.queue.AddAfter(k, wait.Jitter(delay, jitter))
	}
}

// unreportedConflicts is how many write conflicts in a row are retried without a
// report: the operator writes the same objects.
const unreportedConflicts = 5

// task reads the record of an object. It returns false if there is nothing to
// do.
func (d *Driver) task(k key) (task, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.records[k]
	if r == nil || d.session.mode != active {
		return task{}, false
	}
	t := task{key: k, kind: kindOf(k), known: r.observed.snapshot, release: r.desired.release,
		installation: d.session.installation, epoch: d.session.epoch}
	t.apply, t.remove = r.desired.effective(d.session)
	if t.apply == nil && t.remove == "" {
		return task{}, false
	}
	if t.remove == "" && !r.desired.pendingAck && t.known.matches(t.apply) && inSync(t, d.cachedLocked(k)) {
		return task{}, false
	}
	return t, true
}

// inSync reports whether an object, as its watch last saw it, is in the desired
// state. It saves a request for each of the operator's changes of status.
func inSync(t task, cached *unstructured.Unstructured) bool {
	if cached == nil || cached.GetDeletionTimestamp() != nil || cached.GetUID() != t.known.uid || !bearsInstallation(cached, t.installation) {
		return false
	}
	manifest, err := parseManifest(t.key, t.apply.manifest)
	return err == nil && len(drift(manifest, t.apply, cached, t.known)) == 0
}

// reconcile takes the next step towards the desired state of an object.
func (d *Driver) reconcile(ctx context.Context, t task) result {
	if p := d.precheck(t); p != nil {
		if t.apply == nil && p.reason == ReasonMissingDefinition {
			d.acknowledgeDeleted(t) // without the definition there is no object
			return done
		}
		return failed(p)
	}
	live, err := d.cluster.get(ctx, t.kind, t.key)
	if err != nil {
		return d.apiFailed("get", t, err)
	}
	if !d.isCurrent(t) {
		return requeueAfter(0)
	}
	if t.remove != "" {
		if r, isRemoved := d.removeObject(ctx, t, live); !isRemoved {
			return r
		}
		d.acknowledgeDeleted(t)
	}
	if t.apply == nil {
		return done
	}
	return d.applyRevision(ctx, t, live)
}

// isCurrent reports whether a task is still what is desired. The driver writes
// nothing once it has been fenced off or told otherwise.
func (d *Driver) isCurrent(t task) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.records[t.key]
	if r == nil || d.session.mode != active || d.session.epoch != t.epoch {
		return false
	}
	apply, remove := r.desired.effective(d.session)
	return apply == t.apply && remove == t.remove
}

// precheck returns what prevents a task before the API server is asked.
func (d *Driver) precheck(t task) *problem {
	if !d.allowed(t.key.namespace) {
		return d.explain.namespaceNotAllowed(t.key.namespace)
	}
	if t.kind.custom && !d.isPresent(t.kind) {
		return d.explain.missingDefinition(t.kind)
	}
	return nil
}

// apiFailed explains an error of the API server.
func (d *Driver) apiFailed(verb string, t task, err error) result {
	if newer, ok := errors.AsType[*fence.SupersededError](err); ok {
		return failed(d.explain.superseded(t.key, newer.Newest, t.epoch))
	}
	p := d.explain.failed(verb, t.key, t.kind, err)
	switch p.reason {
	case ReasonMissingDefinition:
		d.requestProbe()
		if t.apply == nil {
			d.acknowledgeDeleted(t)
			return done
		}
	case ReasonUnavailable, ReasonUnauthorized:
		d.requestProbe()
	}
	return failed(p)
}

// applyRevision takes the next step towards the desired revision.
func (d *Driver) applyRevision(ctx context.Context, t task, live *unstructured.Unstructured) result {
	manifest, err := parseManifest(t.key, t.apply.manifest)
	if err != nil {
		return failed(refused(ReasonInvalid, "%s cannot be applied: %s", t.key, err))
	}
	if p := d.checkPodSecurity(t, manifest); p != nil {
		return failed(p)
	}
	if p := d.checkPolicies(ctx, t, manifest, live); p != nil {
		return failed(p)
	}
	m, _ := marksOf(live)
	switch decide(t.apply, live, t.known, t.installation, t.epoch) {
	case create:
		return d.create(ctx, t, manifest)
	case update:
		return d.update(ctx, t, manifest, live)
	case keep:
		return d.repair(ctx, t, manifest, live)
	case takeOver:
		return d.takeOver(ctx, t, manifest, live)
	case adopt:
		return d.adopt(ctx, t, manifest, live)
	case foreign:
		return failed(d.explain.otherInstallation(t.key, m.installation).about(live))
	case terminating:
		return d.awaitDeletion(t, live)
	case skip:
		d.adoptNewer(t, live)
		return done
	case fenced:
		return failed(d.explain.superseded(t.key, m.epoch, t.epoch))
	}
	return failed(d.explain.notOwned(t.key).about(live))
}

// adopt takes over the object that the control plane has decided to take over. Its
// marks may be of another installation or missing, so that they do not say whether a
// newer session of this one has begun.
func (d *Driver) adopt(ctx context.Context, t task, manifest, live *unstructured.Unstructured) result {
	if err := d.config.Fence.Check(ctx); err != nil {
		return d.apiFailed("patch", t, err)
	}
	return d.update(ctx, t, manifest, live)
}

// takeOver takes over the object of another owner, which the control plane did not
// have deleted. It never deletes a job to make room for another one: what runs has
// to be what is desired.
func (d *Driver) takeOver(ctx context.Context, t task, manifest, live *unstructured.Unstructured) result {
	if t.kind.jobs && len(contentDrift(manifest, t.apply, live, snapshot{})) > 0 {
		m, _ := marksOf(live)
		return failed(d.explain.otherOwner(t.key, m.owner).about(live))
	}
	d.log.Info("taking over the object of another owner", "object", t.key.String())
	return d.update(ctx, t, manifest, live)
}

// adoptNewer keeps an object with a newer generation than the Apply at hand as
// it is.
func (d *Driver) adoptNewer(t task, live *unstructured.Unstructured) {
	d.log.Info("ignoring an Apply that is older than the object", "object", t.key.String(), "generation", t.apply.generation)
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.records[t.key]
	if r == nil || r.desired.apply != t.apply {
		return
	}
	newer := lastApplied(live)
	if newer == nil {
		delete(d.records, t.key)
		return
	}
	r.desired.apply, r.desired.held.revision, r.desired.pendingAck = newer, newer, false
	if s := snapshotOfAdopted(newer, t.key, live); s.revision != nil {
		r.observed.snapshot = s
	}
}

// awaitDeletion waits until a terminating object is gone, and reports one that
// takes long.
func (d *Driver) awaitDeletion(t task, live *unstructured.Unstructured) result {
	since := live.GetDeletionTimestamp().Time
	if waited := time.Since(since); waited < d.timing.Terminating {
		return requeueAfter(d.timing.Terminating - waited)
	}
	return failed(d.explain.terminating(t.key, since, live.GetFinalizers()))
}

// acknowledge sends an Ack for a task, unless something else is desired by now
// or the control plane already has that Ack.
func (d *Driver) acknowledge(t task, p *problem) {
	a := &agentv1.Ack{Ref: t.key.ref(), Outcome: agentv1.Outcome_OUTCOME_APPLIED}
	if p != nil {
		a.Outcome, a.Reason, a.Message, a.Found = p.outcome, p.reason, p.message, p.found
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.records[t.key]
	if r == nil || d.session.mode != active {
		return
	}
	switch {
	case t.remove != "" && r.desired.remove == t.remove:
		a.OwnerUid = t.remove
	case t.apply != nil && r.desired.apply == t.apply:
		a.OwnerUid, a.Generation, a.Hash = t.apply.owner, t.apply.generation, t.apply.hash
	default:
		return
	}
	content := ackContent{a.OwnerUid, a.Hash, a.Reason, a.Message, a.GetFound().GetObjectUid(), a.Generation, a.GetFound().GetObjectGeneration(), a.Outcome}
	if !r.desired.pendingAck && content == r.observed.lastAck {
		return
	}
	r.desired.pendingAck, r.observed.lastAck = false, content
	d.config.Reports.Ack(a)
	if p != nil {
		d.log.Warn("object differs from its desired state", "object", t.key.String(), "reason", p.reason, "message", p.message)
	}
}
