package driver

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// revision is one desired state of an object: the manifest of an Apply and the
// marks that identify it. It is immutable.
type revision struct {
	marks
	manifest string
	// adopt names an object to take over, whoever's it is; nil for none.
	adopt *agentv1.Adopt
}

func revisionOf(a *agentv1.Apply) *revision {
	return &revision{
		marks:    marks{owner: a.GetOwnerUid(), generation: a.GetGeneration(), hash: a.GetHash()},
		manifest: a.GetManifest(),
		adopt:    a.GetAdopt(),
	}
}

// adopts reports whether an object is the one to take over: it is as the control
// plane knows it, and still somebody else's. What this process has taken over by the
// revision already was taken from it since, and stays with whoever did that.
func (r *revision) adopts(live *unstructured.Unstructured, known snapshot) bool {
	if r.adopt == nil {
		return false
	}
	if known.matches(r) && known.revision.generation == r.generation {
		return false
	}
	m, _ := marksOf(live)
	return m.owner != r.owner && string(live.GetUID()) == r.adopt.GetObjectUid() && live.GetGeneration() == r.adopt.GetObjectGeneration()
}

// equal reports whether both revisions produce the same object. Their
// generations may differ: not every change of a resource changes its manifest.
func (r *revision) equal(other *revision) bool {
	return r.owner == other.owner && r.hash == other.hash && r.manifest == other.manifest
}

// lastApplied reads the revision that was last applied from the marks of an
// object. It returns nil if the marks are incomplete or damaged.
func lastApplied(o *unstructured.Unstructured) *revision {
	m, marked := marksOf(o)
	annotation := o.GetAnnotations()[LastAppliedAnnotation]
	if !marked || annotation == "" {
		return nil
	}
	manifest, err := decodeManifest(annotation)
	if err != nil {
		return nil
	}
	if _, err := parseManifest(keyOfObject(o), manifest); err != nil {
		return nil
	}
	return &revision{marks: m, manifest: manifest}
}
