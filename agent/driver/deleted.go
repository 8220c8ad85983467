package driver

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// deletedLimit is the number of deleted objects whose owners are kept.
const deletedLimit = 1000

// deletedOwners keeps the owners of the most recently deleted objects, since the
// last events about an object arrive after its deletion.
type deletedOwners struct {
	mu     sync.Mutex
	owners map[types.UID]string
	order  []types.UID // a ring buffer
	next   int
}

func newDeletedOwners(limit int) deletedOwners {
	return deletedOwners{owners: make(map[types.UID]string), order: make([]types.UID, limit)}
}

func (d *deletedOwners) add(uid types.UID, owner string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, known := d.owners[uid]; known || uid == "" {
		return
	}
	delete(d.owners, d.order[d.next])
	d.order[d.next] = uid
	d.next = (d.next + 1) % len(d.order)
	d.owners[uid] = owner
}

// owner returns the owner of a deleted object; empty if it is not kept.
func (d *deletedOwners) owner(uid types.UID) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.owners[uid]
}
