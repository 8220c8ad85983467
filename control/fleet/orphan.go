package fleet

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
)

// orphansATime bounds how many orphans one transaction writes.
const orphansATime = 50

// sendOrphans tells the agent which objects of Hello no resource wants and none is
// to be deleted for, and stores them. It needs everything to have been rendered.
func (s *session) sendOrphans(ctx context.Context) error {
	if s.idle.Load() {
		return nil
	}
	orphans := s.orphans(s.fleet.Store.Cached())
	s.listed, s.rendered = nil, nil
	for _, key := range slices.Sorted(maps.Keys(orphans)) {
		o := orphans[key]
		s.log.Warn("object on the cluster belongs to no resource", "kind", o.GetKind(), "namespace", o.GetNamespace(), "name", o.GetName(), "owner", o.GetOwnerUid())
		ref := &agentv1.ObjectRef{ApiVersion: o.GetApiVersion(), Kind: o.GetKind(), Namespace: o.GetNamespace(), Name: o.GetName()}
		message := &agentv1.ConnectResponse{Message: &agentv1.ConnectResponse_Orphan{Orphan: &agentv1.Orphan{Ref: ref, OwnerUid: o.GetOwnerUid()}}}
		if err := s.stream.Send(message); err != nil {
			return fmt.Errorf("send Orphan: %w", err)
		}
	}
	if err := s.storeOrphans(ctx, orphans); err != nil && ctx.Err() == nil {
		s.log.Warn("orphans could not be stored", "error", err)
	}
	return nil
}

// orphans are the objects of Hello without a resource, by the key of their record.
func (s *session) orphans(at store.Reader) map[string]*storev1.OrphanRecord {
	orphans := map[string]*storev1.OrphanRecord{}
	ownership := s.fleet.Ownership
	for _, held := range s.listed {
		ref, owner := held.GetRef(), held.GetOwnerUid()
		claim := ownership.Claims.In(at).Get(resource.ClaimKey(s.cluster, ref)).Message()
		if s.rendered[objectOf(ref)] == owner || claim.GetOwnerUid() == owner || ownership.Removing(at, s.cluster, ref, owner) {
			continue
		}
		orphans[resource.TombstoneKey(s.cluster, ref, owner)] = &storev1.OrphanRecord{
			ApiVersion: ref.GetApiVersion(), Kind: ref.GetKind(), Namespace: ref.GetNamespace(), Name: ref.GetName(),
			OwnerUid: owner, Generation: held.GetGeneration(), Found: resource.Now(),
		}
	}
	return orphans
}

// storeOrphans replaces the orphans of the cluster. What is stored already keeps
// the time at which it was found.
func (s *session) storeOrphans(ctx context.Context, orphans map[string]*storev1.OrphanRecord) error {
	records, at := s.fleet.Ownership.Orphans, s.fleet.Store.Cached()
	var changed []string
	for stored := range records.In(at).Under(store.Key(s.cluster)) {
		now := orphans[stored.Key]
		if now != nil {
			now.Found = stored.Value().GetFound()
		}
		removing := s.fleet.Ownership.Tombstones.In(at).Get(stored.Key) != nil
		if now == nil && !removing || now != nil && !proto.Equal(now, stored.Value()) {
			changed = append(changed, stored.Key)
		}
	}
	for key := range orphans {
		if records.In(at).Get(key) == nil {
			changed = append(changed, key)
		}
	}
	for batch := range slices.Chunk(changed, orphansATime) {
		_, err := s.fleet.Store.Update(ctx, func(tx *store.Tx) error {
			if err := s.requireNewest(tx); err != nil {
				return err
			}
			for _, key := range batch {
				if orphan := orphans[key]; orphan != nil {
					records.Put(tx, key, orphan)
				} else {
					records.Delete(tx, key)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
