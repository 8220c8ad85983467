package watch

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/store"
)

// maxSources is how many collections a Replay can follow: it waits for all of
// them at once.
const maxSources = 3

// Parts are the objects of one key, in the order of the sources, each a pointer
// to a store.Object; nil where there is none.
type Parts []any

// Part is the object of a source, the zero value where there is none.
func Part[T proto.Message](parts Parts, source int) store.Object[T] {
	if source < len(parts) {
		if object, ok := parts[source].(*store.Object[T]); ok {
			return *object
		}
	}
	return store.Object[T]{}
}

// Change is what one transaction did to the objects of one key.
type Change struct {
	Key string
	// Before and After are nil where the key has no object.
	Before, After Parts
	Version       Version
}

// Replay follows the objects under one path. It holds nothing that must be
// released. One goroutine at a time may use it.
type Replay struct {
	tails   []tail
	pending [][]change       // by source: polled, not replayed
	parts   map[string]Parts // as of revision
	// revision is complete: all of its changes were given.
	revision int64
	skip     Version // the changes up to here are not given, if Index > 0
}

// Open begins behind the version, which has to be one that Replay gave for the
// same path and sources. It fails with store.ErrTooOld where not everything
// since then is known any more.
func Open(ctx context.Context, under string, after Version, sources ...Source) (*Replay, error) {
	if len(sources) == 0 || len(sources) > maxSources {
		return nil, fmt.Errorf("replay %d collections: can be 1 to %d", len(sources), maxSources)
	}
	r := &Replay{parts: map[string]Parts{}, revision: after.base(), skip: after, pending: make([][]change, len(sources))}
	for _, source := range sources {
		t, err := source.open(ctx, under, r.revision)
		if err != nil {
			return nil, err
		}
		if r.revision == 0 {
			r.revision = t.revision() // now, which all of them begin from
		}
		r.tails = append(r.tails, t)
	}
	for i := range r.tails {
		if err := r.rewind(ctx, i); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// rewind finds what the source held at the revision: what it holds now, with
// everything since taken back.
func (r *Replay) rewind(ctx context.Context, source int) error {
	objects, now, err := r.tails[source].snapshot(ctx)
	if err != nil {
		return err
	}
	for r.tails[source].revision() < now || r.pending[source] == nil {
		if _, err := r.poll(source); err != nil {
			return err
		}
	}
	for _, change := range slices.Backward(r.pending[source]) {
		switch {
		case change.revision > now: // the snapshot is from before it
		case change.before == nil:
			delete(objects, change.key)
		default:
			objects[change.key] = change.before
		}
	}
	for key, object := range objects {
		r.set(key, source, object)
	}
	return nil
}

// set returns the parts of a key before and after one of them changed. Parts
// are replaced, not changed: callers keep them.
func (r *Replay) set(key string, source int, object any) (before, after Parts) {
	before = r.parts[key]
	after = make(Parts, len(r.tails))
	copy(after, before)
	after[source] = object
	if !slices.ContainsFunc(after, func(part any) bool { return part != nil }) {
		delete(r.parts, key)
		return before, nil
	}
	r.parts[key] = after
	return before, after
}

// Version is the place that the Replay has come to.
func (r *Replay) Version() Version {
	if r.skip.Index > 0 {
		return r.skip
	}
	return Version{Revision: r.revision}
}

// Keys are those that have objects at Version, in order.
func (r *Replay) Keys() []string { return slices.Sorted(maps.Keys(r.parts)) }

// At gives the objects of a key at Version.
func (r *Replay) At(key string) Parts { return r.parts[key] }

// Wake tells when there may be more to read.
type Wake [maxSources]<-chan struct{}

// Read gives the changes that are there, in order, and what to wait for before
// the next Read. It never divides a transaction.
func (r *Replay) Read() ([]Change, Wake, error) {
	var wake Wake
	last := int64(-1)
	for {
		for i := range r.tails {
			// The channels of the first round are the ones to wait for: by the time
			// that a later round leaves something behind, they may have been closed,
			// but none that is to be closed for it can have been missed.
			c, err := r.poll(i)
			if err != nil {
				return nil, Wake{}, err
			}
			if wake[i] == nil {
				wake[i] = c
			}
		}
		complete := r.complete()
		// Something newer than another collection is complete up to: that one
		// may have come further meanwhile. If it has not, etcd's message is
		// being taken in right now, and those who wait are woken behind it.
		if !r.beyond(complete) || complete == last {
			return r.replay(complete), wake, nil
		}
		last = complete
	}
}

func (r *Replay) poll(source int) (<-chan struct{}, error) {
	changes, wake, err := r.tails[source].poll()
	if err != nil {
		return nil, err
	}
	for i := range changes {
		changes[i].source = source
	}
	r.pending[source] = append(r.pending[source], changes...)
	if r.pending[source] == nil {
		r.pending[source] = []change{}
	}
	return wake, nil
}

// complete is the revision up to which nothing can be missing.
func (r *Replay) complete() int64 {
	least := int64(math.MaxInt64)
	for _, t := range r.tails {
		least = min(least, t.revision())
	}
	return least
}

func (r *Replay) beyond(revision int64) bool {
	return slices.ContainsFunc(r.pending, func(changes []change) bool {
		return len(changes) > 0 && changes[len(changes)-1].revision > revision
	})
}

// replay gives the changes up to the revision.
func (r *Replay) replay(revision int64) []Change {
	var ready []change
	for i, changes := range r.pending {
		n, _ := slices.BinarySearchFunc(changes, revision+1, func(c change, to int64) int { return cmp.Compare(c.revision, to) })
		ready = append(ready, changes[:n]...)
		r.pending[i] = slices.Clone(changes[n:])
	}
	slices.SortStableFunc(ready, func(a, b change) int {
		return cmp.Or(cmp.Compare(a.revision, b.revision), cmp.Compare(a.key, b.key))
	})
	var out []Change
	for len(ready) > 0 {
		n := 1
		for n < len(ready) && ready[n].revision == ready[0].revision {
			n++
		}
		out = append(out, r.transaction(ready[:n])...)
		ready = ready[n:]
	}
	r.revision = max(r.revision, revision)
	if r.revision >= r.skip.Revision {
		r.skip = Version{}
	}
	return out
}

// transaction replays the changes of one revision, which are in order of their
// keys.
func (r *Replay) transaction(changes []change) []Change {
	revision := changes[0].revision
	var out []Change
	for i := 0; i < len(changes); {
		c := Change{Key: changes[i].key, Before: r.parts[changes[i].key], Version: Version{Revision: revision, Index: len(out) + 1}}
		for ; i < len(changes) && changes[i].key == c.Key; i++ {
			_, c.After = r.set(c.Key, changes[i].source, changes[i].after)
		}
		out = append(out, c)
	}
	out[len(out)-1].Version.Index = 0
	if revision == r.skip.Revision && r.skip.Index > 0 {
		out = out[min(r.skip.Index, len(out)):]
	}
	return out
}
