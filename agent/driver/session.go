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

// Hello describes the cluster for a new session, as the API server has it at
// this moment. It fails where that cannot be told: the control plane takes what
// Hello does not list for absent.
func (d *Driver) Hello(ctx context.Context) (*agentv1.Hello, error) {
	select {
	case <-d.started:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	version, err := d.cluster.version(ctx)
	d.health.note(version, err)
	if err != nil {
		return nil, err
	}
	present, err := d.cluster.customKinds(ctx)
	if err != nil {
		return nil, err
	}
	names, err := d.listNamespaces(ctx)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	d.hello++
	number := d.hello
	d.told, d.toldNamespaces = present, names
	d.mu.Unlock()
	d.found(present)

	hello := &agentv1.Hello{
		Cluster:           d.config.Cluster,
		ProcessId:         d.config.ProcessID,
		AgentVersion:      d.config.Version,
		KubernetesVersion: version,
		Labels:            d.config.Labels,
		Namespaces:        &agentv1.NamespacesReport{Names: names},
	}
	for _, of := range kinds {
		if of.custom && !present[of] {
			continue
		}
		if of.custom {
			hello.CustomResourceDefinitions = append(hello.CustomResourceDefinitions, of.definition())
		}
		held, err := d.hold(ctx, of, number)
		if err != nil {
			return nil, err
		}
		hello.Held = append(hello.Held, held...)
	}
	return hello, nil
}

// hold lists the objects of a kind that bear the agent's marks, and adopts
// those that it did not know of.
func (d *Driver) hold(ctx context.Context, of *kind, number int64) ([]*agentv1.HeldObject, error) {
	var held []*agentv1.HeldObject
	for _, namespace := range d.namespaceScopes() {
		objects, err := d.cluster.owned(ctx, of, namespace)
		switch {
		case err == nil:
			for i := range objects {
				if h := d.adopt(of, &objects[i], number); h != nil {
					held = append(held, h)
				}
			}
		case apierrors.IsForbidden(err):
			// What may not be listed could not have been applied either, unless the
			// agent's roles were cut since; then its own memory has to do.
			d.mayNotList(ctx, of, namespace, err)
			held = append(held, d.remembered(of, namespace, number)...)
		case apierrors.IsNotFound(err) && of.custom:
			// The definition went since it was looked for.
		default:
			return nil, fmt.Errorf("list %s of the control plane's: %w", of.definition(), err)
		}
	}
	return held, nil
}

// mayNotList tells of a missing right. That to rare kinds is missing by design
// where no environment of the cluster uses them.
func (d *Driver) mayNotList(ctx context.Context, of *kind, namespace string, err error) {
	level := slog.LevelWarn
	if of.rare {
		level = slog.LevelDebug
	}
	d.log.Log(ctx, level, "may not list; give the agent's role the verbs get, list and watch",
		"resource", of.definition(), "namespace", namespace, "error", err)
}

// adopt notes an object that Hello will list; nil where its marks name no
// owner. What the agent cannot keep without being told again, it lists without
// a hash, so that it is told.
func (d *Driver) adopt(of *kind, o *unstructured.Unstructured, number int64) *agentv1.HeldObject {
	m, marked := marksOf(o)
	if !marked {
		return nil
	}
	k := keyOfObject(o)
	if of.rare {
		d.startWatch(of, k.namespace)
	}
	h := &agentv1.HeldObject{Ref: k.ref(), OwnerUid: m.owner, Generation: m.generation}

	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.records[k]
	if r == nil {
		r = &record{}
		d.records[k] = r
	}
	r.heldSession, r.held, r.heldKnown = number, r.apply, r.known.want
	if r.held == nil || r.held.owner != m.owner || r.held.hash != m.hash {
		r.held = adoptable(o)
	}
	if r.held == nil {
		return h
	}
	h.Hash = m.hash
	if r.apply == nil {
		r.apply = r.held
		r.learn(k, o)
		r.heldKnown = r.known.want
		d.queue.Add(k)
	}
	return h
}

// remembered lists the objects of a kind that the agent knows to have applied.
func (d *Driver) remembered(of *kind, namespace string, number int64) []*agentv1.HeldObject {
	d.mu.Lock()
	defer d.mu.Unlock()
	var held []*agentv1.HeldObject
	for k, r := range d.records {
		if kindOf(k) != of || (namespace != "" && k.namespace != namespace) || r.known.want == nil {
			continue
		}
		w := r.known.want
		r.held, r.heldKnown, r.heldSession = w, w, number
		held = append(held, &agentv1.HeldObject{Ref: k.ref(), OwnerUid: w.owner, Generation: w.generation, Hash: w.hash})
	}
	return held
}

// Heartbeat describes how the API server did when it was last asked.
func (d *Driver) Heartbeat() *agentv1.Heartbeat { return d.health.heartbeat() }

// Welcome begins a session. Everything is looked at and reported anew.
func (d *Driver) Welcome(epoch int64, decommissioned bool) {
	d.mu.Lock()
	again := d.mode != acting
	d.epoch = epoch
	d.session = d.hello
	if decommissioned {
		d.rest()
		d.mu.Unlock()
		return
	}
	d.mode = acting
	d.syncing = true
	d.requeueAll()
	told := d.toldNamespaces
	d.mu.Unlock()

	if names, known := d.spaces.current(); known && !slices.Equal(names, told) {
		d.config.Reports.Namespaces(&agentv1.NamespacesReport{Names: names})
	}
	d.reportAllStatus()
	if again {
		d.reportAllEvents()
	}
}

// Decommissioned makes the driver idle: what it knew of what is wanted is void.
func (d *Driver) Decommissioned() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rest()
}

// rest makes the driver idle. The caller holds d.mu.
func (d *Driver) rest() {
	d.mode = idle
	d.syncing = false
	clear(d.records)
}

// Apply notes what an object shall be.
func (d *Driver) Apply(a *agentv1.Apply) {
	k, w := keyOf(a.GetRef()), wantOf(a)
	if of := kindOf(k); of != nil && of.rare && d.allowed(k.namespace) {
		d.startWatch(of, k.namespace)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mode != acting {
		return
	}
	r := d.recordOf(k)
	r.apply, r.applySession = w, d.session
	if r.remove == w.owner {
		r.remove = ""
	}
	d.retries.Forget(k)
	d.queue.Add(k)
}

// Delete notes that an owner's object has to go.
func (d *Driver) Delete(m *agentv1.Delete) {
	k := keyOf(m.GetRef())
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mode != acting {
		return
	}
	r := d.recordOf(k)
	r.remove, r.removeSession, r.release = m.GetOwnerUid(), d.session, m.GetRelease()
	if r.apply != nil && r.apply.owner == r.remove {
		r.apply = nil
	}
	d.retries.Forget(k)
	d.queue.Add(k)
}

// recordOf finds or makes the record of an object that the control plane has
// just spoken of. The caller holds d.mu.
func (d *Driver) recordOf(k key) *record {
	r := d.records[k]
	if r == nil {
		r = &record{}
		d.records[k] = r
	}
	r.owed = true
	return r
}

// Synced ends the session's first exchange: an object that neither Hello
// listed nor the control plane has spoken of since is wanted no more.
func (d *Driver) Synced() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mode != acting || !d.syncing {
		return
	}
	d.syncing = false
	for k, r := range d.records {
		if r.untold(d.session) && d.cachedLocked(k) != nil {
			d.config.Reports.Renew(k.String() + " was written while the session began")
		}
		r.settle(d.session)
		if r.apply == nil && r.remove == "" {
			delete(d.records, k)
		}
	}
	d.requeueAll()
}

// Disconnected tells that the session has ended. The driver goes on keeping
// what it knows, unless a newer session acts on the cluster.
func (d *Driver) Disconnected(isSuperseded bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.syncing = false
	if isSuperseded {
		d.mode = superseded
		return
	}
	if d.mode == acting {
		d.requeueAll()
	}
}

// definitions lists the custom resource definitions among the present kinds.
func definitions(present map[*kind]bool) []string {
	var names []string
	for k := range maps.Keys(present) {
		names = append(names, k.definition())
	}
	slices.Sort(names)
	return names
}
