// Package apiserver is a stand-in for a Kubernetes API server: the REST API
// that client-go's dynamic client, discovery and informers speak, over objects
// in a storage.Store. It knows a few core kinds and whatever custom resource
// definitions it holds, to begin with those of the Flink Kubernetes Operator.
//
// It has neither admission webhooks nor roles nor controllers, beside those
// that finish the deletion of namespaces.
package apiserver

import (
	"crypto/subtle"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/openweir/weir/sandbox/storage"
)

// Version is what /version says; clients tell the sandbox by it.
const Version = "v1.37.0-weir-sandbox"

// Config is what a server is made with.
type Config struct {
	// Dir is the folder in which the objects are kept; empty keeps nothing.
	Dir string
	// Namespaces are made where they do not exist.
	Namespaces []string
	// Token is the bearer token that every request must carry; empty lets
	// everyone in.
	Token string
	// History is how many changes of a resource a watch can resume over; zero
	// is storage's default.
	History int
	// EventTTL is how long core/v1 events are kept; zero means an hour.
	EventTTL time.Duration
	// Bookmark is how often an idle watch is sent the revision; zero means a
	// minute.
	Bookmark time.Duration
	Log      *slog.Logger
}

// Server answers the Kubernetes REST API. It is an http.Handler and runs
// nothing in the background.
type Server struct {
	store    *storage.Store
	token    string
	eventTTL time.Duration
	bookmark time.Duration
	log      *slog.Logger
	builtin  []*kind
	// expired is when old events were last looked for. It belongs to the
	// transaction in progress.
	expired time.Time

	mu sync.RWMutex
	// custom are the kinds of the stored definitions; replaced as a whole.
	custom []*kind
}

// New returns a server over the objects in the configuration's folder.
func New(config Config) (*Server, error) {
	s := &Server{token: config.Token, eventTTL: config.EventTTL, bookmark: config.Bookmark, log: config.Log}
	if s.eventTTL <= 0 {
		s.eventTTL = time.Hour
	}
	if s.bookmark <= 0 {
		s.bookmark = time.Minute
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if s.builtin, err = builtin(); err != nil {
		return nil, err
	}
	s.store, err = storage.Open(storage.Options{Dir: config.Dir, History: config.History, Fields: selectableFields})
	if err != nil {
		return nil, fmt.Errorf("open the sandbox's objects: %w", err)
	}
	if err := s.createInitialObjects(config.Namespaces); err != nil {
		return nil, err
	}
	return s, nil
}

// createInitialObjects creates the namespaces and definitions that do not exist.
func (s *Server) createInitialObjects(names []string) error {
	flink, err := flinkDefinitions()
	if err != nil {
		return err
	}
	for _, definition := range flink {
		if err := s.ensure(s.builtinKind(definitions), definition); err != nil {
			return err
		}
	}
	for _, name := range names {
		namespace := map[string]any{"metadata": map[string]any{"name": name}}
		if err := s.ensure(s.builtinKind(namespaces), namespace); err != nil {
			return err
		}
	}
	return s.refreshDefinitions()
}

// ensure creates an object of the whole cluster if there is none of its name.
func (s *Server) ensure(k *kind, value map[string]any) error {
	rq := &request{kind: k, manager: "weir-sandbox"}
	_, err := s.createObject(rq, value)
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("create %s: %w", k.name.Kind, err)
	}
	return nil
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.authentic(r) {
		reply(w, r, apierrors.NewUnauthorized("Unauthorized"))
		return
	}
	if s.serveInformation(w, r) {
		return
	}
	rq, err := s.parse(r)
	if err == nil {
		err = s.dispatch(w, rq)
	}
	if err != nil {
		reply(w, r, err)
	}
}

func (s *Server) authentic(r *http.Request) bool {
	want := "Bearer " + s.token
	return s.token == "" || subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte(want)) == 1
}

// dispatch answers a request for a resource, unless it returns an error.
func (s *Server) dispatch(w http.ResponseWriter, rq *request) error {
	single := rq.name != ""
	switch rq.http.Method {
	case http.MethodGet:
		switch {
		case rq.query.Get("watch") == "true" || rq.query.Get("watch") == "1":
			return s.watch(w, rq)
		case single:
			return s.get(w, rq)
		default:
			return s.list(w, rq)
		}
	case http.MethodPost:
		if !single {
			return s.create(w, rq)
		}
	case http.MethodPut:
		if single {
			return s.update(w, rq)
		}
	case http.MethodPatch:
		if single {
			return s.patch(w, rq)
		}
	case http.MethodDelete:
		switch {
		case rq.subresource != "":
		case single:
			return s.remove(w, rq)
		default:
			return s.removeCollection(w, rq)
		}
	}
	return apierrors.NewMethodNotSupported(rq.kind.groupResource(), rq.http.Method)
}
