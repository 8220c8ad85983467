package secret

import (
	"github.com/openweir/weir/control/query"
	"github.com/openweir/weir/control/resource"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

type (
	item        = resource.Item[*cmfv1.Secret]
	mappingItem = resource.Item[*cmfv1.EnvironmentSecretMapping]
)

// list is what lists of secrets allow. Their data cannot be searched.
func (s *Secrets) list() *query.List[item] {
	metadata := func(i item) *cmfv1.ObjectMeta { return i.Value().GetMetadata() }
	name := func(i item) string { return metadata(i).GetName() }
	return &query.List[item]{
		Plural:     "secrets",
		Name:       name,
		UID:        func(i item) string { return metadata(i).GetUid() },
		Sort:       query.Described(metadata, nil),
		Filterable: true,
		Labels:     func(i item) map[string]string { return metadata(i).GetLabels() },
		Scopes: map[string]query.Scope[item]{
			"name":         query.Contains(name),
			"environments": query.ContainsAny(func(i item) []string { return s.mappedBy(i.At, name(i)) }),
		},
		Message: query.Descriptor[*cmfv1.Secret](),
	}
}

func mappingMetadata(i mappingItem) *cmfv1.ObjectMeta { return i.Value().GetMetadata() }

// mappingList is what lists of mappings allow.
var mappingList = &query.List[mappingItem]{
	Plural: "secret mappings",
	Name:   func(i mappingItem) string { return mappingMetadata(i).GetName() },
	UID:    func(i mappingItem) string { return mappingMetadata(i).GetUid() },
	Sort:   query.Described(mappingMetadata, nil),
}
