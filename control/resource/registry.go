package resource

import (
	"context"
	"fmt"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/store"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Room is what a package of a kind, or of kinds that belong together, gives to
// the control plane.
type Room struct {
	// Kinds are the resources of the room.
	Kinds []Registered
	// Register adds its gRPC services to a server.
	Register func(grpc.ServiceRegistrar)
	// Duties are what the leader among the replicas does without being asked.
	// Each runs until its context ends. Two leaders at once must do no harm.
	Duties []func(context.Context) error
	// Sealed are the values that are encrypted in etcd.
	Sealed []Sealed
}

// Registered is a Kind, whatever its types.
type Registered interface {
	describe() description
}

// description is what is common to kinds of all types.
type description struct {
	noun, plural string
	objects      []*Object
	count        func(at store.Reader, counts *cmfv1.ResourceCounts)
	contained    *contained
	// collection is the name of that of the records, and states how many there are by
	// state.
	collection string
	states     func(at store.Reader) map[string]int64
}

func (k *Kind[R, V]) describe() description {
	d := description{noun: k.Noun, plural: k.List.Plural, objects: k.Objects, count: k.Count, states: k.countStates}
	if k.Records != nil {
		d.collection = k.Records.Name()
	}
	if k.Contained != nil {
		d.contained = k.contained()
	}
	return d
}

// Registry is all kinds.
type Registry struct {
	kinds   []description
	objects []*Object
	byName  map[string]*Object
}

// NewRegistry registers the kinds of all rooms, in the order in which objects are
// sent to agents. It panics if two objects have one name.
func NewRegistry(rooms ...Room) *Registry {
	r := &Registry{byName: map[string]*Object{}}
	for _, room := range rooms {
		for _, kind := range room.Kinds {
			d := kind.describe()
			r.kinds = append(r.kinds, d)
			for _, o := range d.objects {
				if r.byName[o.Name] != nil {
					panic(fmt.Sprintf("resource: objects %s are registered twice", o.Name))
				}
				r.byName[o.Name] = o
				r.objects = append(r.objects, o)
			}
		}
	}
	return r
}

// Objects are those of all kinds, in the order in which they are sent.
func (r *Registry) Objects() []*Object { return r.objects }

// Object is the one of the name; nil if there is none, as for a claim of a release
// that had more kinds.
func (r *Registry) Object(name string) *Object { return r.byName[name] }

// Contained describes a kind whose resources are in environments.
type Contained[R proto.Message] struct {
	// Drop deletes one resource, and leaves its objects on the cluster unmanaged.
	// It may take several transactions.
	Drop func(ctx context.Context, env *store.Object[*cmfv1.Environment], o *store.Object[R]) error
	// Usage adds what a resource asks its cluster for, and counts it; nil for kinds
	// that ask for nothing.
	Usage func(item Item[R], env *cmfv1.Environment, usage *Usage)
}

// Usage is what the resources of one or more environments ask their clusters for.
type Usage struct {
	Counts  *cmfv1.ResourcesByStatusAndTypeSummary
	Summary *cmfv1.ResourceUsageSummary
}

// contained is a Contained, whatever its type.
type contained struct {
	names        func(at store.Reader, env string) []string
	requireEmpty func(tx *store.Tx, env string)
	drop         func(ctx context.Context, at store.Reader, env *store.Object[*cmfv1.Environment]) error
	usage        func(at store.Reader, env *cmfv1.Environment, usage *Usage)
}

func (k *Kind[R, V]) contained() *contained {
	return &contained{
		names: func(at store.Reader, env string) []string {
			var names []string
			for o := range k.Records.In(at).Under(env) {
				names = append(names, k.Metadata(o.Value()).GetName())
			}
			return names
		},
		requireEmpty: func(tx *store.Tx, env string) { k.Records.RequireEmpty(tx, env) },
		drop: func(ctx context.Context, at store.Reader, env *store.Object[*cmfv1.Environment]) error {
			for o := range k.Records.In(at).Under(env.Key) {
				if err := k.Contained.Drop(ctx, env, o); err != nil {
					return err
				}
			}
			return nil
		},
		usage: func(at store.Reader, env *cmfv1.Environment, usage *Usage) {
			if k.Contained.Usage == nil {
				return
			}
			for o := range k.Records.In(at).Under(store.Key(env.GetName())) {
				k.Contained.Usage(k.ItemOf(at, o), env, usage)
			}
		},
	}
}

// Contents names what is in an environment, by the plural of each kind of which
// there is anything, such as "applications [a, b]". The kinds that were registered
// last come first.
func (r *Registry) Contents(at store.Reader, env string) []string {
	var all []string
	for _, kind := range slices.Backward(r.kinds) {
		if kind.contained == nil {
			continue
		}
		if names := kind.contained.names(at, env); len(names) > 0 {
			all = append(all, kind.plural+" ["+Abridge(names)+"]")
		}
	}
	return all
}

// RequireEmpty has a transaction fail if there is anything in an environment.
func (r *Registry) RequireEmpty(tx *store.Tx, env string) {
	for _, kind := range r.kinds {
		if kind.contained != nil {
			kind.contained.requireEmpty(tx, env)
		}
	}
}

// DropContents deletes everything that is in an environment, the kinds that were
// registered last first, and leaves their objects on the cluster unmanaged. It is
// no single transaction, since etcd bounds those; what is deleted when it fails
// half way stays deleted.
func (r *Registry) DropContents(ctx context.Context, at store.Reader, env *store.Object[*cmfv1.Environment]) error {
	for _, kind := range slices.Backward(r.kinds) {
		if kind.contained == nil {
			continue
		}
		if err := kind.contained.drop(ctx, at, env); err != nil {
			return fmt.Errorf("delete the %s of environment %s: %w", kind.plural, env.Key, err)
		}
	}
	return nil
}

// UsageOf counts what is in an environment and adds up what it asks for.
func (r *Registry) UsageOf(at store.Reader, env *cmfv1.Environment, usage *Usage) {
	for _, kind := range r.kinds {
		if kind.contained != nil {
			kind.contained.usage(at, env, usage)
		}
	}
}

// Count counts the resources of the kinds that are counted.
func (r *Registry) Count(at store.Reader, counts *cmfv1.ResourceCounts) {
	for _, kind := range r.kinds {
		if kind.count != nil {
			kind.count(at, counts)
		}
	}
}

// CountOf is how many objects a collection has.
func CountOf[T proto.Message](at store.Reader, c *store.Collection[T]) *int32 {
	return proto.Int32(int32(c.In(at).Count("")))
}
