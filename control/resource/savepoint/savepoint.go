// Package savepoint keeps savepoints: those that belong to an application or a
// statement, and detached ones. What it does for an Owner it does within
// transactions of its callers; the RPCs about owners are above, in savepointrpc.
package savepoint

import (
	"context"

	"google.golang.org/grpc"

	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Environments finds the environment of a resource by the resource's key; nil
// if there is none.
type Environments interface {
	Of(at store.Reader, key string) *store.Object[*cmfv1.Environment]
}

// Clusters says why what the agent of a cluster reported of the objects of a custom
// resource definition may be out of date; empty where it is not.
type Clusters interface {
	StaleWarning(at store.Reader, cluster, definition string) string
}

// Savepoints is the room of savepoints.
type Savepoints struct {
	// Records are by environment, kind of owner, owner and name; see Owner.Key.
	Records *store.Collection[*storev1.SavepointRecord]
	// Kind describes the savepoints of owners.
	Kind *resource.Kind[*storev1.SavepointRecord, *cmfv1.Savepoint]

	store        *store.Store
	ownership    *resource.Ownership
	watches      *resource.Watches
	environments Environments
	clusters     Clusters

	status       *store.Collection[*storev1.StatusRecord]
	detached     *store.Collection[*cmfv1.Savepoint]
	detachedKind *resource.Kind[*cmfv1.Savepoint, *cmfv1.Savepoint]
}

// byUID is the index of detached savepoints by their uid.
const byUID = "uid"

// New adds the collections of savepoints to the store.
func New(s *store.Store, ownership *resource.Ownership, watches *resource.Watches, environments Environments, clusters Clusters) *Savepoints {
	room := &Savepoints{
		store: s, ownership: ownership, watches: watches, environments: environments, clusters: clusters,
		Records: store.NewCollection[*storev1.SavepointRecord](s, "savepoints"),
		status:  store.NewCollection[*storev1.StatusRecord](s, "savepoint-status"),
		detached: store.NewCollection(s, "detached-savepoints", store.Index[*cmfv1.Savepoint]{
			Name:   byUID,
			Values: func(_ string, savepoint *cmfv1.Savepoint) []string { return []string{savepoint.GetMetadata().GetUid()} },
		}),
	}
	room.Kind = room.newKind()
	room.detachedKind = room.newDetachedKind()
	return room
}

// Room registers the savepoints.
func (s *Savepoints) Room() resource.Room {
	return resource.Room{
		Kinds: []resource.Registered{s.Kind, s.detachedKind},
		Register: func(server grpc.ServiceRegistrar) {
			cmfv1.RegisterDetachedSavepointServiceServer(server, &detachedService{Savepoints: s})
		},
		Duties: []func(context.Context) error{s.expireOverdue},
	}
}
