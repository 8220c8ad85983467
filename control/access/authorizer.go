package access

import (
	"hash/maphash"
	"slices"
	"sync"

	"github.com/openweir/weir/control/apierror"
)

// maxCached bounds the principals whose permissions are kept.
const maxCached = 10_000

// Authorizer knows the role bindings of the installation.
type Authorizer struct {
	seed maphash.Seed

	mu      sync.RWMutex
	stored  []Binding
	file    []Binding
	loaded  bool                      // stored has been set
	cache   map[uint64][]*Permissions // by the hash of the principal, since the bindings last changed
	count   int
	changed chan struct{} // closed when the bindings change
}

// NewAuthorizer returns an authorizer without bindings.
func NewAuthorizer() *Authorizer {
	return &Authorizer{seed: maphash.MakeSeed(), cache: map[uint64][]*Permissions{}, changed: make(chan struct{})}
}

// SetStored replaces the bindings that are resources.
func (a *Authorizer) SetStored(bindings []Binding) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stored, a.loaded = bindings, true
	a.reset()
}

// SetFile replaces the bindings of the file.
func (a *Authorizer) SetFile(bindings []Binding) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.file = bindings
	a.reset()
}

// FileBindings returns the bindings of the file that name a principal.
func (a *Authorizer) FileBindings(principal string) []Binding {
	a.mu.RLock()
	defer a.mu.RUnlock()
	var of []Binding
	for _, b := range a.file {
		if b.Principal == principal {
			of = append(of, b)
		}
	}
	return of
}

func (a *Authorizer) reset() {
	clear(a.cache)
	a.count = 0
	close(a.changed)
	a.changed = make(chan struct{})
}

// Permissions returns what a principal may do, and a channel that is closed when
// that may have changed.
func (a *Authorizer) Permissions(principal *Principal) (*Permissions, <-chan struct{}, error) {
	key := a.hash(principal)
	a.mu.RLock()
	found, changed := lookup(a.cache[key], principal), a.changed
	a.mu.RUnlock()
	if found != nil {
		return found, changed, nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.loaded && !principal.Unrestricted {
		return nil, nil, apierror.Unavailable(nil, "The role bindings are not loaded yet. Try again.")
	}
	if a.count >= maxCached {
		clear(a.cache)
		a.count = 0
	}
	permissions := newPermissions(principal, slices.Concat(a.stored, a.file))
	a.cache[key] = append(a.cache[key], permissions)
	a.count++
	return permissions, a.changed, nil
}

func lookup(candidates []*Permissions, principal *Principal) *Permissions {
	for _, candidate := range candidates {
		if p := candidate.principal; p.Name == principal.Name && p.Unrestricted == principal.Unrestricted &&
			slices.Equal(p.Groups, principal.Groups) && slices.Equal(p.Environments, principal.Environments) {
			return candidate
		}
	}
	return nil
}

func (a *Authorizer) hash(principal *Principal) uint64 {
	sum := maphash.String(a.seed, principal.Name)
	for _, group := range principal.Groups {
		sum = sum*31 + maphash.String(a.seed, group)
	}
	return sum
}
