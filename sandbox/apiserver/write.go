package apiserver

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/openweir/weir/sandbox/storage"
)

// create answers a POST.
func (s *Server) create(w http.ResponseWriter, rq *request) error {
	value, err := rq.body()
	if err != nil {
		return err
	}
	if err := rq.warnUnknown(w, value); err != nil {
		return err
	}
	object, err := s.createObject(rq, value)
	if err != nil {
		return err
	}
	return rq.writeObject(w, http.StatusCreated, object)
}

// createObject writes a new object.
func (s *Server) createObject(rq *request, value map[string]any) (*storage.Object, error) {
	if err := rq.identify(value); err != nil {
		return nil, err
	}
	object := &unstructured.Unstructured{Object: value}
	if object.GetResourceVersion() != "" {
		return nil, apierrors.NewBadRequest("resourceVersion should not be set on objects to be created")
	}
	return s.commit(rq, func(tx *storage.Tx) (*storage.Object, error) {
		return s.insert(tx, rq, object)
	})
}

// insert writes a new object inside a transaction.
func (s *Server) insert(tx *storage.Tx, rq *request, object *unstructured.Unstructured) (*storage.Object, error) {
	rq.begin(object)
	rq.kind.complete(nil, object)
	if err := admitNamespace(tx, rq, object); err != nil {
		return nil, err
	}
	if err := rq.validate(nil, object); err != nil {
		return nil, err
	}
	key := rq.key()
	key.Name = object.GetName()
	if tx.Get(key) != nil {
		return nil, apierrors.NewAlreadyExists(rq.kind.groupResource(), key.Name)
	}
	if rq.kind.collection() == events {
		if err := s.expireEvents(tx); err != nil {
			return nil, err
		}
	}
	empty, err := emptyObject{}.New(rq.kind.name)
	if err != nil {
		return nil, err
	}
	if object.GetManagedFields() == nil {
		tracked, err := rq.kind.fields.Update(empty, object, rq.manager)
		if err != nil {
			return nil, fmt.Errorf("track the fields of %s: %w", key, err)
		}
		object = tracked.(*unstructured.Unstructured)
	}
	return tx.Put(key, object.Object)
}

// update answers a PUT.
func (s *Server) update(w http.ResponseWriter, rq *request) error {
	value, err := rq.body()
	if err != nil {
		return err
	}
	if err := rq.warnUnknown(w, value); err != nil {
		return err
	}
	if err := rq.identify(value); err != nil {
		return err
	}
	object := &unstructured.Unstructured{Object: value}
	written, err := s.commit(rq, func(tx *storage.Tx) (*storage.Object, error) {
		live, err := s.live(tx, rq)
		if err != nil {
			return nil, err
		}
		if object.GetResourceVersion() == "" && rq.kind.custom {
			return nil, apierrors.NewInvalid(rq.kind.name.GroupKind(), rq.name, field.ErrorList{field.Invalid(
				field.NewPath("metadata", "resourceVersion"), 0, "must be specified for an update")})
		}
		if err := rq.expect(live, object); err != nil {
			return nil, err
		}
		return s.replace(tx, rq, live, object, false)
	})
	if err != nil {
		return err
	}
	return rq.writeObject(w, http.StatusOK, written)
}

// live returns the stored object that the request is about.
func (s *Server) live(tx *storage.Tx, rq *request) (*unstructured.Unstructured, error) {
	stored := tx.Get(rq.key())
	if stored == nil {
		return nil, apierrors.NewNotFound(rq.kind.groupResource(), rq.name)
	}
	value, err := stored.Value()
	if err != nil {
		return nil, err
	}
	return &unstructured.Unstructured{Object: value}, nil
}

// expect holds the object's uid and resourceVersion, where it has them, against
// the stored ones.
func (rq *request) expect(live, object *unstructured.Unstructured) error {
	if uid := object.GetUID(); uid != "" && uid != live.GetUID() {
		return apierrors.NewConflict(rq.kind.groupResource(), rq.name,
			fmt.Errorf("precondition failed: UID in precondition: %v, UID in object meta: %v", uid, live.GetUID()))
	}
	if version := object.GetResourceVersion(); version != "" && version != live.GetResourceVersion() {
		return apierrors.NewConflict(rq.kind.groupResource(), rq.name,
			fmt.Errorf("the object has been modified; please apply your changes to the latest version and try again"))
	}
	return nil
}

// replace writes a version of a stored object. Where the version does not come
// from server-side apply, the fields that it changes become the manager's.
func (s *Server) replace(tx *storage.Tx, rq *request, live, object *unstructured.Unstructured, applied bool) (*storage.Object, error) {
	rq.carryOver(live, object)
	rq.kind.complete(live, object)
	if err := rq.validate(live, object); err != nil {
		return nil, err
	}
	if !applied {
		tracked, err := rq.tracker().Update(live, object, rq.manager)
		if err != nil {
			return nil, fmt.Errorf("track the fields of %s: %w", rq.key(), err)
		}
		object = tracked.(*unstructured.Unstructured)
	}
	if object.GetDeletionTimestamp() != nil && len(object.GetFinalizers()) == 0 && rq.kind.collection() != namespaces {
		return drop(tx, rq.key(), object.Object)
	}
	// A write that changes nothing is not stored: watchers are not notified, the
	// resourceVersion stays.
	if unchanged(live, object) {
		return tx.Get(rq.key()), nil
	}
	return tx.Put(rq.key(), object.Object)
}

// tracker keeps the owners of the fields that the request may change.
func (rq *request) tracker() *managedfields.FieldManager {
	if rq.subresource == "status" {
		return rq.kind.statusFields
	}
	return rq.kind.fields
}

// unchanged tells whether two versions differ in nothing but when managers
// last wrote.
func unchanged(live, object *unstructured.Unstructured) bool {
	timeless := func(o *unstructured.Unstructured) map[string]any {
		o = o.DeepCopy()
		entries := o.GetManagedFields()
		for i := range entries {
			entries[i].Time = nil
		}
		o.SetManagedFields(entries)
		return o.Object
	}
	return sameIntent(live.Object, object.Object, false) && reflect.DeepEqual(timeless(live), timeless(object))
}

// commit runs a write. A dry run goes all the way but for the end.
func (s *Server) commit(rq *request, write func(tx *storage.Tx) (*storage.Object, error)) (*storage.Object, error) {
	var written *storage.Object
	err := s.store.Update(func(tx *storage.Tx) error {
		var err error
		if written, err = write(tx); err != nil {
			return err
		}
		if rq.http != nil && rq.dryRun() {
			return errDryRun
		}
		return nil
	})
	if err != nil && !errors.Is(err, errDryRun) {
		return nil, err
	}
	if rq.kind.collection() == definitions && err == nil {
		if err := s.refreshDefinitions(); err != nil {
			return nil, err
		}
	}
	return written, nil
}

var errDryRun = errors.New("dry run")

// validate returns what is wrong with an object as the API's error.
func (rq *request) validate(live, object *unstructured.Unstructured) error {
	wrong := rq.kind.validateMetadata(live, object)
	if rq.kind.schema != nil {
		wrong = append(wrong, rq.kind.schema.validate(body(object.Object), nil)...)
	}
	if rq.kind.collection() == definitions {
		wrong = append(wrong, validateDefinition(object)...)
	}
	if len(wrong) > 0 {
		return apierrors.NewInvalid(rq.kind.name.GroupKind(), object.GetName(), wrong)
	}
	return nil
}

func validateDefinition(object *unstructured.Unstructured) field.ErrorList {
	k, err := custom(object.Object)
	if err != nil {
		return field.ErrorList{field.Invalid(field.NewPath("spec"), object.GetName(), err.Error())}
	}
	if want := k.collection(); object.GetName() != want {
		return field.ErrorList{field.Invalid(field.NewPath("metadata", "name"), object.GetName(),
			`must be spec.names.plural+"."+spec.group: `+want)}
	}
	return nil
}

// warnUnknown removes the fields that the schema does not know and tells the
// client about them, as fieldValidation asks: by a warning unless it says
// otherwise.
func (rq *request) warnUnknown(w http.ResponseWriter, value map[string]any) error {
	var unknown []string
	for _, path := range rq.kind.prune(value) {
		unknown = append(unknown, fmt.Sprintf("unknown field %q", path))
	}
	if len(unknown) == 0 || rq.query.Get("fieldValidation") == "Ignore" {
		return nil
	}
	if rq.query.Get("fieldValidation") == "Strict" {
		return apierrors.NewBadRequest("strict decoding error: " + strings.Join(unknown, ", "))
	}
	for _, warning := range unknown {
		w.Header().Add("Warning", fmt.Sprintf("299 - %q", warning))
	}
	return nil
}

// prune removes what the kind's schema does not know from an object, and
// returns the paths of what it removed.
func (k *kind) prune(value map[string]any) []string {
	if k.schema == nil {
		return nil
	}
	rest := body(value)
	pruned := k.schema.prune(rest, "")
	for name := range value {
		if _, kept := rest[name]; !kept && !universal(name) {
			delete(value, name)
		}
	}
	return pruned
}

// body returns an object without what every object has, which schemas do not
// describe.
func body(value map[string]any) map[string]any {
	rest := make(map[string]any, len(value))
	for name, part := range value {
		if !universal(name) {
			rest[name] = part
		}
	}
	return rest
}

func universal(name string) bool { return name == "apiVersion" || name == "kind" || name == "metadata" }
