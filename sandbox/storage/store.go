package storage

import (
	"errors"
	"sort"
	"sync"
	"time"
)

// ErrTooOld says that the history no longer reaches back to a revision, or
// that the revision is from another life of the store.
var ErrTooOld = errors.New("the history does not hold that revision")

// Options are what a store is made with.
type Options struct {
	// Dir is the folder of the object files; empty keeps nothing.
	Dir string
	// History is how many events are kept a resource; zero means 2048. A
	// watcher that falls further behind has to list again.
	History int
	// Fields returns the fields of an object that field selectors can use; nil means
	// none.
	Fields func(resource string, value map[string]any) map[string]string
}

// Store holds objects. It is safe for concurrent use.
type Store struct {
	files   *files
	history int
	fields  func(string, map[string]any) map[string]string

	// base is the revision that the store was opened at.
	base uint64

	mu        sync.Mutex
	revision  uint64
	resources map[string]*resource
}

// resource holds the objects of one resource and what happened to them.
type resource struct {
	objects map[Key]*Object
	events  []Event
	// since is the revision after which events is complete.
	since uint64
	// changed is closed and replaced by every commit that changes the resource.
	changed chan struct{}
}

// Open returns a store that holds what the folder of the options holds.
func Open(options Options) (*Store, error) {
	s := &Store{
		history:   options.History,
		fields:    options.Fields,
		resources: map[string]*resource{},
	}
	if s.history <= 0 {
		s.history = 2048
	}
	if s.fields == nil {
		s.fields = func(string, map[string]any) map[string]string { return nil }
	}
	if options.Dir == "" {
		return s, nil
	}
	var err error
	if s.files, err = openFiles(options.Dir); err != nil {
		return nil, err
	}
	// Revisions that were handed out before a restart are below the ceiling,
	// so none is ever used twice, and watches from before find no history.
	s.base, s.revision = s.files.ceiling, s.files.ceiling
	err = s.files.load(func(key Key, value map[string]any, data []byte, written time.Time) {
		s.of(key.Resource).objects[key] = s.object(key, value, data, written)
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// of returns the resource of that name. The caller holds the lock, or has the
// store to itself.
func (s *Store) of(name string) *resource {
	r := s.resources[name]
	if r == nil {
		r = &resource{objects: map[Key]*Object{}, since: s.base, changed: make(chan struct{})}
		s.resources[name] = r
	}
	return r
}

// Get returns an object, or nil.
func (s *Store) Get(key Key) *Object {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.of(key.Resource).objects[key]
}

// List returns the objects of a resource in the order of their keys, and the
// revision at which that was so. An empty namespace means all.
func (s *Store) List(resource, namespace string) ([]*Object, uint64) {
	s.mu.Lock()
	objects := s.of(resource).list(namespace, nil)
	revision := s.revision
	s.mu.Unlock()
	sortObjects(objects)
	return objects, revision
}

// Events returns what happened to a resource after a revision, the revision up
// to which that is everything, and a channel that is closed when there is more.
func (s *Store) Events(resource string, after uint64) ([]Event, uint64, <-chan struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.of(resource)
	if after < r.since || after > s.revision {
		return nil, s.revision, nil, ErrTooOld
	}
	first := sort.Search(len(r.events), func(i int) bool { return r.events[i].Object.Revision > after })
	events := append([]Event(nil), r.events[first:]...)
	return events, s.revision, r.changed, nil
}

// Revision returns the revision of the newest write.
func (s *Store) Revision() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.revision
}

func (r *resource) list(namespace string, hidden func(Key) bool) []*Object {
	objects := make([]*Object, 0, len(r.objects))
	for key, object := range r.objects {
		if (namespace == "" || key.Namespace == namespace) && (hidden == nil || !hidden(key)) {
			objects = append(objects, object)
		}
	}
	return objects
}

func sortObjects(objects []*Object) {
	sort.Slice(objects, func(i, j int) bool {
		a, b := objects[i].Key, objects[j].Key
		if a.Namespace != b.Namespace {
			return a.Namespace < b.Namespace
		}
		return a.Name < b.Name
	})
}

// record applies an event. The caller holds the lock.
func (s *Store) record(event Event) {
	key := event.Object.Key
	r := s.of(key.Resource)
	if event.Type == Deleted {
		delete(r.objects, key)
	} else {
		r.objects[key] = event.Object
	}
	// Dropping half at a time keeps the cost of an event constant.
	if len(r.events) >= 2*s.history {
		dropped := len(r.events) - s.history
		r.since = r.events[dropped-1].Object.Revision
		r.events = append(make([]Event, 0, 2*s.history), r.events[dropped:]...)
	}
	r.events = append(r.events, event)
}

// announce wakes those who wait for changes of a resource. The caller holds
// the lock.
func (s *Store) announce(name string) {
	r := s.of(name)
	close(r.changed)
	r.changed = make(chan struct{})
}
