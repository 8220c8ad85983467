package apiserver

import (
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/openweir/weir/sandbox/storage"
)

// selector chooses among the objects of a resource.
type selector struct {
	namespace string
	labels    labels.Selector
	fields    fields.Selector
}

// selector reads what a list, watch or delete of a collection is limited to.
func (rq *request) selector() (selector, error) {
	chosen, err := labels.Parse(rq.query.Get("labelSelector"))
	if err != nil {
		return selector{}, apierrors.NewBadRequest("labelSelector: " + err.Error())
	}
	by, err := fields.ParseSelector(rq.query.Get("fieldSelector"))
	if err != nil {
		return selector{}, apierrors.NewBadRequest("fieldSelector: " + err.Error())
	}
	for _, requirement := range by.Requirements() {
		if !rq.kind.selectable(requirement.Field) {
			return selector{}, apierrors.NewBadRequest(fmt.Sprintf("field label not supported: %s", requirement.Field))
		}
	}
	if rq.name != "" {
		by = fields.AndSelectors(by, fields.OneTermEqualSelector("metadata.name", rq.name))
	}
	return selector{namespace: rq.namespace, labels: chosen, fields: by}, nil
}

// matches tells whether the selector chooses the object.
func (s selector) matches(object *storage.Object) bool {
	if s.namespace != "" && object.Key.Namespace != s.namespace {
		return false
	}
	return s.labels.Matches(labels.Set(object.Labels)) && (s.fields.Empty() || s.fields.Matches(fieldsOf{object}))
}

// fieldsOf gives the fields of an object by their path.
type fieldsOf struct{ object *storage.Object }

// Has tells whether the object has the field.
func (f fieldsOf) Has(path string) bool { return f.Get(path) != "" }

// Get returns the field, or the empty string.
func (f fieldsOf) Get(path string) string {
	switch path {
	case "metadata.name":
		return f.object.Key.Name
	case "metadata.namespace":
		return f.object.Key.Namespace
	}
	return f.object.Fields[path]
}

// eventFields are what events can be selected by, beside name and namespace.
var eventFields = []string{
	"involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
	"involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath",
	"reason", "type", "source",
}

func (k *kind) selectable(path string) bool {
	switch {
	case path == "metadata.name":
		return true
	case path == "metadata.namespace":
		return k.namespaced
	case k.collection() == events:
		return contains(eventFields, path)
	}
	return k.collection() == "secrets" && path == "type"
}

// selectableFields returns the fields of an object that kind.selectable names.
func selectableFields(resource string, value map[string]any) map[string]string {
	switch resource {
	case "secrets":
		return map[string]string{"type": text(value, "type")}
	case events:
		selectable := make(map[string]string, len(eventFields))
		for _, path := range eventFields {
			selectable[path] = text(value, strings.Split(path, ".")...)
		}
		selectable["source"] = text(value, "source", "component")
		return selectable
	}
	return nil
}

// text returns the string at a path of an object, or the empty string.
func text(value map[string]any, path ...string) string {
	for _, name := range path[:len(path)-1] {
		value, _ = value[name].(map[string]any)
	}
	found, _ := value[path[len(path)-1]].(string)
	return found
}
