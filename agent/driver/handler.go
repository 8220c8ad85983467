package driver

import (
	"slices"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// Handles reports whether the driver is responsible for an object.
func (d *Driver) Handles(ref *agentv1.ObjectRef) bool { return kindOf(keyOf(ref)) != nil }

// Heartbeat returns the health of the API server.
func (d *Driver) Heartbeat() *agentv1.Heartbeat { return d.health.heartbeat() }

// Welcome begins a session. Everything is reconciled and reported again.
func (d *Driver) Welcome(installation string, epoch, _ int64, decommissioned bool) {
	d.mu.Lock()
	wasActive := d.session.mode == active
	d.session.welcome(installation, epoch, decommissioned)
	if decommissioned {
		clear(d.records)
		d.mu.Unlock()
		return
	}
	// At the first Hello the installation was not known.
	for k, r := range d.records {
		if r.desired.apply != nil && r.desired.apply.isForeign(installation) {
			delete(d.records, k)
		}
	}
	d.requeueAll()
	reported := d.session.namespaces
	d.mu.Unlock()

	if names, known := d.namespaces.current(); known && !slices.Equal(names, reported) {
		d.config.Reports.Namespaces(&agentv1.NamespacesReport{Names: names})
	}
	d.reportAllStatus()
	if !wasActive {
		d.reportAllEvents()
	}
}

// Decommissioned stops the driver from acting and voids what was desired.
func (d *Driver) Decommissioned() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.session.decommission()
	clear(d.records)
}

// Apply sets the desired revision of an object.
func (d *Driver) Apply(a *agentv1.Apply) {
	k := keyOf(a.GetRef())
	if of := kindOf(k); of.rare && d.allowed(k.namespace) {
		d.startWatch(of, k.namespace)
	}
	d.change(k, func(r *desired) { r.setApply(revisionOf(a), d.session.number) })
}

// Delete sets the owner whose object is to be removed.
func (d *Driver) Delete(m *agentv1.Delete) {
	d.change(keyOf(m.GetRef()), func(r *desired) { r.setRemove(m, d.session.number) })
}

// change changes what is desired of an object and reconciles the object at once.
func (d *Driver) change(k key, set func(*desired)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.session.mode != active {
		return
	}
	delete(d.orphans, k)
	set(&d.recordOf(k).desired)
	d.retries.Forget(k)
	d.queue.Add(k)
}

// Orphan lets go of an object that Hello listed and the control plane has no record
// of. Nothing is written to it, in this session and later ones, until the control plane
// sends an Apply or a Delete.
func (d *Driver) Orphan(m *agentv1.Orphan) {
	k := keyOf(m.GetRef())
	d.mu.Lock()
	defer d.mu.Unlock()
	d.orphans[k] = m.GetOwnerUid()
	r := d.records[k]
	if r == nil || r.desired.apply == nil || r.desired.apply.owner != m.GetOwnerUid() {
		return
	}
	r.desired.apply, r.desired.held, r.observed.snapshot = nil, held{}, snapshot{}
	if r.desired.remove == "" {
		delete(d.records, k)
	}
	d.log.Warn("the control plane has no resource for an object; it is not changed", "object", k.String(), "owner", m.GetOwnerUid())
}

// Synced ends the initial exchange of a session: an object that neither Hello
// listed nor the control plane has named since is no longer wanted.
func (d *Driver) Synced() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.session.syncing {
		return
	}
	for k, r := range d.records {
		if r.desired.missedByHello(r.observed.revision, d.session.number) && d.cachedLocked(k) != nil {
			d.requestRenewal(k)
		}
		r.desired.settle(d.session)
		if r.desired.apply == nil && r.desired.remove == "" {
			delete(d.records, k)
		}
	}
	d.session.syncing = false
	d.requeueAll()
}

// Disconnected ends the session. The driver keeps maintaining the cluster unless
// a newer session does.
func (d *Driver) Disconnected(superseded bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.session.disconnect(superseded)
	if d.session.mode == active {
		d.requeueAll()
	}
}
