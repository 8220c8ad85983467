package driver

import agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"

// desired is what the control plane wants of one object. Whatever it holds
// bears the number of the session that it comes from, since a new session voids
// what an earlier one said and does not confirm.
type desired struct {
	// apply is the revision that the object is to have; nil if none is wanted.
	apply        *revision
	applySession int64
	// remove is the owner whose object is to be deleted, or with release to be
	// left in place without marks. While the object of one owner replaces that of
	// another, remove and apply are both set. They never name the same owner.
	remove        string
	removeSession int64
	release       bool
	held          held
	// unconfirmed is true while apply is known only from a Hello: the control plane
	// may have no record of the object. Synced and Apply end it.
	unconfirmed bool
	// pendingAck is true while the latest message has not been acknowledged.
	pendingAck bool
}

// held is the state of an object when a Hello listed it.
type held struct {
	session  int64
	revision *revision // nil if the marks do not contain it
	observed *revision // what the driver had last applied
}

func (d *desired) setApply(r *revision, session int64) {
	d.apply, d.applySession, d.pendingAck, d.unconfirmed = r, session, true, false
	if d.remove == r.owner {
		d.remove = ""
	}
}

func (d *desired) setRemove(m *agentv1.Delete, session int64) {
	d.remove, d.removeSession, d.release, d.pendingAck = m.GetOwnerUid(), session, m.GetRelease(), true
	if d.apply != nil && d.apply.owner == d.remove {
		d.apply = nil
	}
}

// effective returns what is to be done at present. While the control plane is
// still sending what differs from Hello, only the objects that Hello listed or
// that this session has named count: others may no longer be wanted.
func (d *desired) effective(s session) (apply *revision, remove string) {
	apply, remove = d.apply, d.remove
	if d.unconfirmed {
		apply = nil
	}
	if !s.syncing {
		return apply, remove
	}
	if d.removeSession != s.number {
		remove = ""
	}
	if d.applySession != s.number {
		apply = nil
		// What Hello listed is wanted unless it has been deleted since.
		if !d.unconfirmed && d.held.session == s.number && d.held.revision != nil && d.held.revision.owner != remove {
			apply = d.held.revision
		}
	}
	return apply, remove
}

// settle keeps what is effective and drops the rest, once the control plane has
// sent everything. What Hello listed is confirmed by that.
func (d *desired) settle(s session) {
	if d.held.session == s.number {
		d.unconfirmed = false
	}
	d.apply, d.remove = d.effective(s)
}

// missedByHello reports whether the observed revision was written after Hello
// listed the object, or by a write that Hello could not see, and the control
// plane has not named the object since.
func (d *desired) missedByHello(observed *revision, session int64) bool {
	if observed == nil || d.applySession == session || d.removeSession == session {
		return false
	}
	// Adopting an object creates another revision of the same state, so compare
	// their contents.
	at := d.held.observed
	return d.held.session != session || at == nil || at.generation != observed.generation || !at.equal(observed)
}
