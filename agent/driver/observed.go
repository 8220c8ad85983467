package driver

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// observed is what the driver knows of one live object and has reported of it.
type observed struct {
	snapshot
	repairs  repairPacer
	settling settling
	lastAck  ackContent
}

// snapshot is an object as the API server returned it when it last matched a
// revision. The zero snapshot is of no object.
type snapshot struct {
	revision *revision
	uid      types.UID
	// content is canonical(contentOf(object)): the manifest with the defaults of
	// the API server. Any later difference from it was made by another client.
	content         string
	resourceVersion string
}

func newSnapshot(r *revision, o *unstructured.Unstructured) snapshot {
	return snapshot{revision: r, uid: o.GetUID(), content: canonical(contentOf(o)), resourceVersion: o.GetResourceVersion()}
}

// snapshotOfAdopted returns the snapshot of an object that this process did not
// apply. It is zero if the object has drifted from the revision.
func snapshotOfAdopted(r *revision, k key, live *unstructured.Unstructured) snapshot {
	manifest, err := parseManifest(k, r.manifest)
	if err != nil || len(drift(manifest, r, live, snapshot{})) > 0 {
		return snapshot{}
	}
	return newSnapshot(r, live)
}

// matches reports whether the snapshot is of an object with the same state as
// the revision.
func (s snapshot) matches(r *revision) bool { return s.revision != nil && s.revision.equal(r) }

// identifies reports whether a live object is the owner's that the snapshot was
// taken of, whatever its annotations say now.
func (s snapshot) identifies(live *unstructured.Unstructured, owner string) bool {
	return s.revision != nil && s.uid == live.GetUID() && s.revision.owner == owner
}

// ackContent is what distinguishes an Ack of an object from the one before.
type ackContent struct {
	owner, hash, reason, message, found string
	generation, foundGeneration         int64
	outcome                             agentv1.Outcome
}
