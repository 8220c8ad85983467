package driver

import (
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// want is what an object shall be. It is never changed once made.
type want struct {
	marks
	manifest string
}

// same says whether two wants come to the same object.
func (w *want) same(other *want) bool {
	return w.owner == other.owner && w.hash == other.hash && w.manifest == other.manifest
}

func wantOf(a *agentv1.Apply) *want {
	return &want{
		marks:    marks{owner: a.GetOwnerUid(), generation: a.GetGeneration(), hash: a.GetHash()},
		manifest: a.GetManifest(),
	}
}

// adoptable reads from an object what was last applied to it; nil where its
// marks do not say.
func adoptable(o *unstructured.Unstructured) *want {
	m, marked := marksOf(o)
	mark := o.GetAnnotations()[LastAppliedAnnotation]
	if !marked || mark == "" {
		return nil
	}
	manifest, err := decodeManifest(mark)
	if err != nil {
		return nil
	}
	if _, err := parseManifest(keyOfObject(o), manifest); err != nil {
		return nil
	}
	return &want{marks: m, manifest: manifest}
}

// record is what the agent knows about an object that it has to do with.
// Driver.mu guards it.
type record struct {
	// apply is what the object shall be, and applySession the number of the
	// Hello after which an Apply said so.
	apply        *want
	applySession int64
	// remove is the owner whose object has to go, and removeSession the number
	// of the Hello after which a Delete said so. It stands beside apply while an
	// object is replaced by another owner's.
	remove        string
	removeSession int64
	// release says that the object is to be let go of rather than deleted.
	release bool
	// held is what the object was when Hello number heldSession listed it, and
	// heldKnown what known.want was then.
	held        *want
	heldKnown   *want
	heldSession int64
	// owed says that a message has come that no Ack has answered.
	owed bool
	// answered is the last Ack, without what changes from one to the next.
	answered answer
	known    knowledge
	pace     pace
}

// answer identifies an Ack.
type answer struct {
	owner, hash, reason, message string
	generation                   int64
	outcome                      agentv1.Outcome
}

// wanted is what there is to do about the object, given the number of the
// session and whether the control plane is still saying what differs from its
// Hello. Until it has done so, only what it or Hello spoke of counts: anything
// else may be wanted no more.
func (r *record) wanted(session int64, syncing bool) (apply *want, remove string) {
	apply, remove = r.apply, r.remove
	if !syncing {
		return apply, remove
	}
	if r.removeSession != session {
		remove = ""
	}
	if r.applySession != session {
		apply = nil
		// What Hello listed is wanted unless a Delete has spoken of it since.
		if r.heldSession == session && r.held != nil && r.held.owner != remove {
			apply = r.held
		}
	}
	return apply, remove
}

// untold says that the object was written since Hello listed it, or failed to,
// and that the control plane, which cannot know, has not spoken of it.
func (r *record) untold(session int64) bool {
	if r.known.want == nil || r.applySession == session || r.removeSession == session {
		return false
	}
	// Reading the object once more makes a want of its own, but is no write.
	return r.heldSession != session || r.heldKnown == nil ||
		r.heldKnown.generation != r.known.want.generation || !r.heldKnown.same(r.known.want)
}

// settle makes what wanted says final once the control plane has said it all.
func (r *record) settle(session int64) {
	r.apply, r.remove = r.wanted(session, true)
}

// knowledge is what the API server said about the object when it was last as
// it shall be.
type knowledge struct {
	want *want // what it then was
	uid  types.UID
	// content is canonical(contentOf(object)): the manifest with the API
	// server's defaults. What differs from it later was done by others.
	content string
	// version is the newest resourceVersion that was seen of it.
	version string
}

// of says whether the knowledge is of an object made from the same manifest.
func (k knowledge) of(w *want) bool { return k.want != nil && k.want.same(w) }

// pace keeps the agent from fighting others about an object without end.
type pace struct {
	repairs int
	last    time.Time
}

// pause is how long to wait since the last repair before the next one. The
// count begins anew when nothing had to be repaired for a whole window.
func (p *pace) pause(now time.Time, t Timing) time.Duration {
	if p.repairs > 0 && now.Sub(p.last) > t.RepairWindow {
		p.repairs = 0
	}
	if p.repairs == 0 {
		return 0
	}
	return p.last.Add(p.interval(t)).Sub(now)
}

// interval is the least time between the last repair and the next one.
func (p *pace) interval(t Timing) time.Duration {
	interval := t.RepairPause
	for range p.repairs - 1 {
		if interval >= t.RepairWindow/4 {
			return t.RepairWindow / 2
		}
		interval *= 2
	}
	return interval
}

func (p *pace) repaired(now time.Time) {
	p.repairs++
	p.last = now
}

// learn notes what an object is that was just adopted, where it still is what
// was last applied to it.
func (r *record) learn(k key, live *unstructured.Unstructured) {
	manifest, err := parseManifest(k, r.held.manifest)
	if err != nil || len(drift(manifest, r.held, live, knowledge{})) > 0 {
		return
	}
	r.known = knowledge{
		want:    r.held,
		uid:     live.GetUID(),
		content: canonical(contentOf(live)),
		version: live.GetResourceVersion(),
	}
}
