package driver

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// goneLimit is how many objects of the past are remembered.
const goneLimit = 1000

// gone remembers whose the objects were that are no more, since the last events
// about an object come after its end. It forgets the oldest.
type gone struct {
	mu     sync.Mutex
	owners map[types.UID]string
	order  []types.UID // a ring
	next   int
}

func newGone(limit int) gone {
	return gone{owners: make(map[types.UID]string), order: make([]types.UID, limit)}
}

func (g *gone) add(uid types.UID, owner string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, known := g.owners[uid]; known || uid == "" {
		return
	}
	delete(g.owners, g.order[g.next])
	g.order[g.next] = uid
	g.next = (g.next + 1) % len(g.order)
	g.owners[uid] = owner
}

// owner is empty where the object is not remembered.
func (g *gone) owner(uid types.UID) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.owners[uid]
}
