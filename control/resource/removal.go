package resource

import (
	"context"
	"fmt"
	"time"

	"github.com/openweir/weir/control/manifest"
	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// removalInterval is how often FinishRemovals looks for removals that are not finished.
// One can be committed in the moment in which etcd accepts writes again.
const removalInterval = time.Minute

// FinishRemovals is a duty of the leader: it makes tombstones of the claims that
// Remove left in their place while etcd had no space. It looks for them at first, when
// etcd accepts writes again, and every removalInterval.
func (o *Ownership) FinishRemovals(s *store.Store, registry *Registry) func(context.Context) error {
	return func(ctx context.Context) error {
		work := NewWork("finish-removals", s, func(ctx context.Context, claim string) error {
			return o.finishRemoval(ctx, s, registry, claim)
		})
		defer work.End()
		return finishRemovals(ctx, work, s.Freed, func() []string { return o.withoutResource(s.Cached(), registry) })
	}
}

func finishRemovals(ctx context.Context, work *Work, freed func() <-chan struct{}, find func() []string) error {
	ticker := time.NewTicker(removalInterval)
	defer ticker.Stop()
	for {
		freed := freed() // before the removals are looked for, so that none is missed
		for _, claim := range find() {
			if !work.Failing(claim) {
				work.Do(ctx, claim)
			}
		}
		for again := false; !again; {
			var retry <-chan time.Time
			if next, some := work.next(); some {
				retry = time.After(time.Until(next))
			}
			select {
			case <-freed:
				again = true
			case <-ticker.C:
				again = true
			case <-retry:
				work.Retry(ctx)
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

// withoutResource returns the keys of the claims whose resource is gone.
func (o *Ownership) withoutResource(at store.Reader, registry *Registry) []string {
	var claims []string
	for claim := range o.Claims.In(at).Under("") {
		object := registry.Object(claim.Value().GetCollection())
		if object != nil && !object.Resources.Has(at, claim.Value().GetKey()) {
			claims = append(claims, claim.Key)
		}
	}
	return claims
}

func (o *Ownership) finishRemoval(ctx context.Context, s *store.Store, registry *Registry, key string) error {
	segments := store.Segments(key)
	cluster, ref := segments[0], &agentv1.ObjectRef{
		ApiVersion: manifest.APIVersionOf(segments[2]), Kind: segments[2], Namespace: segments[1], Name: segments[3],
	}
	_, err := s.Update(ctx, func(tx *store.Tx) error {
		now := o.Claims.Get(tx, key)
		if now == nil || registry.Object(now.Value().GetCollection()) == nil {
			return nil
		}
		resources := registry.Object(now.Value().GetCollection()).Resources
		if resources.Has(tx, now.Value().GetKey()) {
			return nil
		}
		// Not even one that cannot be decoded: its object is in use.
		resources.RequireAbsent(tx, now.Value().GetKey())
		o.Unclaim(tx, cluster, ref)
		o.Tombstones.Put(tx, TombstoneKey(cluster, ref, now.Value().GetOwnerUid()), tombstone(ref, now.Value().GetOwnerUid(), false))
		return nil
	})
	if err != nil {
		return fmt.Errorf("finish the removal of %s: %w", key, err)
	}
	return nil
}
