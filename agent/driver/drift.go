package driver

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// drift returns what other clients have changed about an object with the given
// revision. If it is known what the API server made of the manifest, every
// difference from that counts. After a restart it is not; then what counts is
// the manifest, and what other clients have set beside it.
//
// Of the metadata only the labels and annotations that Weir sets count: other
// clients may add their own.
func drift(manifest *unstructured.Unstructured, r *revision, live *unstructured.Unstructured, known snapshot) []difference {
	return append(metadataDrift(manifest, r, live), contentDrift(manifest, r, live, known)...)
}

// contentDrift is the part of drift that does not concern the metadata.
func contentDrift(manifest *unstructured.Unstructured, r *revision, live *unstructured.Unstructured, known snapshot) []difference {
	current := contentOf(live)
	if known.matches(r) {
		if canonical(current) == known.content {
			return nil
		}
		return differences(parseCanonical(known.content), current, true)
	}
	found := differences(contentOf(manifest), current, false)
	for _, path := range foreignPaths(manifest, live) {
		value, _, _ := unstructured.NestedFieldNoCopy(current, path...)
		found = append(found, difference{path: path, current: value, added: true})
	}
	return found
}

func metadataDrift(manifest *unstructured.Unstructured, r *revision, live *unstructured.Unstructured) []difference {
	var found []difference
	expect := func(field string, desired, current map[string]string) {
		for _, key := range slices.Sorted(maps.Keys(desired)) {
			value, exists := current[key]
			if exists && value == desired[key] {
				continue
			}
			d := difference{path: []string{"metadata", field, key}, desired: desired[key]}
			if exists {
				d.current = value
			}
			found = append(found, d)
		}
	}
	labels, annotations := live.GetLabels(), live.GetAnnotations()
	expect("labels", manifest.GetLabels(), labels)
	expect("labels", map[string]string{ManagedByLabel: ManagedBy}, labels)
	expect("annotations", manifest.GetAnnotations(), annotations)
	expect("annotations", map[string]string{OwnerAnnotation: r.owner, HashAnnotation: r.hash}, annotations)
	if of := kindOf(keyOfObject(manifest)); of != nil && !of.secret && len(r.manifest) <= plainLimit {
		expect("annotations", map[string]string{LastAppliedAnnotation: r.manifest}, annotations)
	}
	return found
}

// listed is the number of changes that a message names one by one.
const listed = 5

// describe tells users what was changed and what it was restored to.
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
		return path + " was changed and has been restored"
	case secret && f.added:
		return path + " was added and has been removed"
	case secret:
		return path + " was changed and has been restored"
	case f.added:
		return fmt.Sprintf("%s was set to %s and has been removed", path, quote(f.path, f.current))
	case f.current == nil:
		return fmt.Sprintf("%s was removed and has been restored to %s", path, quote(f.path, f.desired))
	}
	return fmt.Sprintf("%s was changed to %s and has been restored to %s", path, quote(f.path, f.current), quote(f.path, f.desired))
}

// repeatedRepairs is the number of repairs in a row from which on messages
// mention them.
const repeatedRepairs = 3

// withRepeats adds to a message that another client keeps changing the object.
func withRepeats(message string, p repairPacer, t Timing) string {
	if p.repairs < repeatedRepairs {
		return message
	}
	return fmt.Sprintf("%s This was repair %d in a row: another client keeps changing the object. The next repair is delayed by at least %s. "+
		"Identify the client with kubectl get -o yaml --show-managed-fields, or change the resource in Weir.",
		message, p.repairs, p.interval(t).Round(time.Second))
}
