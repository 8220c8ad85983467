package driver

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// create creates an object that does not exist. If the driver had applied the
// same revision before, another client has deleted the object.
func (d *Driver) create(ctx context.Context, t task, manifest *unstructured.Unstructured) result {
	recreated := t.known.matches(t.apply)
	if recreated {
		if delay := d.repairDelay(t.key); delay > 0 {
			return requeueAfter(delay)
		}
	}
	applied, err := d.apply(ctx, t, manifest, nil)
	if err != nil {
		return d.apiFailed("create", t, err)
	}
	if recreated {
		message := fmt.Sprintf("%s was deleted by another client and has been recreated.", t.key)
		if t.kind.jobs {
			message += " The state of the deleted object's job is lost: the new job starts from its spec."
		}
		d.reportDrift(t, "Recreated", string(t.known.uid)+"/"+t.known.resourceVersion, message)
	}
	return d.recordApplied(t, applied)
}

// update applies a revision to an object that has another one.
func (d *Driver) update(ctx context.Context, t task, manifest, live *unstructured.Unstructured) result {
	if delay := d.settleDelay(t, manifest, live); delay > 0 {
		return requeueAfter(delay)
	}
	applied, err := d.apply(ctx, t, manifest, live)
	if err != nil {
		return d.apiFailed("patch", t, err)
	}
	found := drift(manifest, t.apply, applied, snapshot{})
	if len(found) == 0 {
		return d.recordApplied(t, applied)
	}
	id := driftID(applied)
	if applied, err = d.trim(ctx, t, manifest, applied); err != nil {
		return d.apiFailed("patch", t, err)
	}
	if left := drift(manifest, t.apply, applied, snapshot{}); len(left) < len(found) && !t.apply.adopts(live, t.known) {
		d.reportDrift(t, "DriftRepaired", id, describe(found, t.kind.secret)+".")
	}
	return d.recordApplied(t, applied)
}

// repair reverts what other clients have changed about an object.
func (d *Driver) repair(ctx context.Context, t task, manifest, live *unstructured.Unstructured) result {
	found := drift(manifest, t.apply, live, t.known)
	if len(found) == 0 && bearsInstallation(live, t.installation) {
		return d.recordApplied(t, live)
	}
	if len(found) > 0 {
		if delay := d.repairDelay(t.key); delay > 0 {
			return requeueAfter(delay)
		}
	}
	if delay := d.settleDelay(t, manifest, live); delay > 0 {
		return requeueAfter(delay)
	}
	if len(found) == 0 {
		// It was applied before there was such a mark.
		applied, err := d.apply(ctx, t, manifest, live)
		if err != nil {
			return d.apiFailed("patch", t, err)
		}
		return d.recordApplied(t, applied)
	}
	applied, err := d.apply(ctx, t, manifest, live)
	if err == nil {
		applied, err = d.trim(ctx, t, manifest, applied)
	}
	if err != nil {
		return d.apiFailed("patch", t, err)
	}
	// What the API server itself sets, such as a default that a newer definition
	// has added, is not drift. It belongs to the object from now on.
	if left := drift(manifest, t.apply, applied, t.known); len(left) < len(found) || !sameContent(live, applied) {
		d.reportDrift(t, "DriftRepaired", driftID(live), describe(found, t.kind.secret)+".")
	}
	return d.recordApplied(t, applied)
}

func sameContent(a, b *unstructured.Unstructured) bool {
	return canonical(contentOf(a)) == canonical(contentOf(b))
}

// driftID identifies a change by another client across restarts: by the
// version that it created.
func driftID(o *unstructured.Unstructured) string {
	return string(o.GetUID()) + "/" + o.GetResourceVersion()
}

// apply applies the manifest with the marks. The write fails if an existing
// object has changed since it was read, so that its epoch still holds.
func (d *Driver) apply(ctx context.Context, t task, manifest, live *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	o := manifest.DeepCopy()
	m := t.apply.marks
	m.installation, m.epoch = t.installation, t.epoch
	lastApplied := ""
	if !t.kind.secret {
		var err error
		if lastApplied, err = encodeManifest(t.apply.manifest); err != nil {
			return nil, err
		}
	}
	m.stamp(o, lastApplied)
	// An object that exists says itself whether a newer session has applied it. One
	// that does not may have been deleted by a newer session.
	allowed := d.config.Fence.Check
	if live != nil {
		o.SetResourceVersion(live.GetResourceVersion())
		allowed = d.config.Fence.Claim
	}
	if err := allowed(ctx); err != nil {
		return nil, err
	}
	return d.cluster.apply(ctx, t.kind, o)
}

// trim removes what other clients have added to an object that was just
// applied: server-side apply leaves their fields alone. If the operator has written
// the status in between, it fails, and what is left is drift of the next attempt.
func (d *Driver) trim(ctx context.Context, t task, manifest, o *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	current := contentOf(o)
	target := without(current, foreignPaths(manifest, o))
	if t.known.matches(t.apply) {
		target = parseCanonical(t.known.content)
	}
	patch := mergePatch(current, target)
	if len(patch) == 0 {
		return o, nil
	}
	return d.cluster.merge(ctx, t.kind, o, patch)
}

// recordApplied records and acknowledges that an object is in its desired state.
func (d *Driver) recordApplied(t task, o *unstructured.Unstructured) result {
	d.mu.Lock()
	d.renewIfMissed(t)
	if r := d.records[t.key]; r != nil {
		r.observed.snapshot = newSnapshot(t.apply, o)
		r.observed.settling.end()
	}
	d.mu.Unlock()
	d.acknowledge(t, nil)
	return done
}

// renewIfMissed requests a new session if a write overlapped with the start of
// the current one: its Hello could not include the write, so the control plane
// may have sent nothing where it would have. The caller holds d.mu.
func (d *Driver) renewIfMissed(t task) {
	if d.session.mode != active || d.session.epoch == t.epoch {
		return
	}
	r := d.records[t.key]
	if r == nil || r.desired.apply == nil || (r.desired.applySession != d.session.number && !t.apply.equal(r.desired.apply)) {
		d.requestRenewal(t.key)
	}
}

// requestRenewal requests a new session because of a write that Hello missed.
func (d *Driver) requestRenewal(k key) {
	d.config.Reports.Renew(k.String() + " was written while the session began")
}
