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

// The marks that the driver sets on every object that it applies. They are the
// only state that it keeps across restarts.
const (
	// ManagedByLabel has the value ManagedBy on every object that Weir manages.
	ManagedByLabel = "app.kubernetes.io/managed-by"
	// ManagedBy is the value of ManagedByLabel.
	ManagedBy = "weir"
	// OwnerAnnotation holds the uid of the Weir resource that the object is for.
	OwnerAnnotation = "weir.dev/owner-uid"
	// InstallationAnnotation holds the installation of the control plane.
	InstallationAnnotation = "weir.dev/installation"
	// GenerationAnnotation holds the generation of that resource.
	GenerationAnnotation = "weir.dev/generation"
	// HashAnnotation identifies the manifest that was applied.
	HashAnnotation = "weir.dev/hash"
	// EpochAnnotation holds the epoch of the session that applied it.
	EpochAnnotation = "weir.dev/epoch"
	// LastAppliedAnnotation holds the manifest, as JSON or, if that is long, as
	// "gzip:" and base64. By it a restarted agent recognizes drift. Secrets and
	// objects with too large a manifest do not have it; the control plane sends
	// those again.
	LastAppliedAnnotation = "weir.dev/last-applied"
	// FieldManager is the field manager of server-side apply.
	FieldManager = "weir-agent"
)

const (
	// plainLimit is the length in bytes up to which a manifest is not compressed.
	plainLimit = 2 << 10
	// annotationLimit is the maximum length of the annotation, in bytes. Kubernetes
	// allows 256 KiB for all annotations of an object together.
	annotationLimit = 160 << 10
	// manifestLimit bounds the decompressed manifest, in bytes. It is more than an
	// API server accepts.
	manifestLimit = 8 << 20
	gzipPrefix    = "gzip:"
)

// marks are the decoded annotations.
type marks struct {
	installation string // empty on objects that were applied before it was marked
	owner        string
	generation   int64
	hash         string
	epoch        int64
}

// isForeign reports whether an object belongs to another installation than the
// given one. Where either is not known, it does not.
func (m marks) isForeign(installation string) bool {
	return m.installation != "" && installation != "" && m.installation != installation
}

// bearsInstallation reports whether an object has the mark of an installation, if
// that is known.
func bearsInstallation(o *unstructured.Unstructured, installation string) bool {
	return installation == "" || o.GetAnnotations()[InstallationAnnotation] == installation
}

// marksOf decodes the marks of an object. Without an owner the object counts as
// unmarked. Malformed numbers, which another client must have written, are zero.
func marksOf(o *unstructured.Unstructured) (marks, bool) {
	if o == nil {
		return marks{}, false
	}
	a := o.GetAnnotations()
	m := marks{installation: a[InstallationAnnotation], owner: a[OwnerAnnotation], hash: a[HashAnnotation]}
	m.generation, _ = strconv.ParseInt(a[GenerationAnnotation], 10, 64)
	m.epoch, _ = strconv.ParseInt(a[EpochAnnotation], 10, 64)
	return m, m.owner != ""
}

// stamp sets the marks on a manifest.
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
	if m.installation != "" {
		annotations[InstallationAnnotation] = m.installation
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

// encodeManifest returns the value of LastAppliedAnnotation; empty if the
// manifest is too large.
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
	if len(encoded) > annotationLimit {
		return "", nil
	}
	return encoded, nil
}

// decodeManifest decodes a value of LastAppliedAnnotation.
func decodeManifest(annotation string) (string, error) {
	encoded, compressed := strings.CutPrefix(annotation, gzipPrefix)
	if !compressed {
		return annotation, nil
	}
	packed, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return "", fmt.Errorf("decode %s: %w", LastAppliedAnnotation, err)
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return "", fmt.Errorf("decompress %s: %w", LastAppliedAnnotation, err)
	}
	manifest, err := io.ReadAll(io.LimitReader(r, manifestLimit))
	if err != nil {
		return "", fmt.Errorf("decompress %s: %w", LastAppliedAnnotation, err)
	}
	return string(manifest), nil
}
