// Package computepool is compute pools: where the statements of an environment
// run. A dedicated pool is a template of the clusters of its statements; a shared
// pool is a session cluster, which its statements share.
package computepool

import (
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/flinkspec"
	"github.com/openweir/weir/control/query"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/resource/cluster"
	"github.com/openweir/weir/control/resource/environment"
	"github.com/openweir/weir/control/resource/policy"
	"github.com/openweir/weir/control/resource/serviceaccount"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Item is a pool as of a moment.
type Item = resource.Item[*cmfv1.ComputePool]

// Pools is all compute pools.
type Pools struct {
	store        *store.Store
	ownership    *resource.Ownership
	watches      *resource.Watches
	clusters     *cluster.Clusters
	environments *environment.Environments
	policies     *policy.Policies
	accounts     *serviceaccount.Allowlist
	statements   Statements

	// Records are by environment and name, Status by the same keys.
	Records *store.Collection[*cmfv1.ComputePool]
	Status  *store.Collection[*storev1.StatusRecord]
	// guards are by environment, pool and statement: see Hold.
	guards *store.Collection[*emptypb.Empty]

	kind *resource.Kind[*cmfv1.ComputePool, *cmfv1.ComputePool]
}

// New adds the collections of compute pools to the store.
func New(
	s *store.Store, ownership *resource.Ownership, watches *resource.Watches,
	clusters *cluster.Clusters, environments *environment.Environments, policies *policy.Policies, accounts *serviceaccount.Allowlist,
) *Pools {
	p := &Pools{
		store: s, ownership: ownership, watches: watches, clusters: clusters, environments: environments,
		policies: policies, accounts: accounts,
		Records: store.NewCollection[*cmfv1.ComputePool](s, objectsName),
		Status:  store.NewCollection[*storev1.StatusRecord](s, "compute-pool-status"),
		guards:  store.NewCollection[*emptypb.Empty](s, "pool-statements"),
	}
	p.kind = &resource.Kind[*cmfv1.ComputePool, *cmfv1.ComputePool]{
		Noun: "Compute pool", Name: contract.KindComputePool,
		Records: p.Records, Status: p.Status,
		Metadata: (*cmfv1.ComputePool).GetMetadata,
		List:     list(),
		View:     p.view,
		Count: func(at store.Reader, counts *cmfv1.ResourceCounts) {
			counts.ComputePools = resource.CountOf(at, p.Records)
		},
		Contained: &resource.Contained[*cmfv1.ComputePool]{
			Drop: p.drop,
			Usage: func(item Item, env *cmfv1.Environment, usage *resource.Usage) {
				usage.Summary = flinkspec.AddUsage(usage.Summary, sessionUsage(env, item.Value()))
			},
		},
		Objects: []*resource.Object{p.object()},
	}
	return p
}

// SetStatements is called before anything is served: package statement is above
// this one.
func (p *Pools) SetStatements(statements Statements) { p.statements = statements }

// Room is what compute pools give to the control plane.
func (p *Pools) Room() resource.Room {
	return resource.Room{
		Kinds: []resource.Registered{p.kind},
		Register: func(server grpc.ServiceRegistrar) {
			cmfv1.RegisterComputePoolServiceServer(server, &service{Pools: p})
		},
	}
}

// Find gives a pool of an environment; false if there is none.
func (p *Pools) Find(at store.Reader, env, name string) (Item, bool) {
	return p.kind.Item(at, store.Key(env, name))
}

// Require is Find in a transaction, which is committed only if the record is
// still the same.
func (p *Pools) Require(tx *store.Tx, env, name string) (Item, bool) {
	item, err := p.kind.Require(tx, store.Key(env), name)
	return item, err == nil
}

func list() *query.List[Item] {
	metadata := func(item Item) *cmfv1.ObjectMeta { return item.Value().GetMetadata() }
	return &query.List[Item]{
		Plural:     "compute pools",
		Name:       func(item Item) string { return metadata(item).GetName() },
		UID:        func(item Item) string { return metadata(item).GetUid() },
		Sort:       query.Described(metadata, query.ByTimestamp(updateTime)),
		Filterable: true,
		Labels:     func(item Item) map[string]string { return metadata(item).GetLabels() },
		Attributes: map[string]func(Item) string{
			"phase": func(item Item) string { phase, _ := Phase(item); return phase },
		},
		Message: query.Descriptor[*cmfv1.ComputePool](),
	}
}
