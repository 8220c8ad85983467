package resource

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/query"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Kind describes one kind of resource. R is the record that etcd holds of it, V
// the message that clients see.
type Kind[R, V proto.Message] struct {
	// Noun names one resource in messages, such as "Compute pool".
	Noun string
	// Name is the contract's, in the field kind.
	Name string
	// Records are the resources, by the path of what they are in and their name.
	Records *store.Collection[R]
	// Status is what agents reported of the resources, by the same keys; nil for
	// kinds of which nothing is stored.
	Status *store.Collection[*storev1.StatusRecord]
	// Metadata of a record. It is the record's own, to be changed in a new one.
	Metadata func(R) *cmfv1.ObjectMeta
	// List says what lists and watches allow.
	List *query.List[Item[R]]
	// View makes of an item what clients see. It must change nothing that the
	// item refers to.
	View func(Item[R], Detail) V
	// Surroundings is everything that a view in a list of the resources under a path
	// depends on beside the record and its status, as text that differs where they
	// do. Views are then kept beside their records, and must not be changed by anyone.
	// It is nil where each list makes its views anew.
	Surroundings func(at store.Reader, path string) string
	// Related is set if a view depends on resources of other kinds. What Create and
	// Update return then takes all of them into account that were stored before the
	// call, even if this replica's cache does not have them yet.
	Related bool
	// Watched are further collections, by the same keys, whose changes change a
	// view; those of Records and Status need not be named.
	Watched []interface {
		Scope(under string) store.Scope
	}
	// NotFound is the message for a name that there is none of; nil for the
	// usual one.
	NotFound func(path, name string) error

	// Count counts the resources for resource information, whose maps are there; nil
	// for kinds that it has no field for, and those that Contained.Usage counts.
	Count func(at store.Reader, counts *cmfv1.ResourceCounts)
	// State is the state of a resource that metrics count it by, one of a fixed set;
	// nil for kinds without. It must do with the heads of the record and the status.
	State func(Item[R]) string
	// Contained is for kinds in an environment: the first segment of their paths
	// is its name. nil for others.
	Contained *Contained[R]
	// Objects are what resources have on workload clusters.
	Objects []*Object
}

// Detail says what a view includes beside what it always does.
type Detail struct {
	// Resources is what the resource asks its cluster for, and counts.
	Resources bool
	// Single is set for a single resource, in contrast to one of a list.
	Single bool
}

// Item is one resource as of a moment.
type Item[R proto.Message] struct {
	*store.Object[R]
	// At reads everything else as of the same moment.
	At store.Reader
	// statuses has the status, which is looked up when it is asked for, as many lists
	// do not need it; nil for none.
	statuses statuses[R]
}

type statuses[R proto.Message] interface {
	// statusOf gives the status of the very resource that an object is of.
	statusOf(at store.Reader, o *store.Object[R]) *store.Object[*storev1.StatusRecord]
}

// givenStatus is the status of an item that no store holds.
type givenStatus[R proto.Message] struct {
	object *store.Object[*storev1.StatusRecord]
}

func (g givenStatus[R]) statusOf(store.Reader, *store.Object[R]) *store.Object[*storev1.StatusRecord] {
	return g.object
}

// NewItem makes an item of what no store holds. reported is nil where nothing is
// reported.
func NewItem[R proto.Message](object *store.Object[R], reported *storev1.StatusRecord, at store.Reader) Item[R] {
	item := Item[R]{Object: object, At: at}
	if reported != nil {
		item.statuses = givenStatus[R]{store.NewObject(object.Key, reported)}
	}
	return item
}

// Reported is the status of this very resource; nil where there is none, or only
// one of a former resource of the name.
func (i Item[R]) Reported() *storev1.StatusRecord { return i.status().Message() }

// ReportedHead is Reported without its large parts. It is always at hand.
func (i Item[R]) ReportedHead() *storev1.StatusRecord {
	if status := i.status(); status != nil {
		return status.Head()
	}
	return nil
}

func (i Item[R]) status() *store.Object[*storev1.StatusRecord] {
	if i.statuses == nil {
		return nil
	}
	return i.statuses.statusOf(i.At, i.Object)
}

// StatusHead is a status without the text that the object has in its cluster, for
// the collections of statuses.
func StatusHead(status *storev1.StatusRecord) *storev1.StatusRecord {
	return &storev1.StatusRecord{
		OwnerUid:         status.GetOwnerUid(),
		UpdateTime:       status.GetUpdateTime(),
		Generation:       status.GetGeneration(),
		Problem:          status.GetProblem(),
		LifecycleState:   status.GetLifecycleState(),
		JobState:         status.GetJobState(),
		JobId:            status.GetJobId(),
		Error:            status.GetError(),
		JobManagerStatus: status.GetJobManagerStatus(),
		Phase:            status.GetPhase(),
		Instance:         status.GetInstance(),
	}
}

// Item gives the resource of the key; false if there is none.
func (k *Kind[R, V]) Item(at store.Reader, key string) (Item[R], bool) {
	o := k.Records.In(at).Get(key)
	if o == nil {
		return Item[R]{}, false
	}
	return k.ItemOf(at, o), true
}

// ItemOf gives the resource of an object, which need not be stored yet.
func (k *Kind[R, V]) ItemOf(at store.Reader, o *store.Object[R]) Item[R] {
	item := Item[R]{Object: o, At: at}
	if k.Status != nil {
		item.statuses = k
	}
	return item
}

func (k *Kind[R, V]) statusOf(at store.Reader, o *store.Object[R]) *store.Object[*storev1.StatusRecord] {
	status := k.Status.In(at).Get(o.Key)
	if status == nil || status.Head().GetOwnerUid() != k.Metadata(o.Head()).GetUid() {
		return nil
	}
	return status
}

// Key is that of a resource by the path that it is in, which is empty for
// resources that are in nothing.
func Key(path, name string) string {
	if path == "" {
		return store.Key(name)
	}
	return store.Join(path, name)
}

// Find gives a resource, or the error that there is none. Beneath a Tx, it adds
// no condition to it; see Require.
func (k *Kind[R, V]) Find(at store.Reader, path, name string) (Item[R], error) {
	item, ok := k.Item(at, Key(path, name))
	if !ok {
		return item, k.notFound(path, name)
	}
	return item, nil
}

// Require is Find in a transaction, which is committed only if the record is
// still the same.
func (k *Kind[R, V]) Require(tx *store.Tx, path, name string) (Item[R], error) {
	o := k.Records.Get(tx, Key(path, name))
	if o == nil {
		return Item[R]{}, k.notFound(path, name)
	}
	return k.ItemOf(tx, o), nil
}

func (k *Kind[R, V]) notFound(path, name string) error {
	if k.NotFound != nil {
		return k.NotFound(path, name)
	}
	return apierror.NotFound("%s '%s' not found.", k.Noun, name)
}

// Get answers a request for one resource.
func (k *Kind[R, V]) Get(ctx context.Context, s *store.Store, in Place, name string, detail Detail) (V, error) {
	var none V
	at, path, err := in.view(ctx, s)
	if err != nil {
		return none, err
	}
	item, err := k.Find(at, path, name)
	if err != nil {
		return none, err
	}
	detail.Single = true
	return k.View(item, detail), setVersion(ctx, item.Revision)
}
