package apiserver

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/openweir/weir/sandbox/storage"
)

// deleteOptions reads the options of a DELETE. The propagation policy is
// accepted and makes no difference: nothing in the sandbox has dependents.
func (rq *request) deleteOptions() (*metav1.DeleteOptions, error) {
	options := &metav1.DeleteOptions{}
	data, err := rq.raw()
	if err != nil {
		return nil, err
	}
	if len(data) > 0 {
		if err := json.Unmarshal(data, options); err != nil {
			return nil, apierrors.NewBadRequest("read the delete options: " + err.Error())
		}
	}
	return options, nil
}

// remove answers a DELETE of one object.
func (s *Server) remove(w http.ResponseWriter, rq *request) error {
	options, err := rq.deleteOptions()
	if err != nil {
		return err
	}
	var uid types.UID
	gone := false
	written, err := s.commit(rq, func(tx *storage.Tx) (*storage.Object, error) {
		live, err := s.live(tx, rq)
		if err != nil {
			return nil, err
		}
		if err := rq.preconditions(options.Preconditions, live); err != nil {
			return nil, err
		}
		uid = live.GetUID()
		object, err := s.terminate(tx, rq.kind, rq.key(), live)
		gone = tx.Get(rq.key()) == nil
		return object, err
	})
	if err != nil {
		return err
	}
	if !gone {
		return rq.writeObject(w, http.StatusOK, written)
	}
	writeJSON(w, http.StatusOK, metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusSuccess,
		Details: &metav1.StatusDetails{
			Name: rq.name, Group: rq.kind.resource.Group, Kind: rq.kind.resource.Resource, UID: uid,
		},
	})
	return nil
}

// preconditions holds a DELETE's conditions against the stored object.
func (rq *request) preconditions(want *metav1.Preconditions, live *unstructured.Unstructured) error {
	if want == nil {
		return nil
	}
	conflict := func(what string, want, got any) error {
		return apierrors.NewConflict(rq.kind.groupResource(), rq.name,
			fmt.Errorf("precondition failed: %s in precondition: %v, %s in object meta: %v", what, want, what, got))
	}
	if want.UID != nil && *want.UID != live.GetUID() {
		return conflict("UID", *want.UID, live.GetUID())
	}
	if want.ResourceVersion != nil && *want.ResourceVersion != live.GetResourceVersion() {
		return conflict("ResourceVersion", *want.ResourceVersion, live.GetResourceVersion())
	}
	return nil
}

// removeCollection answers a DELETE of all that a selector chooses.
func (s *Server) removeCollection(w http.ResponseWriter, rq *request) error {
	chosen, err := rq.selector()
	if err != nil {
		return err
	}
	var removed []*storage.Object
	_, err = s.commit(rq, func(tx *storage.Tx) (*storage.Object, error) {
		for _, object := range filter(tx.List(rq.kind.collection(), rq.namespace), chosen) {
			if err := s.terminateStored(tx, rq.kind, object); err != nil {
				return nil, err
			}
			removed = append(removed, object)
		}
		return nil, nil
	})
	if err != nil {
		return err
	}
	return rq.writeList(w, removed, s.store.Revision())
}

func (s *Server) terminateStored(tx *storage.Tx, k *kind, object *storage.Object) error {
	value, err := object.Value()
	if err != nil {
		return err
	}
	_, err = s.terminate(tx, k, object.Key, &unstructured.Unstructured{Object: value})
	return err
}

// terminate deletes an object, or marks it where finalizers, or what a
// namespace or definition holds, come first.
func (s *Server) terminate(tx *storage.Tx, k *kind, key storage.Key, live *unstructured.Unstructured) (*storage.Object, error) {
	switch k.collection() {
	case namespaces:
		return s.terminateNamespace(tx, key, live)
	case definitions:
		if err := dropAll(tx, key.Name); err != nil {
			return nil, err
		}
	}
	if len(live.GetFinalizers()) == 0 {
		return drop(tx, key, nil)
	}
	if live.GetDeletionTimestamp() != nil {
		return tx.Get(key), nil
	}
	mark(live)
	return tx.Put(key, live.Object)
}

// mark writes down that the object is being deleted.
func mark(object *unstructured.Unstructured) {
	metadata := object.Object["metadata"].(map[string]any)
	metadata["deletionTimestamp"] = stamp(time.Now())
	metadata["deletionGracePeriodSeconds"] = int64(0)
	if generation := object.GetGeneration(); generation > 0 {
		metadata["generation"] = generation + 1
	}
}

// drop removes an object for good, and its namespace if that waited for it.
func drop(tx *storage.Tx, key storage.Key, last map[string]any) (*storage.Object, error) {
	object, err := tx.Delete(key, last)
	if err != nil || key.Namespace == "" {
		return object, err
	}
	return object, settleNamespace(tx, key.Namespace)
}

// dropAll removes the objects of a definition that goes. Nothing could remove
// their finalizers afterwards.
func dropAll(tx *storage.Tx, collection string) error {
	for _, object := range tx.List(collection, "") {
		if _, err := drop(tx, object.Key, nil); err != nil {
			return err
		}
	}
	return nil
}

// expireEvents removes the events that nobody wrote to for long. It looks at
// most once a minute.
func (s *Server) expireEvents(tx *storage.Tx) error {
	now := time.Now()
	if now.Sub(s.expired) < min(time.Minute, s.eventTTL) {
		return nil
	}
	s.expired = now
	for _, event := range tx.List(events, "") {
		if now.Sub(event.Written) > s.eventTTL {
			if _, err := drop(tx, event.Key, nil); err != nil {
				return err
			}
		}
	}
	return nil
}
