package codec

import (
	"bytes"
	"sync"

	"google.golang.org/protobuf/proto"
)

// The most that Fragments keeps: items, and bytes of JSON.
const (
	maxFragments     = 2048
	maxFragmentBytes = 8 << 20
)

// Fragments keeps the JSON of items of lists that were encoded more than once
// lately. It is for messages that never change: an item is known by being the
// very same message. Its methods may be called from many goroutines at once.
type Fragments struct {
	mu    sync.RWMutex
	known map[proto.Message][]byte // nil for an item that was seen once
	order []proto.Message          // a ring: the oldest at next, once it is full
	next  int
	bytes int
}

// Append is the package's Append with what the fragments have.
func (f *Fragments) Append(dst []byte, m proto.Message) ([]byte, error) {
	return appendAs(dst, m, true, f)
}

// appendItem appends an item as encode does, or as it did before.
func (f *Fragments) appendItem(dst []byte, item proto.Message, encode func([]byte) ([]byte, error)) ([]byte, error) {
	f.mu.RLock()
	json, seen := f.known[item]
	f.mu.RUnlock()
	if json != nil {
		return append(dst, json...), nil
	}
	start := len(dst)
	dst, err := encode(dst)
	if err != nil {
		return dst, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch known, still := f.known[item]; {
	case !still:
		f.note(item)
	case seen && known == nil && f.bytes+len(dst)-start <= maxFragmentBytes:
		f.known[item] = bytes.Clone(dst[start:])
		f.bytes += len(dst) - start
	}
	return dst, nil
}

// note makes the item one that was seen once, in the place of the oldest where
// there are too many.
func (f *Fragments) note(item proto.Message) {
	if f.known == nil {
		f.known = map[proto.Message][]byte{}
	}
	if len(f.order) < maxFragments {
		f.order = append(f.order, item)
	} else {
		oldest := f.order[f.next]
		f.bytes -= len(f.known[oldest])
		delete(f.known, oldest)
		f.order[f.next] = item
		f.next = (f.next + 1) % maxFragments
	}
	f.known[item] = nil
}
