package driver

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// drift finds what others have changed about an object that was made from the
// manifest. Where it is known what the API server made of the manifest, every
// difference from that counts. Else, after a restart, what counts is what the
// manifest says, and what others have set beside it.
//
// Of its metadata only the labels and annotations that Weir wants count: others
// may add their own.
func drift(manifest *unstructured.Unstructured, w *want, live *unstructured.Unstructured, known knowledge) []difference {
	found := metadataDrift(manifest, w, live)
	is := contentOf(live)
	if known.of(w) {
		if canonical(is) == known.content {
			return found
		}
		return append(found, differences(parseCanonical(known.content), is, true)...)
	}
	found = append(found, differences(contentOf(manifest), is, false)...)
	for _, path := range foreignPaths(manifest, live) {
		value, _, _ := unstructured.NestedFieldNoCopy(is, path...)
		found = append(found, difference{path: path, is: value, redundant: true})
	}
	return found
}

func metadataDrift(manifest *unstructured.Unstructured, w *want, live *unstructured.Unstructured) []difference {
	var found []difference
	expect := func(field, key, want, is string, there bool) {
		if is != want || !there {
			d := difference{path: []string{"metadata", field, key}, want: want, wanted: true}
			if there {
				d.is = is
			}
			found = append(found, d)
		}
	}
	labels, annotations := live.GetLabels(), live.GetAnnotations()
	expectAll := func(field string, want, is map[string]string) {
		for _, key := range sortedKeys(want) {
			value, there := is[key]
			expect(field, key, want[key], value, there)
		}
	}
	expectAll("labels", manifest.GetLabels(), labels)
	expectAll("labels", map[string]string{ManagedByLabel: ManagedBy}, labels)
	expectAll("annotations", manifest.GetAnnotations(), annotations)
	expectAll("annotations", map[string]string{OwnerAnnotation: w.owner, HashAnnotation: w.hash}, annotations)
	if of := kindOf(keyOfObject(manifest)); of != nil && !of.secret && len(w.manifest) <= plainLimit {
		expectAll("annotations", map[string]string{LastAppliedAnnotation: w.manifest}, annotations)
	}
	return found
}

// listed is how many changes a message names one by one.
const listed = 5

// describe tells users what was changed, and to what it was put back.
func describe(found []difference, secret bool) string {
	var parts []string
	for i, f := range found {
		if i == listed {
			parts = append(parts, fmt.Sprintf("and %d more", len(found)-listed))
			break
		}
		parts = append(parts, f.describe(secret))
	}
	return strings.Join(parts, "; ")
}

func (f difference) describe(secret bool) string {
	path := pathString(f.path)
	secret = secret && f.path[0] != "metadata"
	switch {
	case f.path[len(f.path)-1] == LastAppliedAnnotation:
		return path + " was changed, and was put back"
	case secret && f.redundant:
		return path + " was added, and was removed"
	case secret:
		return path + " was changed, and was put back"
	case f.redundant:
		return fmt.Sprintf("%s was set to %s, and was removed", path, quote(f.path, f.is))
	case f.is == nil:
		return fmt.Sprintf("%s was removed, and was put back to %s", path, quote(f.path, f.want))
	}
	return fmt.Sprintf("%s was changed to %s, and was put back to %s", path, quote(f.path, f.is), quote(f.path, f.want))
}

// insistent is how many repairs in a row make a message speak of it.
const insistent = 3

// warnOfFight adds to a message that the object is changed again and again.
func warnOfFight(message string, p pace, t Timing) string {
	if p.repairs < insistent {
		return message
	}
	return fmt.Sprintf("%s This was repair %d in a row, so that something seems to change the object again and again; "+
		"the next repair waits %s at least. Find what does it (kubectl get -o yaml --show-managed-fields names it) or change the resource in Weir.",
		message, p.repairs, p.interval(t).Round(time.Second))
}
