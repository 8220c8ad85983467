package apiserver

import (
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/openweir/weir/sandbox/storage"
)

// get answers with one object. Reads are always of the newest version,
// whatever resourceVersion the client would be content with.
func (s *Server) get(w http.ResponseWriter, rq *request) error {
	object := s.store.Get(rq.key())
	if object == nil {
		return apierrors.NewNotFound(rq.kind.groupResource(), rq.name)
	}
	return rq.writeObject(w, http.StatusOK, object)
}

// list answers with the objects chosen, all at once: a server may give more
// than limit asks for.
func (s *Server) list(w http.ResponseWriter, rq *request) error {
	chosen, err := rq.selector()
	if err != nil {
		return err
	}
	objects, revision := s.store.List(rq.kind.collection(), rq.namespace)
	return rq.writeList(w, filter(objects, chosen), revision)
}

// filter returns the objects that the selector chooses.
func filter(objects []*storage.Object, chosen selector) []*storage.Object {
	matching := objects[:0]
	for _, object := range objects {
		if chosen.matches(object) {
			matching = append(matching, object)
		}
	}
	return matching
}
