package cluster

import (
	"context"
	"fmt"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

type service struct {
	cmfv1.UnimplementedKubernetesClusterServiceServer
	*Clusters
}

func (s *service) GetKubernetesCluster(ctx context.Context, req *cmfv1.GetKubernetesClusterRequest) (*cmfv1.KubernetesCluster, error) {
	return s.kind.Get(ctx, s.store, nil, req.GetKubernetesClusterName(), resource.Detail{})
}

func (s *service) ListKubernetesClusters(ctx context.Context, req *cmfv1.ListKubernetesClustersRequest) (*cmfv1.KubernetesClustersPage, error) {
	return resource.List[cmfv1.KubernetesClustersPage](ctx, s.store, s.kind, nil, req, resource.Detail{}, nil)
}

func (s *service) WatchKubernetesClusters(req *cmfv1.WatchKubernetesClustersRequest, stream grpc.ServerStreamingServer[cmfv1.WatchKubernetesClustersResponse]) error {
	return resource.Watch(s.watches, s.store, s.kind, stream, nil, req, nil)
}

func (s *service) UpdateKubernetesCluster(ctx context.Context, req *cmfv1.UpdateKubernetesClusterRequest) (*cmfv1.KubernetesCluster, error) {
	name := req.GetKubernetesClusterName()
	var view *cmfv1.KubernetesCluster
	what := "Kubernetes cluster '" + name + "'"
	err := resource.Return(ctx, s.store, what, func(tx *store.Tx) (int64, error) {
		cluster, err := s.kind.Require(tx, "", name)
		if err != nil {
			return 0, err
		}
		s.kind.NoteBefore(ctx, cluster)
		if err := resource.CheckVersion(req.GetResourceVersion(), what, cluster.Revision); err != nil {
			return 0, err
		}
		before := cluster.Value()
		if err := checkUpdate(name, req.GetCluster()); err != nil {
			return 0, err
		}
		after := updated(before, req.GetCluster())
		if proto.Equal(before, after) {
			view = s.view(cluster, resource.Detail{})
			return cluster.Revision, nil
		}
		after.Metadata.UpdateTimestamp = resource.Now()
		if Decommissioned(after) && !Decommissioned(before) {
			if users := s.environments(tx, cluster.Key); len(users) > 0 {
				return 0, apierror.Invalid(fmt.Sprintf("Cannot decommission cluster '%s': referenced by environments [%s]", name, strings.Join(users, ", ")))
			}
			s.Environments.RequireEmpty(tx, cluster.Key)
		}
		s.Records.Put(tx, cluster.Key, after)
		cluster.Object = store.NewObject(cluster.Key, after)
		view = s.view(cluster, resource.Detail{})
		return 0, nil
	})
	return view, err
}

func (s *service) DeleteKubernetesCluster(ctx context.Context, req *cmfv1.DeleteKubernetesClusterRequest) (*cmfv1.DeleteKubernetesClusterResponse, error) {
	name := req.GetKubernetesClusterName()
	err := s.kind.Delete(ctx, s.store, "", name, req.GetResourceVersion(), func(tx *store.Tx, cluster resource.Item[*cmfv1.KubernetesCluster]) error {
		if users := s.environments(tx, cluster.Key); len(users) > 0 {
			return apierror.InUse("Cannot delete cluster '%s': referenced by environments [%s]", name, strings.Join(users, ", "))
		}
		s.Environments.RequireEmpty(tx, cluster.Key)
		s.Status.Delete(tx, cluster.Key)
		s.Sessions.Delete(tx, cluster.Key)
		s.ownership.Forget(tx, name)
		s.deletions.Put(tx, cluster.Key, resource.Now())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &cmfv1.DeleteKubernetesClusterResponse{}, nil
}
