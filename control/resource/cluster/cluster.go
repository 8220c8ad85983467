// Package cluster has the Kubernetes clusters that agents register. Nobody
// creates them.
package cluster

import (
	"context"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// statementResource is what an agent lists among its custom resource definitions
// if it has a driver that runs SQL on session clusters.
const statementResource = "statements.sql.weir.dev"

// Clusters is the room of Kubernetes clusters. All its collections but
// Heartbeats and Environments go by the name of the cluster.
type Clusters struct {
	Records *store.Collection[*cmfv1.KubernetesCluster]
	// Status is what agents reported of their cluster. It outlives their sessions.
	Status *store.Collection[*storev1.ClusterStatusRecord]
	// Sessions are attached to the lease of the session of the cluster's agent.
	Sessions *store.Collection[*storev1.SessionRecord]
	// Heartbeats are the last ones of the agents that are connected to a replica, by
	// the name of the replica. A change is no event of a watch.
	Heartbeats *store.Collection[*storev1.HeartbeatsRecord]
	// Environments has a key for every environment of a cluster, by cluster and
	// name, so that a transaction can require that there is none.
	Environments *store.Collection[*emptypb.Empty]
	// deletions are when clusters of a name were last deleted. Certificates from
	// before that are no longer accepted.
	deletions *store.Collection[*timestamppb.Timestamp]

	ownership *resource.Ownership
	store     *store.Store
	watches   *resource.Watches
	kind      *resource.Kind[*cmfv1.KubernetesCluster, *cmfv1.KubernetesCluster]
}

// New adds the collections to the store.
func New(s *store.Store, watches *resource.Watches) *Clusters {
	c := &Clusters{
		Records:      store.NewCollection[*cmfv1.KubernetesCluster](s, "clusters"),
		Status:       store.NewCollection[*storev1.ClusterStatusRecord](s, "cluster-status"),
		Sessions:     store.NewCollection[*storev1.SessionRecord](s, "sessions"),
		Heartbeats:   store.NewCollection[*storev1.HeartbeatsRecord](s, "heartbeats"),
		Environments: store.NewCollection[*emptypb.Empty](s, "cluster-environments"),
		deletions:    store.NewCollection[*timestamppb.Timestamp](s, "cluster-deletions"),
		store:        s,
		watches:      watches,
	}
	// The metadata of clusters is of a type of its own, and no part of the kind:
	// clusters are written here alone.
	c.kind = &resource.Kind[*cmfv1.KubernetesCluster, *cmfv1.KubernetesCluster]{
		Noun:    "Kubernetes cluster",
		Name:    contract.KindCluster,
		Records: c.Records,
		List:    c.list(),
		View:    c.view,
		Count: func(at store.Reader, counts *cmfv1.ResourceCounts) {
			for cluster := range c.Records.In(at).Under("") {
				counts.KubernetesClusters[c.status(at, cluster).GetState()]++
			}
		},
		Watched: []interface {
			Scope(under string) store.Scope
		}{c.Status, c.Sessions},
	}
	return c
}

// SetOwnership says where the objects of clusters are recorded, for deletions.
func (c *Clusters) SetOwnership(ownership *resource.Ownership) { c.ownership = ownership }

// Room gives the control plane what the room has for it.
func (c *Clusters) Room() resource.Room {
	return resource.Room{
		Kinds: []resource.Registered{c.kind},
		Register: func(server grpc.ServiceRegistrar) {
			cmfv1.RegisterKubernetesClusterServiceServer(server, &service{Clusters: c})
		},
		Duties: []func(context.Context) error{c.explainLostSessions},
	}
}

// Get gives a cluster, nil if there is none.
func (c *Clusters) Get(at store.Reader, name string) *store.Object[*cmfv1.KubernetesCluster] {
	return c.Records.In(at).Get(store.Key(name))
}

// Deleted is when a cluster of the name was last deleted; zero if none ever was.
func (c *Clusters) Deleted(at store.Reader, name string) time.Time {
	deletion := c.deletions.In(at).Get(store.Key(name))
	if deletion == nil {
		return time.Time{}
	}
	return deletion.Value().AsTime()
}

// Reported is what agents reported of a cluster, nil if none has.
func (c *Clusters) Reported(at store.Reader, name string) *storev1.ClusterStatusRecord {
	return c.Status.In(at).Get(store.Key(name)).Message()
}

// StatusOf is the status of a cluster as users see it, nil if there is no such
// cluster.
func (c *Clusters) StatusOf(at store.Reader, name string) *cmfv1.KubernetesClusterStatus {
	cluster := c.Get(at, name)
	if cluster == nil {
		return nil
	}
	return c.status(at, cluster)
}

func (c *Clusters) status(at store.Reader, cluster *store.Object[*cmfv1.KubernetesCluster]) *cmfv1.KubernetesClusterStatus {
	status := statusOf(cluster.Value(), c.Status.In(at).Get(cluster.Key).Message(), c.Sessions.In(at).Get(cluster.Key).Message())
	status.LastHeartbeatTimestamp = latest(status.GetLastHeartbeatTimestamp(), c.heartbeat(at, cluster.Key))
	return status
}

// heartbeat is when replicas last received a heartbeat from a cluster, as far as
// that is stored; nil where it is not.
func (c *Clusters) heartbeat(at store.Reader, cluster string) *timestamppb.Timestamp {
	var last int64
	for record := range c.Heartbeats.In(at).Under("") {
		last = max(last, record.Value().GetReceived()[cluster])
	}
	if last == 0 {
		return nil
	}
	return timestamppb.New(time.UnixMilli(last))
}

// Find gives a cluster, or the error that there is none.
func (c *Clusters) Find(at store.Reader, name string) (*store.Object[*cmfv1.KubernetesCluster], error) {
	item, err := c.kind.Find(at, "", name)
	return item.Object, err
}

// StaleWarning says why what agents reported of the objects of a custom resource
// definition on a cluster may be old; empty where it is not.
func (c *Clusters) StaleWarning(at store.Reader, name, definition string) string {
	cluster := c.Get(at, name)
	if cluster == nil {
		return staleWarning(name, nil)
	}
	// Most clusters are connected, and every item of a list asks.
	if c.Sessions.In(at).Get(cluster.Key) != nil && !Decommissioned(cluster.Value()) {
		return unobservedWarning(name, definition, c.Status.In(at).Get(cluster.Key).Message())
	}
	return staleWarning(name, c.status(at, cluster))
}

// RunsSQL is true if the agent of a cluster runs SQL on session clusters. A
// cluster of which nothing has been reported yet is taken for one whose agent
// will.
func (c *Clusters) RunsSQL(at store.Reader, name string) bool {
	return runsSQL(c.Reported(at, name))
}

func runsSQL(reported *storev1.ClusterStatusRecord) bool {
	return reported == nil || slices.Contains(reported.GetCustomResourceDefinitions(), statementResource)
}

// environments names those of a cluster.
func (c *Clusters) environments(at store.Reader, cluster string) []string {
	var names []string
	for o := range c.Environments.In(at).Under(cluster) {
		segments := store.Segments(o.Key)
		names = append(names, segments[len(segments)-1])
	}
	return names
}

func (c *Clusters) view(item resource.Item[*cmfv1.KubernetesCluster], _ resource.Detail) *cmfv1.KubernetesCluster {
	cluster := item.Value()
	return &cmfv1.KubernetesCluster{
		ApiVersion: cluster.GetApiVersion(),
		Kind:       cluster.GetKind(),
		Metadata:   cluster.GetMetadata(),
		Spec:       cluster.GetSpec(),
		Status:     c.status(item.At, item.Object),
	}
}
