package environment

import (
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/control/query"
	"github.com/openweir/weir/control/resource"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

type item = resource.Item[*cmfv1.Environment]

func nameOf(i item) string { return i.Value().GetName() }

func uidOf(i item) string { return i.Value().GetMetadata().GetUid() }

// list is what lists of environments allow.
var list = &query.List[item]{
	Plural: "environments",
	Name:   nameOf,
	UID:    uidOf,
	Sort: query.Aliased(map[string]query.Order[item]{
		"name":              query.By(nameOf),
		"uid":               query.By(uidOf),
		"creationTimestamp": query.ByTimestamp(func(i item) *timestamppb.Timestamp { return i.Value().GetCreatedTime() }),
		"updateTimestamp":   query.ByTimestamp(func(i item) *timestamppb.Timestamp { return i.Value().GetUpdatedTime() }),
	}),
	Filterable: true,
	Labels:     func(i item) map[string]string { return i.Value().GetMetadata().GetLabels() },
	Scopes: map[string]query.Scope[item]{
		"name":                query.Contains(nameOf),
		"kubernetesNamespace": query.Contains(func(i item) string { return i.Value().GetKubernetesNamespace() }),
	},
	Message: query.Descriptor[*cmfv1.Environment](),
}
