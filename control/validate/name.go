// Package validate checks requests by themselves: against the rules that the proto
// states, and names, labels and annotations against those of Kubernetes. All of it
// is pure.
package validate

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/openweir/weir/control/apierror"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Limits of names, in characters.
const (
	minName = 4
	// MaxName bounds the names of resources.
	MaxName = 253
	// MaxObjectName bounds the names that become those of Kubernetes objects
	// of the Flink operator, which derives further names from them.
	MaxObjectName = 45
)

const subdomainPattern = `^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`

var (
	subdomain = regexp.MustCompile(subdomainPattern)
	// clusterID is what the operator's validator allows as a name, since it is
	// the prefix of services and config maps too.
	clusterID = regexp.MustCompile(`^[a-z]([-a-z0-9]*[a-z0-9])?$`)
)

// Name notes what is wrong with the name of a resource.
func Name(v *apierror.Violations, field, name string) {
	switch {
	case name == "":
		v.Addf("%s: must not be empty", field)
	case len(name) < minName || len(name) > MaxName:
		v.Addf("%s: size must be between %d and %d", field, minName, MaxName)
	case !subdomain.MatchString(name):
		v.Addf(`%s: must match "%s"`, field, subdomainPattern)
	}
}

// ObjectName notes what is wrong with the name of a resource that becomes
// a Kubernetes object of the Flink operator.
func ObjectName(v *apierror.Violations, field, name string) {
	switch {
	case name == "":
		v.Addf("%s: must not be empty", field)
	case len(name) < minName || len(name) > MaxObjectName:
		v.Addf("%s: size must be between %d and %d", field, minName, MaxObjectName)
	case !clusterID.MatchString(name):
		v.Addf("%s: must consist of lower case letters, digits and '-', begin with a letter and end with a letter or digit", field)
	}
}

// Kind notes a kind other than want. A kind that is absent is taken to be
// right, since clients of CMF leave it out.
func Kind(v *apierror.Violations, kind, want string) {
	if kind != "" && kind != want {
		v.Addf("kind: must be %q", want)
	}
}

// MarkPrefix begins the labels and annotations that Weir itself puts on
// Kubernetes objects.
const MarkPrefix = "weir.dev/"

// ObjectMetadata notes labels and annotations that could not be put on the
// Kubernetes object of a resource. instructions are the annotations with the prefix
// MarkPrefix that users may set on the resource.
func ObjectMetadata(v *apierror.Violations, metadata *cmfv1.ObjectMeta, instructions ...string) {
	labels := metadata.GetLabels()
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		checkMarkKey(v, fmt.Sprintf("metadata.labels[%q]", key), key)
		if problems := validation.IsValidLabelValue(labels[key]); len(problems) > 0 {
			v.Addf("metadata.labels[%q]: %s", key, problems[0])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(metadata.GetAnnotations())) {
		if !slices.Contains(instructions, key) {
			AnnotationKey(v, "metadata", key)
		}
	}
}

// AnnotationKey holds the key of an annotation to the rules of labels,
// case aside, as Kubernetes does.
func AnnotationKey(v *apierror.Violations, metadata, key string) {
	checkMarkKey(v, fmt.Sprintf("%s.annotations[%q]", metadata, key), strings.ToLower(key))
}

func checkMarkKey(v *apierror.Violations, field, key string) {
	if problems := validation.IsQualifiedName(key); len(problems) > 0 {
		v.Addf("%s: %s", field, problems[0])
	}
	if strings.HasPrefix(key, MarkPrefix) {
		v.Addf("%s: the prefix %s is reserved for Weir", field, MarkPrefix)
	}
}
