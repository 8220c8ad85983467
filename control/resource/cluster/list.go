package cluster

import (
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/control/query"
	"github.com/openweir/weir/control/resource"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

type item = resource.Item[*cmfv1.KubernetesCluster]

// list is what lists of clusters allow. That they can be filtered by state is
// Weir's; the rest is the contract's.
func (c *Clusters) list() *query.List[item] {
	name := func(i item) string { return i.Value().GetMetadata().GetName() }
	uid := func(i item) string { return i.Value().GetMetadata().GetUid() }
	return &query.List[item]{
		Plural: "Kubernetes clusters",
		Name:   name,
		UID:    uid,
		Sort: query.Aliased(map[string]query.Order[item]{
			"name": query.By(name),
			"uid":  query.By(uid),
			"creationTimestamp": query.ByTimestamp(func(i item) *timestamppb.Timestamp {
				return i.Value().GetMetadata().GetCreationTimestamp()
			}),
			"updateTimestamp": query.ByTimestamp(func(i item) *timestamppb.Timestamp {
				return i.Value().GetMetadata().GetUpdateTimestamp()
			}),
		}),
		Filterable: true,
		Labels:     func(i item) map[string]string { return i.Value().GetMetadata().GetLabels().GetEntries() },
		Attributes: map[string]func(item) string{
			"state": func(i item) string { return c.status(i.At, i.Object).GetState() },
		},
		Message: query.Descriptor[*cmfv1.KubernetesCluster](),
	}
}
