package driver

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// create makes an object that does not exist. Where it did exist as it shall
// be, others have deleted it.
func (d *Driver) create(ctx context.Context, t task, manifest *unstructured.Unstructured) outcome {
	again := t.known.of(t.apply)
	if again {
		if pause := d.pause(t.key); pause > 0 {
			return later(pause)
		}
	}
	made, err := d.apply(ctx, t, manifest, nil)
	if err != nil {
		return d.apiFailed("create", t, err)
	}
	if again {
		message := fmt.Sprintf("%s was deleted by others, and was created again.", t.key)
		if t.kind.jobs {
			message += " What the deleted object's job had in memory is gone with it: the new one begins from its spec."
		}
		d.reportDrift(t, "Recreated", string(t.known.uid)+"/"+t.known.version, message)
	}
	return d.settled(t, made)
}

// write makes an existing object what a new manifest says.
func (d *Driver) write(ctx context.Context, t task, manifest, live *unstructured.Unstructured) outcome {
	made, err := d.apply(ctx, t, manifest, live)
	if err != nil {
		return d.apiFailed("patch", t, err)
	}
	foreign := drift(manifest, t.apply, made, knowledge{})
	if len(foreign) == 0 {
		return d.settled(t, made)
	}
	id := driftID(made)
	if made, err = d.trim(ctx, t, manifest, made); err != nil {
		return d.apiFailed("patch", t, err)
	}
	if left := drift(manifest, t.apply, made, knowledge{}); len(left) < len(foreign) {
		d.reportDrift(t, "DriftRepaired", id, describe(foreign, t.kind.secret)+".")
	}
	return d.settled(t, made)
}

// repair puts right what others have changed about an object.
func (d *Driver) repair(ctx context.Context, t task, manifest, live *unstructured.Unstructured) outcome {
	found := drift(manifest, t.apply, live, t.known)
	if len(found) == 0 {
		return d.settled(t, live)
	}
	if pause := d.pause(t.key); pause > 0 {
		return later(pause)
	}
	made, err := d.apply(ctx, t, manifest, live)
	if err == nil {
		made, err = d.trim(ctx, t, manifest, made)
	}
	if err != nil {
		return d.apiFailed("patch", t, err)
	}
	// What the API server insists on, such as a default that a newer definition
	// has brought, is no drift. It is what the manifest means from now on.
	if left := drift(manifest, t.apply, made, t.known); len(left) < len(found) || !sameContent(live, made) {
		d.reportDrift(t, "DriftRepaired", driftID(live), describe(found, t.kind.secret)+".")
	}
	return d.settled(t, made)
}

func sameContent(a, b *unstructured.Unstructured) bool {
	return canonical(contentOf(a)) == canonical(contentOf(b))
}

// driftID names a change by others for ever: by the version that it made.
func driftID(o *unstructured.Unstructured) string {
	return string(o.GetUID()) + "/" + o.GetResourceVersion()
}

// apply writes the manifest with the marks. An existing object must not have
// changed since it was read: the epoch that it bore still holds then.
func (d *Driver) apply(ctx context.Context, t task, manifest, live *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	o := manifest.DeepCopy()
	m := t.apply.marks
	if t.epoch > 0 {
		m.epoch = t.epoch
	}
	lastApplied := ""
	if !t.kind.secret {
		var err error
		if lastApplied, err = encodeManifest(t.apply.manifest); err != nil {
			return nil, err
		}
	}
	m.stamp(o, lastApplied)
	if live != nil {
		o.SetResourceVersion(live.GetResourceVersion())
	}
	return d.cluster.apply(ctx, t.kind, o)
}

// trimTries is how often trimming starts over because the operator wrote the
// object's status meanwhile.
const trimTries = 5

// trim removes what others have added to an object that was just applied, which
// server-side apply leaves alone.
func (d *Driver) trim(ctx context.Context, t task, manifest, o *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	for try := 1; ; try++ {
		is := contentOf(o)
		shall := without(is, foreignPaths(manifest, o))
		if t.known.of(t.apply) {
			shall = parseCanonical(t.known.content)
		}
		patch := mergePatch(is, shall)
		if len(patch) == 0 {
			return o, nil
		}
		trimmed, err := d.cluster.merge(ctx, t.kind, o, patch)
		if err == nil {
			return trimmed, nil
		}
		if !apierrors.IsConflict(err) || try == trimTries {
			return nil, err
		}
		if o, err = d.cluster.get(ctx, t.kind, t.key); err != nil {
			return nil, err
		}
		if o == nil {
			return nil, fmt.Errorf("%s was deleted while the agent wrote it", t.key)
		}
	}
}

// settled notes that an object is what it shall be, and says so.
func (d *Driver) settled(t task, o *unstructured.Unstructured) outcome {
	d.mu.Lock()
	d.overtaken(t)
	if r := d.records[t.key]; r != nil {
		r.known = knowledge{
			want:    t.apply,
			uid:     o.GetUID(),
			content: canonical(contentOf(o)),
			version: o.GetResourceVersion(),
		}
	}
	d.mu.Unlock()
	d.answer(t, nil)
	return done
}

// overtaken sees to a write that was on its way while a session began, whose
// Hello could not tell of it. What the control plane then left unsaid, since
// the object seemed right, it has to be asked again. The caller holds d.mu.
func (d *Driver) overtaken(t task) {
	if d.mode != acting || d.epoch == t.epoch {
		return
	}
	if r := d.records[t.key]; r == nil || r.apply == nil || (r.applySession != d.session && !t.apply.same(r.apply)) {
		d.config.Reports.Renew(t.key.String() + " was written while the session began")
	}
}

// pause is how long the next repair of an object has to wait.
func (d *Driver) pause(k key) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r := d.records[k]; r != nil {
		return r.pace.pause(time.Now(), d.timing)
	}
	return 0
}
