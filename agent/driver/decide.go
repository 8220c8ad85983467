package driver

import "k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

// action is what to do about an object.
type action int

const (
	// create: the object does not exist.
	create action = iota
	// update: it has another revision.
	update
	// keep: it has the desired revision; only drift may need repair.
	keep
	// takeOver: it belongs to another owner of this installation, or of one that is
	// not known.
	takeOver
	// adopt: it is the one that the control plane has decided to take over.
	adopt
	// foreign: it belongs to another installation.
	foreign
	// terminating: it is being deleted.
	terminating
	// skip: it has a newer generation, which is kept.
	skip
	// refuse: it does not belong to Weir.
	refuse
	// fenced: a newer session has applied it.
	fenced
	// remove: the owner's object exists and is to go.
	remove
	// removed: the owner's object does not exist.
	removed
)

// decide compares the desired revision with the live object.
func decide(r *revision, live *unstructured.Unstructured, known snapshot, installation string, epoch int64) action {
	if live == nil {
		return create
	}
	if live.GetDeletionTimestamp() != nil {
		return terminating
	}
	m, marked := marksOf(live)
	switch {
	// The epochs of other installations say nothing about this one.
	case r.adopts(live, known) && (m.installation != installation || m.epoch <= epoch):
		return adopt
	case m.isForeign(installation):
		return foreign
	// An object whose marks another client has removed is known by its uid.
	case !marked && !known.identifies(live, r.owner):
		return refuse
	case m.epoch > epoch:
		return fenced
	case known.matches(r) && known.uid == live.GetUID():
		return keep
	case !marked:
		return update
	case m.owner != r.owner:
		return takeOver
	case m.generation > r.generation:
		return skip
	case m.hash == r.hash && r.hash != "":
		return keep
	}
	return update
}

// decideRemoval returns what to do to remove the object of an owner.
func decideRemoval(owner string, live *unstructured.Unstructured, known snapshot, installation string, epoch int64) action {
	if live == nil {
		return removed
	}
	m, marked := marksOf(live)
	switch {
	case m.isForeign(installation):
		return removed
	case !known.identifies(live, owner) && (!marked || m.owner != owner):
		return removed
	case live.GetDeletionTimestamp() != nil:
		return terminating
	case m.epoch > epoch:
		return fenced
	}
	return remove
}
