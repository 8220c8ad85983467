package service

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/query"
	"github.com/openweir/weir/control/query/fields"
	"github.com/openweir/weir/control/rules"
	"github.com/openweir/weir/control/state"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

type clusters struct {
	cmfv1.UnimplementedKubernetesClusterServiceServer
	*Services
}

func (s *clusters) cluster(ctx context.Context, name string) (store.Object[*cmfv1.KubernetesCluster], error) {
	cluster, err := s.state.Clusters.Get(ctx, store.Key(name))
	if errors.Is(err, store.ErrNotFound) {
		return cluster, apierror.NotFound("Kubernetes cluster '%s' not found.", name)
	}
	if err != nil {
		return cluster, fmt.Errorf("read cluster %s: %w", name, err)
	}
	return cluster, nil
}

func (s *clusters) GetKubernetesCluster(ctx context.Context, req *cmfv1.GetKubernetesClusterRequest) (*cmfv1.KubernetesCluster, error) {
	cluster, err := s.cluster(ctx, req.GetKubernetesClusterName())
	if err != nil {
		return nil, err
	}
	return s.clusterView(cluster.Value), nil
}

func (s *clusters) ListKubernetesClusters(ctx context.Context, req *cmfv1.ListKubernetesClustersRequest) (*cmfv1.KubernetesClustersPage, error) {
	q, err := query.Parse(query.KubernetesClusters, query.ParamsOf(req))
	if err != nil {
		return nil, err
	}
	all, err := s.state.Clusters.List(ctx, "")
	if err != nil {
		return nil, fmt.Errorf("list clusters: %w", err)
	}
	views := make([]*cmfv1.KubernetesCluster, len(all))
	for i, cluster := range all {
		views[i] = s.clusterView(cluster.Value)
	}
	page := q.Run(views)
	out := &cmfv1.KubernetesClustersPage{Pageable: page.Pageable, Metadata: page.Metadata}
	for _, cluster := range page.Items {
		out.Items = append(out.Items, fields.Apply(q.Fields, cluster))
	}
	return out, nil
}

// clusterView is a cluster as users see it.
func (s *Services) clusterView(cluster *cmfv1.KubernetesCluster) *cmfv1.KubernetesCluster {
	name := cluster.GetMetadata().GetName()
	reported, _ := s.state.ClusterStatus.Cached(name)
	session, _ := s.state.Sessions.Cached(name)
	return clusterWith(cluster, reported.Value, session.Value)
}

// clusterWith is clusterView with a status of the caller's choice.
func clusterWith(cluster *cmfv1.KubernetesCluster, reported *storev1.ClusterStatusRecord, session *storev1.SessionRecord) *cmfv1.KubernetesCluster {
	return &cmfv1.KubernetesCluster{
		ApiVersion: cluster.GetApiVersion(),
		Kind:       cluster.GetKind(),
		Metadata:   cluster.GetMetadata(),
		Spec:       cluster.GetSpec(),
		Status:     rules.ClusterStatus(cluster, reported, session),
	}
}

func (s *clusters) UpdateKubernetesCluster(ctx context.Context, req *cmfv1.UpdateKubernetesClusterRequest) (*cmfv1.KubernetesCluster, error) {
	name := req.GetKubernetesClusterName()
	return retry(ctx, "Kubernetes cluster '"+name+"'", func(ctx context.Context) (*cmfv1.KubernetesCluster, error) {
		before, err := s.cluster(ctx, name)
		if err != nil {
			return nil, err
		}
		if err := rules.CheckClusterUpdate(name, req.GetCluster()); err != nil {
			return nil, err
		}
		after := rules.UpdateCluster(before.Value, req.GetCluster())
		if proto.Equal(before.Value, after) {
			return s.clusterView(before.Value), nil
		}
		after.Metadata.UpdateTimestamp = state.Now()
		conds := []store.Cond{s.state.Clusters.Unchanged(name, before.Revision)}
		if rules.Decommissioned(after) && !rules.Decommissioned(before.Value) {
			if users := s.environmentsOf(name); len(users) > 0 {
				return nil, apierror.Invalid(fmt.Sprintf("Cannot decommission cluster '%s': referenced by environments [%s]", name, strings.Join(users, ", ")))
			}
			conds = append(conds, s.state.ClusterEnvironments.EmptyUnder(name))
		}
		if _, err := s.state.Store.Commit(ctx, conds, []store.Op{s.state.Clusters.Put(name, after)}); err != nil {
			return nil, fmt.Errorf("update cluster %s: %w", name, err)
		}
		return s.clusterView(after), nil
	})
}

// environmentsOf names the environments of a cluster.
func (s *Services) environmentsOf(cluster string) []string {
	var names []string
	for _, ref := range s.state.ClusterEnvironments.CachedUnder(cluster) {
		names = append(names, strings.TrimPrefix(ref.Key, cluster+"/"))
	}
	return names
}
