// Package deletion shows the objects that are being deleted from workload clusters.
package deletion

import (
	"context"

	"google.golang.org/grpc"

	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/resource/cluster"
	"github.com/openweir/weir/control/store"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

type service struct {
	cmfv1.UnimplementedDeletionServiceServer
	store     *store.Store
	clusters  *cluster.Clusters
	ownership *resource.Ownership
}

// Room returns the room of deletions, which has no resources of its own.
func Room(s *store.Store, clusters *cluster.Clusters, ownership *resource.Ownership) resource.Room {
	return resource.Room{Register: func(server grpc.ServiceRegistrar) {
		cmfv1.RegisterDeletionServiceServer(server, &service{store: s, clusters: clusters, ownership: ownership})
	}}
}

func (s *service) GetDeletions(ctx context.Context, req *cmfv1.GetDeletionsRequest) (*cmfv1.GetDeletionsResponse, error) {
	at, err := s.store.View(ctx)
	if err != nil {
		return nil, err
	}
	name := req.GetKubernetesClusterName()
	if _, err := s.clusters.Find(at, name); err != nil {
		return nil, err
	}
	response := &cmfv1.GetDeletionsResponse{}
	for o := range s.ownership.Tombstones.In(at).Under(store.Key(name)) {
		t := o.Value()
		response.Deletions = append(response.Deletions, &cmfv1.Deletion{
			ApiVersion: t.GetApiVersion(), Kind: t.GetKind(), Namespace: t.GetNamespace(), Name: t.GetName(),
			OwnerUid: t.GetOwnerUid(), Since: t.GetCreated(), Release: t.GetRelease(),
			Reason: t.GetProblem().GetReason(), Message: t.GetProblem().GetMessage(),
		})
	}
	return response, nil
}
