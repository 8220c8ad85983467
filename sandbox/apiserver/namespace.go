package apiserver

import (
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/openweir/weir/sandbox/storage"
)

// admitNamespace holds a new object to the rules of namespaces: it needs one
// that exists and is not about to go.
func admitNamespace(tx *storage.Tx, rq *request, object *unstructured.Unstructured) error {
	if !rq.kind.namespaced {
		return nil
	}
	if rq.namespace == "" {
		return apierrors.NewBadRequest("namespace: an empty namespace may not be set during creation")
	}
	namespace := tx.Get(storage.Key{Resource: namespaces, Name: rq.namespace})
	if namespace == nil {
		return apierrors.NewNotFound(namespaceResource, rq.namespace)
	}
	terminating, err := isTerminating(namespace)
	if err != nil || !terminating {
		return err
	}
	forbidden := apierrors.NewForbidden(rq.kind.groupResource(), object.GetName(), fmt.Errorf(
		"unable to create new content in namespace %s because it is being terminated", rq.namespace))
	forbidden.ErrStatus.Details.Causes = append(forbidden.ErrStatus.Details.Causes, metav1.StatusCause{
		Type:    "NamespaceTerminating",
		Message: fmt.Sprintf("namespace %s is being terminated", rq.namespace),
		Field:   "metadata.namespace",
	})
	return forbidden
}

var namespaceResource = metav1.Unversioned.WithResource(namespaces).GroupResource()

func isTerminating(namespace *storage.Object) (bool, error) {
	value, err := namespace.Value()
	if err != nil {
		return false, err
	}
	return text(value, "metadata", "deletionTimestamp") != "", nil
}

// terminateNamespace deletes what is in a namespace, and the namespace once it
// is empty. A real cluster has a controller for that.
func (s *Server) terminateNamespace(tx *storage.Tx, key storage.Key, live *unstructured.Unstructured) (*storage.Object, error) {
	if live.GetDeletionTimestamp() == nil {
		mark(live)
		live.Object["status"] = map[string]any{"phase": "Terminating"}
		if _, err := tx.Put(key, live.Object); err != nil {
			return nil, err
		}
	}
	last := tx.Get(key)
	for _, k := range s.kinds() {
		if !k.namespaced {
			continue
		}
		for _, object := range tx.List(k.collection(), key.Name) {
			if err := s.terminateStored(tx, k, object); err != nil {
				return nil, err
			}
		}
	}
	if err := settleNamespace(tx, key.Name); err != nil {
		return nil, err
	}
	return last, nil
}

// settleNamespace removes a namespace that is being deleted once nothing is in
// it.
func settleNamespace(tx *storage.Tx, name string) error {
	key := storage.Key{Resource: namespaces, Name: name}
	namespace := tx.Get(key)
	if namespace == nil {
		return nil
	}
	if terminating, err := isTerminating(namespace); err != nil || !terminating {
		return err
	}
	for _, resource := range tx.Resources() {
		if len(tx.List(resource, name)) > 0 {
			return nil
		}
	}
	_, err := tx.Delete(key, nil)
	return err
}
