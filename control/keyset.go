package control

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/openweir/weir/control/seal"
	"github.com/openweir/weir/control/store"
)

// missingKeys returns an error that names the keys of values in etcd that the keyset
// does not have.
func (r *rooms) missingKeys(at store.Reader, keys *seal.Keys) error {
	missing := map[uint32]bool{}
	for _, room := range r.all {
		for _, sealed := range room.Sealed {
			for value := range sealed.Values(at) {
				if id, is := keys.Missing(value); is {
					missing[id] = true
				}
			}
		}
	}
	if len(missing) == 0 {
		return nil
	}
	names := make([]string, 0, len(missing))
	for _, id := range slices.Sorted(maps.Keys(missing)) {
		names = append(names, fmt.Sprint(id))
	}
	return fmt.Errorf("keyset: etcd has values that are encrypted with keys which the keyset lacks: %s", strings.Join(names, ", "))
}

// sealedState is what missingKeys found in a snapshot.
type sealedState struct {
	at  *store.Snapshot
	err error
}

// checkKeyset returns an error if the keyset lacks keys of values in etcd. It looks at
// the values when a collection that has any has changed.
func (c *Control) checkKeyset() error {
	if c.config.IgnoreMissingKeys {
		return nil
	}
	at, last := c.store.Cached(), c.sealed.Load()
	state := &sealedState{at: at}
	if last != nil && c.rooms.sameSealed(last.at, at) {
		state.err = last.err
	} else {
		state.err = c.rooms.missingKeys(at, c.config.Keys)
	}
	c.sealed.Store(state) // which keeps no older snapshot in memory than it has to
	return state.err
}

// sameSealed is true if no collection with sealed values has changed between two
// snapshots.
func (r *rooms) sameSealed(a, b *store.Snapshot) bool {
	for _, room := range r.all {
		for _, sealed := range room.Sealed {
			if !sealed.Same(a, b) {
				return false
			}
		}
	}
	return true
}
