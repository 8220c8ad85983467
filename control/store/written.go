package store

import (
	"bytes"
	"sync"
)

// written are the values that are being written by this store. When the watch
// brings one of them back, it is taken from here instead of being decoded again.
type written struct {
	mu     sync.Mutex
	values map[string]*ownValue // by etcd's key
}

// ownValue is a message with the bytes that were sent for it.
type ownValue struct {
	encoded []byte
	size    int // in bytes, uncompressed
	value   any
	derived any // see WithDerived; nil if there is nothing
}

// put notes values before they are sent. Of two for one key the later one stays;
// the other is decoded.
func (w *written) put(key string, value *ownValue) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.values == nil {
		w.values = map[string]*ownValue{}
	}
	w.values[key] = value
}

// take gives the value of the key if it has these bytes.
func (w *written) take(key, encoded []byte) *ownValue {
	w.mu.Lock()
	defer w.mu.Unlock()
	own := w.values[string(key)]
	if own == nil || !bytes.Equal(own.encoded, encoded) {
		return nil
	}
	delete(w.values, string(key))
	return own
}

// forget drops a value that was not written, or may not have been.
func (w *written) forget(key string, value *ownValue) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.values[key] == value {
		delete(w.values, key)
	}
}
