package driver

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// verdict is what to do about an object that shall exist.
type verdict int

const (
	// create: there is no such object.
	create verdict = iota
	// update: it was made from another manifest.
	update
	// hold: it was made from this manifest; nothing but drift can be wrong.
	hold
	// replace: it belongs to another owner, and goes first.
	replace
	// await: it is on its way out; what comes next depends on what is left.
	await
	// outdated: it bears a newer generation, which stands.
	outdated
	// refuse: it is not Weir's.
	refuse
	// standBack: a newer session acts on it.
	standBack
)

// decide compares what an object shall be with what it is. Epoch zero means
// that there has been no session yet, so that no object's epoch is too great.
func decide(w *want, live *unstructured.Unstructured, known knowledge, epoch int64) verdict {
	if live == nil {
		return create
	}
	if live.GetDeletionTimestamp() != nil {
		return await
	}
	m, marked := marksOf(live)
	// An object whose marks were torn off is known by its uid.
	torn := known.want != nil && known.uid == live.GetUID() && known.want.owner == w.owner
	switch {
	case !marked && !torn:
		return refuse
	case epoch > 0 && m.epoch > epoch:
		return standBack
	case known.of(w) && known.uid == live.GetUID():
		return hold
	case !marked:
		return update
	case m.owner != w.owner:
		return replace
	case m.generation > w.generation:
		return outdated
	case m.hash == w.hash && w.hash != "":
		return hold
	}
	return update
}

// removal is what to do about an object that has to go.
type removal int

const (
	// absent: there is no such object of that owner.
	absent removal = iota
	// drop: it is there.
	drop
	// dropping: it is on its way out.
	dropping
	// leave: a newer session acts on it.
	leave
)

// decideRemoval compares the owner whose object has to go with what is there.
func decideRemoval(owner string, live *unstructured.Unstructured, known knowledge, epoch int64) removal {
	if live == nil {
		return absent
	}
	m, marked := marksOf(live)
	torn := known.want != nil && known.uid == live.GetUID() && known.want.owner == owner
	switch {
	case !torn && (!marked || m.owner != owner):
		return absent
	case live.GetDeletionTimestamp() != nil:
		return dropping
	case epoch > 0 && m.epoch > epoch:
		return leave
	}
	return drop
}
