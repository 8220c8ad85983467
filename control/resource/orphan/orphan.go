// Package orphan shows the objects on workload clusters that have no resource, and
// has them deleted on request.
package orphan

import (
	"context"

	"google.golang.org/grpc"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/resource/cluster"
	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

type service struct {
	cmfv1.UnimplementedOrphanServiceServer
	store     *store.Store
	clusters  *cluster.Clusters
	ownership *resource.Ownership
}

// Room returns the room of orphans, which has no resources of its own.
func Room(s *store.Store, clusters *cluster.Clusters, ownership *resource.Ownership) resource.Room {
	return resource.Room{Register: func(server grpc.ServiceRegistrar) {
		cmfv1.RegisterOrphanServiceServer(server, &service{store: s, clusters: clusters, ownership: ownership})
	}}
}

func (s *service) GetOrphans(ctx context.Context, req *cmfv1.GetOrphansRequest) (*cmfv1.GetOrphansResponse, error) {
	at, err := s.store.View(ctx)
	if err != nil {
		return nil, err
	}
	name := req.GetKubernetesClusterName()
	if _, err := s.clusters.Find(at, name); err != nil {
		return nil, err
	}
	response := &cmfv1.GetOrphansResponse{}
	for o := range s.ownership.Orphans.In(at).Under(store.Key(name)) {
		r := o.Value()
		response.Orphans = append(response.Orphans, &cmfv1.Orphan{
			ApiVersion: r.GetApiVersion(), Kind: r.GetKind(), Namespace: r.GetNamespace(), Name: r.GetName(),
			OwnerUid: r.GetOwnerUid(), Found: r.GetFound(),
			Deleting: s.ownership.Removing(at, name, refOf(r), r.GetOwnerUid()),
		})
	}
	return response, nil
}

func (s *service) DeleteOrphan(ctx context.Context, req *cmfv1.DeleteOrphanRequest) (*cmfv1.DeleteOrphanResponse, error) {
	name := req.GetKubernetesClusterName()
	err := resource.Update(ctx, s.store, "The orphan '"+req.GetName()+"'", func(tx *store.Tx) error {
		if _, err := s.clusters.Find(tx, name); err != nil {
			return err
		}
		ref := &agentv1.ObjectRef{Kind: req.GetKind(), Namespace: req.GetNamespace(), Name: req.GetName()}
		claim := s.ownership.Claims.Get(tx, resource.ClaimKey(name, ref))
		for o := range s.ownership.Orphans.In(tx).Under(resource.ClaimKey(name, ref)) {
			// A resource that takes the object over is reported only afterwards.
			if owner := o.Value().GetOwnerUid(); claim.Message().GetOwnerUid() != owner {
				s.ownership.Remove(tx, name, refOf(o.Value()), owner, false)
				return nil
			}
		}
		return apierror.NotFound("There is no orphan %s '%s' in namespace '%s' of Kubernetes cluster '%s'.",
			req.GetKind(), req.GetName(), req.GetNamespace(), name)
	})
	if err != nil {
		return nil, err
	}
	return &cmfv1.DeleteOrphanResponse{}, nil
}

func refOf(o *storev1.OrphanRecord) *agentv1.ObjectRef {
	return &agentv1.ObjectRef{ApiVersion: o.GetApiVersion(), Kind: o.GetKind(), Namespace: o.GetNamespace(), Name: o.GetName()}
}
