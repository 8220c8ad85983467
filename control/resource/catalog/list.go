package catalog

import (
	"github.com/openweir/weir/control/query"
	"github.com/openweir/weir/control/resource"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

type (
	item         = resource.Item[*cmfv1.KafkaCatalog]
	databaseItem = resource.Item[*cmfv1.KafkaDatabase]
)

// What lists of catalogs and of databases allow.
var (
	list = &query.List[item]{
		Plural: "catalogs",
		Name:   func(i item) string { return i.Value().GetMetadata().GetName() },
		UID:    func(i item) string { return i.Value().GetMetadata().GetUid() },
		Sort:   query.Described(func(i item) *cmfv1.ObjectMeta { return i.Value().GetMetadata() }, nil),
	}
	databaseList = &query.List[databaseItem]{
		Plural: "databases",
		Name:   func(i databaseItem) string { return i.Value().GetMetadata().GetName() },
		UID:    func(i databaseItem) string { return i.Value().GetMetadata().GetUid() },
		Sort:   query.Described(func(i databaseItem) *cmfv1.ObjectMeta { return i.Value().GetMetadata() }, nil),
	}
)
