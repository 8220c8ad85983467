package apiserver

import (
	"fmt"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	smdschema "sigs.k8s.io/structured-merge-diff/v6/schema"
	"sigs.k8s.io/structured-merge-diff/v6/typed"
)

// fieldTypes tells server-side apply how values merge of which no schema says
// it: finalizers as a set, owners by their uid, every other map key by key and
// every other list as a whole.
const fieldTypes = typed.YAMLObject(`
types:
- name: metadata
  map:
    fields:
    - name: finalizers
      type:
        list:
          elementType: {scalar: string}
          elementRelationship: associative
    - name: ownerReferences
      type:
        list:
          elementType: {namedType: owner}
          elementRelationship: associative
          keys: [uid]
    elementType: {namedType: __untyped_deduced_}
- name: owner
  map:
    fields:
    - name: uid
      type: {scalar: string}
    elementType: {namedType: __untyped_deduced_}
    elementRelationship: atomic
- name: __untyped_atomic_
  scalar: untyped
  list:
    elementType: {namedType: __untyped_atomic_}
    elementRelationship: atomic
  map:
    elementType: {namedType: __untyped_atomic_}
    elementRelationship: atomic
- name: __untyped_deduced_
  scalar: untyped
  list:
    elementType: {namedType: __untyped_atomic_}
    elementRelationship: atomic
  map:
    elementType: {namedType: __untyped_deduced_}
    elementRelationship: separable
`)

var undescribedTypes = sync.OnceValues(func() ([]smdschema.TypeDef, error) {
	parser, err := typed.NewParser(fieldTypes)
	if err != nil {
		return nil, err
	}
	return parser.Schema.Types, nil
})

// newFieldManager returns what keeps metadata.managedFields of a kind, or of
// one of its subresources.
func newFieldManager(k *kind, subresource string) (*managedfields.FieldManager, error) {
	undescribed, err := undescribedTypes()
	if err != nil {
		return nil, fmt.Errorf("parse the types of fields: %w", err)
	}
	parser := typed.Parser{Schema: smdschema.Schema{
		Types: append(slices.Clone(undescribed), smdschema.TypeDef{Name: "object", Atom: k.atom()}),
	}}
	// A manager does not come to own what its request cannot change.
	ignored := fieldpath.NewSet()
	switch {
	case !k.status:
	case subresource == "status":
		ignored.Insert(fieldpath.MakePathOrDie("spec"))
		ignored.Insert(fieldpath.MakePathOrDie("metadata"))
	default:
		ignored.Insert(fieldpath.MakePathOrDie("status"))
	}
	version := fieldpath.APIVersion(k.name.GroupVersion().String())
	return managedfields.NewDefaultCRDFieldManager(
		fieldTyper{parser.Type("object")}, sameVersion{}, noDefaults{}, emptyObject{},
		k.name, k.name.GroupVersion(), subresource,
		map[fieldpath.APIVersion]fieldpath.Filter{version: fieldpath.NewExcludeSetFilter(ignored)},
	)
}

// fieldTyper gives an object the types above.
type fieldTyper struct{ object typed.ParseableType }

func (t fieldTyper) ObjectToTyped(object runtime.Object, options ...typed.ValidationOptions) (*typed.TypedValue, error) {
	u, ok := object.(*unstructured.Unstructured)
	if !ok {
		return nil, fmt.Errorf("type an object: %T is not unstructured", object)
	}
	return t.object.FromUnstructured(u.Object, options...)
}

func (t fieldTyper) TypedToObject(value *typed.TypedValue) (runtime.Object, error) {
	object, ok := value.AsValue().Unstructured().(map[string]any)
	if !ok {
		return nil, fmt.Errorf("merge an object: the result is no object")
	}
	return &unstructured.Unstructured{Object: object}, nil
}

// sameVersion converts nothing: every kind has one version.
type sameVersion struct{}

func (sameVersion) Convert(in, out, _ any) error {
	from, ok := in.(*unstructured.Unstructured)
	to, fine := out.(*unstructured.Unstructured)
	if !ok || !fine {
		return fmt.Errorf("convert %T to %T: neither is converted here", in, out)
	}
	to.Object = from.Object
	return nil
}

func (sameVersion) ConvertToVersion(in runtime.Object, _ runtime.GroupVersioner) (runtime.Object, error) {
	return in, nil
}

func (sameVersion) ConvertFieldLabel(_ schema.GroupVersionKind, label, value string) (string, string, error) {
	return label, value, nil
}

// noDefaults leaves objects as they are.
type noDefaults struct{}

func (noDefaults) Default(runtime.Object) {}

// emptyObject makes the object that a first apply merges into.
type emptyObject struct{}

func (emptyObject) New(name schema.GroupVersionKind) (runtime.Object, error) {
	object := &unstructured.Unstructured{Object: map[string]any{}}
	object.SetGroupVersionKind(name)
	return object, nil
}
