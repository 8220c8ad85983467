package storage

import (
	"fmt"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/util/json"
)

// Tx is the view of one transaction: what the store holds, under the
// transaction's own writes. It is of use only inside the function that
// Store.Update calls.
type Tx struct {
	store    *Store
	revision uint64
	// written holds the newest version of every object written; nil where the
	// transaction deleted it.
	written map[Key]*Object
	events  []Event
}

// Update runs a transaction. Transactions run one at a time. Where the function
// returns an error nothing is written and Update returns that error.
func (s *Store) Update(transact func(tx *Tx) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	tx := &Tx{store: s, revision: s.revision, written: map[Key]*Object{}}
	if err := transact(tx); err != nil {
		return err
	}
	if len(tx.events) == 0 {
		return nil
	}
	// Files first: what is acknowledged is on disk. Should one of several
	// files fail, the disk is ahead of the memory and the caller gets the error.
	if s.files != nil {
		if err := s.files.save(tx.revision, tx.events); err != nil {
			return err
		}
	}
	touched := map[string]bool{}
	for _, event := range tx.events {
		s.record(event)
		touched[event.Object.Key.Resource] = true
	}
	s.revision = tx.revision
	for name := range touched {
		s.announce(name)
	}
	return nil
}

// Get returns an object, or nil.
func (tx *Tx) Get(key Key) *Object {
	if object, ok := tx.written[key]; ok {
		return object
	}
	return tx.store.of(key.Resource).objects[key]
}

// List returns the objects of a resource; an empty namespace means all.
func (tx *Tx) List(resource, namespace string) []*Object {
	objects := tx.store.of(resource).list(namespace, func(key Key) bool {
		_, written := tx.written[key]
		return written
	})
	for key, object := range tx.written {
		if object != nil && key.Resource == resource && (namespace == "" || key.Namespace == namespace) {
			objects = append(objects, object)
		}
	}
	sortObjects(objects)
	return objects
}

// Resources returns the names of the resources that have or had objects.
func (tx *Tx) Resources() []string {
	names := make([]string, 0, len(tx.store.resources))
	for name := range tx.store.resources {
		names = append(names, name)
	}
	return names
}

// Put writes a version of an object and gives it the next revision. It keeps
// no reference to value.
func (tx *Tx) Put(key Key, value map[string]any) (*Object, error) {
	previous := tx.Get(key)
	object, err := tx.version(key, value)
	if err != nil {
		return nil, err
	}
	kind := Modified
	if previous == nil {
		kind = Added
	}
	tx.written[key] = object
	tx.events = append(tx.events, Event{Type: kind, Object: object, Previous: previous})
	return object, nil
}

// Delete removes an object and returns its last version, under the revision of
// the deletion. value is that last version; where it is nil it is the stored
// one.
func (tx *Tx) Delete(key Key, value map[string]any) (*Object, error) {
	previous := tx.Get(key)
	if previous == nil {
		return nil, fmt.Errorf("delete %s: it does not exist", key)
	}
	if value == nil {
		var err error
		if value, err = previous.Value(); err != nil {
			return nil, err
		}
	}
	object, err := tx.version(key, value)
	if err != nil {
		return nil, err
	}
	tx.written[key] = nil
	tx.events = append(tx.events, Event{Type: Deleted, Object: object, Previous: previous})
	return object, nil
}

// version encodes a value under the next revision, which it writes into
// metadata.resourceVersion of the value.
func (tx *Tx) version(key Key, value map[string]any) (*Object, error) {
	metadata, ok := value["metadata"].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("write %s: it has no metadata", key)
	}
	metadata["resourceVersion"] = strconv.FormatUint(tx.revision+1, 10)
	data, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", key, err)
	}
	tx.revision++
	return tx.store.object(key, value, data, time.Now()), nil
}

// object returns the version of an object that value and its encoding are.
func (s *Store) object(key Key, value map[string]any, data []byte, written time.Time) *Object {
	object := &Object{Key: key, JSON: data, Fields: s.fields(key.Resource, value), Written: written}
	metadata, _ := value["metadata"].(map[string]any)
	if revision, ok := metadata["resourceVersion"].(string); ok {
		object.Revision, _ = strconv.ParseUint(revision, 10, 64)
	}
	if labels, ok := metadata["labels"].(map[string]any); ok {
		object.Labels = make(map[string]string, len(labels))
		for name, label := range labels {
			object.Labels[name], _ = label.(string)
		}
	}
	return object
}
