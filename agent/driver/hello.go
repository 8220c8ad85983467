package driver

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// Describe adds to a Hello what the API server has at this moment. It fails if
// any of that cannot be read: the control plane takes what Hello does not list
// for absent.
func (d *Driver) Describe(ctx context.Context, hello *agentv1.Hello) error {
	select {
	case <-d.started:
	case <-ctx.Done():
		return ctx.Err()
	}
	version, err := d.cluster.version(ctx)
	d.health.update(version, err)
	if err != nil {
		return err
	}
	present, err := d.cluster.customKinds(ctx)
	if err != nil {
		return err
	}
	names, err := d.listNamespaces(ctx)
	if err != nil {
		return err
	}
	d.mu.Lock()
	number := d.session.describe(present, names)
	d.mu.Unlock()
	d.setPresent(present)

	hello.KubernetesVersion = version
	hello.Namespaces = &agentv1.NamespacesReport{Names: names}
	for _, of := range kinds {
		if of.custom && !present[of] {
			continue
		}
		if of.custom {
			hello.CustomResourceDefinitions = append(hello.CustomResourceDefinitions, of.definition())
		}
		held, err := d.listHeld(ctx, of, number)
		if err != nil {
			return err
		}
		hello.Held = append(hello.Held, held...)
	}
	return nil
}

// listHeld lists the objects of a kind that bear the agent's marks and records
// those without a record.
func (d *Driver) listHeld(ctx context.Context, of *kind, number int64) ([]*agentv1.HeldObject, error) {
	var held []*agentv1.HeldObject
	for _, namespace := range d.namespaceScopes() {
		objects, err := d.cluster.owned(ctx, of, namespace)
		switch {
		case err == nil:
			for i := range objects {
				if h := d.recordHeld(of, &objects[i], number); h != nil {
					held = append(held, h)
				}
			}
		case apierrors.IsForbidden(err):
			// What may not be listed could not be applied either, unless the agent's
			// permissions were reduced in between. Then list what this process knows.
			d.logForbidden(ctx, of, namespace, err)
			held = append(held, d.listRecorded(of, namespace, number)...)
		case apierrors.IsNotFound(err) && of.custom:
			// The definition was deleted after it was found.
		default:
			return nil, fmt.Errorf("list the %s of the control plane: %w", of.definition(), err)
		}
	}
	return held, nil
}

// logForbidden logs a missing permission. That for rare kinds is missing by
// design where no environment of the cluster uses them.
func (d *Driver) logForbidden(ctx context.Context, of *kind, namespace string, err error) {
	level := slog.LevelWarn
	if of.rare {
		level = slog.LevelDebug
	}
	d.log.Log(ctx, level, "not permitted to list objects; grant the agent's role the verbs get, list and watch",
		"resource", of.definition(), "namespace", namespace, "error", err)
}

// recordHeld records an object that Hello lists; nil if its marks name no owner. An
// object whose revision is unknown is listed without a hash, so that the
// control plane sends it again.
func (d *Driver) recordHeld(of *kind, o *unstructured.Unstructured, number int64) *agentv1.HeldObject {
	m, marked := marksOf(o)
	if !marked {
		return nil
	}
	k := keyOfObject(o)
	if of.rare {
		d.startWatch(of, k.namespace)
	}
	h := &agentv1.HeldObject{Ref: k.ref(), OwnerUid: m.owner, Generation: m.generation, Installation: m.installation}

	d.mu.Lock()
	defer d.mu.Unlock()
	if m.isForeign(d.session.installation) {
		h.Hash = m.hash
		return h
	}
	if d.orphans[k] == m.owner {
		return h // without a hash: if it is wanted again, the control plane sends it
	}
	r := d.recordOf(k)
	current := r.desired.apply
	if current == nil || current.owner != m.owner || current.hash != m.hash {
		current = lastApplied(o)
	}
	if current != nil {
		h.Hash = m.hash
		if r.desired.apply == nil {
			r.desired.apply, r.desired.unconfirmed = current, true
			if s := snapshotOfAdopted(current, k, o); s.revision != nil {
				r.observed.snapshot = s
			}
		}
	}
	r.desired.held = held{session: number, revision: current, observed: r.observed.revision}
	return h
}

// listRecorded lists the objects of a kind that this process has applied.
func (d *Driver) listRecorded(of *kind, namespace string, number int64) []*agentv1.HeldObject {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []*agentv1.HeldObject
	for k, r := range d.records {
		applied := r.observed.revision
		if kindOf(k) != of || (namespace != "" && k.namespace != namespace) || applied == nil {
			continue
		}
		r.desired.held = held{session: number, revision: applied, observed: applied}
		all = append(all, &agentv1.HeldObject{Ref: k.ref(), OwnerUid: applied.owner, Generation: applied.generation, Hash: applied.hash,
			Installation: d.session.installation})
	}
	return all
}

// definitions returns the names of the custom resource definitions of kinds.
func definitions(present map[*kind]bool) []string {
	var names []string
	for k := range maps.Keys(present) {
		names = append(names, k.definition())
	}
	slices.Sort(names)
	return names
}
