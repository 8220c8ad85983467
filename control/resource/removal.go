package resource

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/openweir/weir/control/manifest"
	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
)

// FinishRemovals is a duty of the leader: it makes tombstones of the claims that
// Remove left in their place while etcd had no space. It looks for them at first and
// whenever etcd accepts writes again.
func (o *Ownership) FinishRemovals(s *store.Store, registry *Registry, log *slog.Logger) func(context.Context) error {
	return func(ctx context.Context) error {
		for {
			freed := s.Freed()
			for _, claim := range o.withoutResource(s.Cached(), registry) {
				err := o.finishRemoval(ctx, s, registry, claim)
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if errors.Is(err, store.ErrNoSpace) {
					break // until there is space
				}
				if err != nil {
					log.Error("an object of a deleted resource could not be marked for deletion", "claim", claim.Key, "error", err)
				}
			}
			select {
			case <-freed:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

// withoutResource are the claims whose resource is gone.
func (o *Ownership) withoutResource(at store.Reader, registry *Registry) []*store.Object[*storev1.ClaimRecord] {
	var claims []*store.Object[*storev1.ClaimRecord]
	for claim := range o.Claims.In(at).Under("") {
		object := registry.Object(claim.Value().GetCollection())
		if object != nil && !object.Resources.Has(at, claim.Value().GetKey()) {
			claims = append(claims, claim)
		}
	}
	return claims
}

func (o *Ownership) finishRemoval(ctx context.Context, s *store.Store, registry *Registry, claim *store.Object[*storev1.ClaimRecord]) error {
	segments := store.Segments(claim.Key)
	cluster, ref := segments[0], &agentv1.ObjectRef{
		ApiVersion: manifest.APIVersionOf(segments[2]), Kind: segments[2], Namespace: segments[1], Name: segments[3],
	}
	_, err := s.Update(ctx, func(tx *store.Tx) error {
		now := o.Claims.Get(tx, claim.Key)
		if now == nil || now.Value().GetOwnerUid() != claim.Value().GetOwnerUid() {
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
		return fmt.Errorf("finish the removal of %s: %w", claim.Key, err)
	}
	return nil
}
