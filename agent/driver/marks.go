package driver

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// The marks that the agent puts on every object that it applies. They are all
// the memory that an agent has across restarts.
const (
	// ManagedByLabel has the value ManagedBy on every object of Weir's.
	ManagedByLabel = "app.kubernetes.io/managed-by"
	// ManagedBy is the value of ManagedByLabel.
	ManagedBy = "weir"
	// OwnerAnnotation holds the uid of the Weir resource that the object is for.
	OwnerAnnotation = "weir.dev/owner-uid"
	// GenerationAnnotation holds the generation of that resource.
	GenerationAnnotation = "weir.dev/generation"
	// HashAnnotation identifies the manifest that was applied.
	HashAnnotation = "weir.dev/hash"
	// EpochAnnotation holds the epoch of the session that applied it.
	EpochAnnotation = "weir.dev/epoch"
	// LastAppliedAnnotation holds the manifest itself, as JSON or, where that is
	// long, as "gzip:" and base64 of it. It lets an agent that was restarted tell
	// what others have changed. Secrets do not have it, nor do objects whose
	// manifest is too large; the control plane is asked for those again.
	LastAppliedAnnotation = "weir.dev/last-applied"
	// FieldManager owns the fields that the agent applies.
	FieldManager = "weir-agent"
)

const (
	// plainLimit is how long a manifest may be, in bytes, and still be kept
	// readable.
	plainLimit = 2 << 10
	// markLimit is how long the annotation may be, in bytes. Kubernetes allows
	// 256 KiB for all annotations of an object together.
	markLimit = 160 << 10
	// manifestLimit bounds what is inflated, in bytes. It is above what an API
	// server accepts.
	manifestLimit = 8 << 20
	gzipPrefix    = "gzip:"
)

// marks are what the annotations say.
type marks struct {
	owner      string
	generation int64
	hash       string
	epoch      int64
}

// marksOf reads the marks of an object. Without an owner's the object is not
// marked at all, and numbers that are none count as zero: somebody changed
// them.
func marksOf(o *unstructured.Unstructured) (marks, bool) {
	if o == nil {
		return marks{}, false
	}
	a := o.GetAnnotations()
	m := marks{owner: a[OwnerAnnotation], hash: a[HashAnnotation]}
	m.generation, _ = strconv.ParseInt(a[GenerationAnnotation], 10, 64)
	m.epoch, _ = strconv.ParseInt(a[EpochAnnotation], 10, 64)
	return m, m.owner != ""
}

// stamp writes the marks on a manifest.
func (m marks) stamp(o *unstructured.Unstructured, lastApplied string) {
	labels := o.GetLabels()
	if labels == nil {
		labels = make(map[string]string)
	}
	labels[ManagedByLabel] = ManagedBy
	o.SetLabels(labels)

	annotations := o.GetAnnotations()
	if annotations == nil {
		annotations = make(map[string]string)
	}
	annotations[OwnerAnnotation] = m.owner
	annotations[GenerationAnnotation] = strconv.FormatInt(m.generation, 10)
	annotations[HashAnnotation] = m.hash
	annotations[EpochAnnotation] = strconv.FormatInt(m.epoch, 10)
	if lastApplied != "" {
		annotations[LastAppliedAnnotation] = lastApplied
	}
	o.SetAnnotations(annotations)
}

// encodeManifest makes the value of LastAppliedAnnotation; empty where the
// manifest is too large for one.
func encodeManifest(manifest string) (string, error) {
	if len(manifest) <= plainLimit {
		return manifest, nil
	}
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, manifest); err != nil {
		return "", fmt.Errorf("compress the manifest: %w", err)
	}
	if err := w.Close(); err != nil {
		return "", fmt.Errorf("compress the manifest: %w", err)
	}
	encoded := gzipPrefix + base64.StdEncoding.EncodeToString(b.Bytes())
	if len(encoded) > markLimit {
		return "", nil
	}
	return encoded, nil
}

// decodeManifest reads a value of LastAppliedAnnotation.
func decodeManifest(mark string) (string, error) {
	encoded, compressed := strings.CutPrefix(mark, gzipPrefix)
	if !compressed {
		return mark, nil
	}
	packed, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return "", fmt.Errorf("decode %s: %w", LastAppliedAnnotation, err)
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return "", fmt.Errorf("inflate %s: %w", LastAppliedAnnotation, err)
	}
	manifest, err := io.ReadAll(io.LimitReader(r, manifestLimit))
	if err != nil {
		return "", fmt.Errorf("inflate %s: %w", LastAppliedAnnotation, err)
	}
	return string(manifest), nil
}
