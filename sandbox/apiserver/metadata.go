package apiserver

import (
	"fmt"
	"reflect"
	"time"

	"github.com/google/uuid"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// stamp is how the API writes times.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// identify makes sure that a written object is what the request's path says,
// and writes down what the path knows and the object left out.
func (rq *request) identify(value map[string]any) error {
	object := &unstructured.Unstructured{Object: value}
	if _, ok := value["metadata"].(map[string]any); !ok {
		value["metadata"] = map[string]any{}
	}
	version, kind := rq.kind.name.ToAPIVersionAndKind()
	if got := object.GetAPIVersion(); got != "" && got != version {
		return apierrors.NewBadRequest(fmt.Sprintf(
			"the API version in the data (%s) does not match the expected API version (%s)", got, version))
	}
	if got := object.GetKind(); got != "" && got != kind {
		return apierrors.NewBadRequest(fmt.Sprintf("the kind in the data (%s) does not match the expected kind (%s)", got, kind))
	}
	if got := object.GetNamespace(); got != "" && got != rq.namespace {
		return apierrors.NewBadRequest(fmt.Sprintf(
			"the namespace of the provided object does not match the namespace sent on the request (%q, %q)", got, rq.namespace))
	}
	if got := object.GetName(); rq.name != "" && got != "" && got != rq.name {
		return apierrors.NewBadRequest(fmt.Sprintf(
			"the name of the object (%s) does not match the name on the URL (%s)", got, rq.name))
	}
	object.SetAPIVersion(version)
	object.SetKind(kind)
	if rq.namespace != "" {
		object.SetNamespace(rq.namespace)
	}
	if rq.name != "" {
		object.SetName(rq.name)
	}
	return nil
}

// begin gives a new object what only the server may give it.
func (rq *request) begin(object *unstructured.Unstructured) {
	if object.GetName() == "" && object.GetGenerateName() != "" {
		object.SetName(object.GetGenerateName() + rand.String(5))
	}
	for _, name := range []string{"deletionTimestamp", "deletionGracePeriodSeconds", "resourceVersion", "selfLink"} {
		unstructured.RemoveNestedField(object.Object, "metadata", name)
	}
	metadata := object.Object["metadata"].(map[string]any)
	metadata["uid"] = uuid.NewString()
	metadata["creationTimestamp"] = stamp(time.Now())
	delete(metadata, "generation")
	if rq.kind.status {
		delete(object.Object, "status")
	}
	if rq.kind.counted() {
		metadata["generation"] = int64(1)
	}
}

// counted tells whether changes are counted by metadata.generation.
func (k *kind) counted() bool { return k.custom || k.collection() == definitions }

// carryOver gives an updated object what the server alone may change, as it
// was, and counts the change of what its owner wants.
func (rq *request) carryOver(live, object *unstructured.Unstructured) {
	was := live.Object["metadata"].(map[string]any)
	metadata := object.Object["metadata"].(map[string]any)
	for _, name := range []string{
		"uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "resourceVersion",
	} {
		if value, ok := was[name]; ok {
			metadata[name] = value
		} else {
			delete(metadata, name)
		}
	}
	if rq.subresource == "status" {
		status, has := object.Object["status"]
		managed, tracked := metadata["managedFields"]
		object.Object = live.DeepCopy().Object
		set(object.Object, "status", status, has)
		set(object.Object["metadata"].(map[string]any), "managedFields", managed, tracked)
		return
	}
	if rq.kind.status {
		status, has := live.Object["status"]
		set(object.Object, "status", status, has)
	}
	if rq.kind.counted() && !sameIntent(live.Object, object.Object, rq.kind.status) {
		metadata["generation"] = live.GetGeneration() + 1
	}
}

func set(value map[string]any, name string, to any, has bool) {
	if has {
		value[name] = to
	} else {
		delete(value, name)
	}
}

// sameIntent tells whether two versions differ in nothing but metadata and,
// where that has a subresource of its own, status.
func sameIntent(a, b map[string]any, status bool) bool {
	intent := func(value map[string]any) map[string]any {
		rest := make(map[string]any, len(value))
		for name, part := range value {
			if name != "metadata" && (name != "status" || !status) {
				rest[name] = part
			}
		}
		return rest
	}
	return reflect.DeepEqual(intent(a), intent(b))
}

// validateMetadata returns what is wrong with an object's metadata.
func (k *kind) validateMetadata(live, object *unstructured.Unstructured) field.ErrorList {
	path := field.NewPath("metadata")
	var wrong field.ErrorList
	if object.GetName() == "" {
		return field.ErrorList{field.Required(path.Child("name"), "name or generateName is required")}
	}
	check := validation.NameIsDNSSubdomain
	if k.collection() == namespaces {
		check = validation.NameIsDNSLabel
	}
	for _, message := range check(object.GetName(), false) {
		wrong = append(wrong, field.Invalid(path.Child("name"), object.GetName(), message))
	}
	for _, name := range []string{"labels", "annotations"} {
		if _, _, err := unstructured.NestedStringMap(object.Object, "metadata", name); err != nil {
			wrong = append(wrong, field.Invalid(path.Child(name), "object", "must be a map of strings"))
		}
	}
	wrong = append(wrong, metavalidation.ValidateLabels(object.GetLabels(), path.Child("labels"))...)
	wrong = append(wrong, validation.ValidateAnnotations(object.GetAnnotations(), path.Child("annotations"))...)
	wrong = append(wrong, validation.ValidateFinalizers(object.GetFinalizers(), path.Child("finalizers"))...)
	if live != nil && live.GetDeletionTimestamp() != nil {
		for _, finalizer := range object.GetFinalizers() {
			if !contains(live.GetFinalizers(), finalizer) {
				wrong = append(wrong, field.Forbidden(path.Child("finalizers"),
					"no new finalizers can be added if the object is being deleted, found new finalizers "+finalizer))
			}
		}
	}
	return wrong
}
