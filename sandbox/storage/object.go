// Package storage keeps the objects of a sandbox cluster: in memory, with one
// revision counter over all of them, a bounded history to watch, and, where a
// folder is given, a file an object.
package storage

import (
	"fmt"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/util/json"
)

// Key names an object.
type Key struct {
	// Resource is the plural and the group, such as "configmaps" or
	// "deployments.apps".
	Resource string
	// Namespace is empty for an object of the whole cluster.
	Namespace string
	Name      string
}

// String returns the key as it is written in messages.
func (k Key) String() string {
	if k.Namespace == "" {
		return k.Resource + "/" + k.Name
	}
	return k.Resource + "/" + k.Namespace + "/" + k.Name
}

// Object is one version of an object. It is never changed once it is made, so
// it may be read without a lock.
type Object struct {
	Key Key
	// Revision is that of the write that made this version. It is the
	// metadata.resourceVersion inside JSON.
	Revision uint64
	Labels   map[string]string
	// Fields are what field selectors can choose by, beside name and namespace.
	Fields map[string]string
	JSON   []byte
	// Written is when this version was written.
	Written time.Time
}

// Value decodes the object into a map that the caller may change.
func (o *Object) Value() (map[string]any, error) {
	var value map[string]any
	if err := json.Unmarshal(o.JSON, &value); err != nil {
		return nil, fmt.Errorf("decode %s: %w", o.Key, err)
	}
	return value, nil
}

// At returns the same version of the object under another revision.
func (o *Object) At(revision uint64) (*Object, error) {
	value, err := o.Value()
	if err != nil {
		return nil, err
	}
	metadata, ok := value["metadata"].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("decode %s: it has no metadata", o.Key)
	}
	metadata["resourceVersion"] = strconv.FormatUint(revision, 10)
	at := *o
	at.Revision = revision
	if at.JSON, err = json.Marshal(value); err != nil {
		return nil, fmt.Errorf("encode %s: %w", o.Key, err)
	}
	return &at, nil
}

// EventType is the type of a change to an object.
type EventType string

// The types of events.
const (
	Added    EventType = "ADDED"
	Modified EventType = "MODIFIED"
	Deleted  EventType = "DELETED"
)

// Event is one change of an object.
type Event struct {
	Type EventType
	// Object is the version that the change made; of a deletion, the last
	// version, under the revision of the deletion.
	Object *Object
	// Previous is the version before; nil if there was none.
	Previous *Object
}
