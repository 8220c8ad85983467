package apiserver

import (
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/openweir/weir/sandbox/storage"
)

// patch answers a PATCH, of the two kinds that custom resources are patched
// with here.
func (s *Server) patch(w http.ResponseWriter, rq *request) error {
	switch types.PatchType(rq.mediaType()) {
	case types.ApplyYAMLPatchType:
		return s.apply(w, rq)
	case types.MergePatchType:
		return s.mergePatch(w, rq)
	}
	return &apierrors.StatusError{ErrStatus: failure(http.StatusUnsupportedMediaType, metav1.StatusReasonUnsupportedMediaType,
		fmt.Sprintf("the body of the request was in an unknown format - accepted media types include: %s, %s",
			types.MergePatchType, types.ApplyYAMLPatchType))}
}

// mergePatch applies a JSON merge patch (RFC 7386).
func (s *Server) mergePatch(w http.ResponseWriter, rq *request) error {
	patch, err := rq.body()
	if err != nil {
		return err
	}
	written, err := s.commit(rq, func(tx *storage.Tx) (*storage.Object, error) {
		live, err := s.live(tx, rq)
		if err != nil {
			return nil, err
		}
		object := &unstructured.Unstructured{Object: merge(live.DeepCopy().Object, patch).(map[string]any)}
		if err := rq.identify(object.Object); err != nil {
			return nil, err
		}
		if err := rq.expect(live, object); err != nil {
			return nil, err
		}
		rq.kind.prune(object.Object)
		return s.replace(tx, rq, live, object, false)
	})
	if err != nil {
		return err
	}
	return rq.writeObject(w, http.StatusOK, written)
}

// merge changes target as a JSON merge patch says and returns it.
func merge(target, patch any) any {
	changes, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	value, ok := target.(map[string]any)
	if !ok {
		value = map[string]any{}
	}
	for name, change := range changes {
		if change == nil {
			delete(value, name)
		} else {
			value[name] = merge(value[name], change)
		}
	}
	return value
}

// apply is server-side apply: the manager's fields become those of the body.
func (s *Server) apply(w http.ResponseWriter, rq *request) error {
	config, err := rq.body()
	if err != nil {
		return err
	}
	if rq.query.Get("fieldManager") == "" {
		return apierrors.NewInvalid(metav1.Unversioned.WithKind("PatchOptions").GroupKind(), "", field.ErrorList{
			field.Required(field.NewPath("fieldManager"), "is required for apply patch")})
	}
	if err := rq.identify(config); err != nil {
		return err
	}
	applied := &unstructured.Unstructured{Object: config}
	created := false
	written, err := s.commit(rq, func(tx *storage.Tx) (*storage.Object, error) {
		live, err := s.live(tx, rq)
		if apierrors.IsNotFound(err) && rq.subresource == "" {
			created = true
			return s.applyNew(tx, rq, applied)
		}
		if err != nil {
			return nil, err
		}
		if err := rq.expect(live, applied); err != nil {
			return nil, err
		}
		object, err := rq.merged(live, applied)
		if err != nil {
			return nil, err
		}
		return s.replace(tx, rq, live, object, true)
	})
	if err != nil {
		return err
	}
	code := http.StatusOK
	if created {
		code = http.StatusCreated
	}
	return rq.writeObject(w, code, written)
}

// applyNew creates the object that is applied for the first time.
func (s *Server) applyNew(tx *storage.Tx, rq *request, applied *unstructured.Unstructured) (*storage.Object, error) {
	if uid := applied.GetUID(); uid != "" {
		return nil, apierrors.NewConflict(rq.kind.groupResource(), rq.name,
			fmt.Errorf("uid mismatch: the provided object specified uid %s, and no existing object was found", uid))
	}
	empty, err := emptyObject{}.New(rq.kind.name)
	if err != nil {
		return nil, err
	}
	object, err := rq.merged(empty.(*unstructured.Unstructured), applied)
	if err != nil {
		return nil, err
	}
	return s.insert(tx, rq, object)
}

// merged returns the live object with the applied configuration in it.
func (rq *request) merged(live, applied *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	force := rq.query.Get("force") == "true"
	// The merge may reuse parts of what it is given.
	object, err := rq.tracker().Apply(live.DeepCopy(), applied.DeepCopy(), rq.manager, force)
	if err != nil {
		return nil, err
	}
	return object.(*unstructured.Unstructured), nil
}
