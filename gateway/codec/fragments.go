package codec

import (
	"bytes"
	"sync"

	"google.golang.org/protobuf/proto"
)

// The most that Fragments keeps: items, and bytes of JSON. An item that was seen
// once counts as much as its JSON would, as its message is kept.
const (
	maxFragments     = 2048
	maxFragmentBytes = 8 << 20
)

// Fragments keeps the JSON of items of lists that were encoded more than once
// lately. It is for messages that never change: an item is known by being the
// very same message. Its methods may be called from many goroutines at once.
type Fragments struct {
	mu    sync.RWMutex
	known map[proto.Message]fragment
	order []proto.Message // the oldest first
	bytes int
}

type fragment struct {
	json  []byte // nil for an item that was seen once
	bytes int
}

// Append is the package's Append with what the fragments have.
func (f *Fragments) Append(dst []byte, m proto.Message) ([]byte, error) {
	return appendAs(dst, m, true, f)
}

// appendItem appends an item as encode does, or as it did before.
func (f *Fragments) appendItem(dst []byte, item proto.Message, encode func([]byte) ([]byte, error)) ([]byte, error) {
	f.mu.RLock()
	json := f.known[item].json
	f.mu.RUnlock()
	if json != nil {
		return append(dst, json...), nil
	}
	start := len(dst)
	dst, err := encode(dst)
	if err != nil {
		return dst, err
	}
	f.note(item, dst[start:])
	return dst, nil
}

// note keeps the JSON of an item that was seen before, and makes another one an item
// that was seen once. The oldest items go when there are too many.
func (f *Fragments) note(item proto.Message, json []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.known == nil {
		f.known = map[proto.Message]fragment{}
	}
	if _, seen := f.known[item]; seen {
		f.known[item] = fragment{bytes.Clone(json), len(json)}
		return
	}
	f.known[item] = fragment{bytes: len(json)}
	f.order = append(f.order, item)
	f.bytes += len(json)
	for len(f.order) > maxFragments || f.bytes > maxFragmentBytes {
		f.bytes -= f.known[f.order[0]].bytes
		delete(f.known, f.order[0])
		f.order[0] = nil
		f.order = f.order[1:]
	}
}
