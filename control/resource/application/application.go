// Package application is Flink applications: their instances and events, what
// they put on a workload cluster and what follows from what is reported of it.
package application

import (
	"context"
	"log/slog"

	"google.golang.org/grpc"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/flinkspec"
	"github.com/openweir/weir/control/query"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/resource/cluster"
	"github.com/openweir/weir/control/resource/environment"
	"github.com/openweir/weir/control/resource/policy"
	"github.com/openweir/weir/control/resource/savepoint"
	"github.com/openweir/weir/control/resource/serviceaccount"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Limits bound what is kept of each application.
type Limits struct {
	Events    int
	Instances int
}

// DefaultLimits keep as many events as CMF does.
var DefaultLimits = Limits{Events: 100, Instances: 100}

// Applications is all applications.
type Applications struct {
	store        *store.Store
	ownership    *resource.Ownership
	watches      *resource.Watches
	clusters     *cluster.Clusters
	environments *environment.Environments
	savepoints   *savepoint.Savepoints
	policies     *policy.Policies
	accounts     *serviceaccount.Allowlist
	limits       Limits
	log          *slog.Logger

	// Records are by environment and name, Status by the same keys.
	Records *store.Collection[*storev1.ApplicationRecord]
	Status  *store.Collection[*storev1.StatusRecord]
	// instances and events are by environment, application and name.
	instances *store.Collection[*cmfv1.FlinkApplicationInstance]
	events    *store.Collection[*cmfv1.FlinkApplicationEvent]

	kind          *resource.Kind[*storev1.ApplicationRecord, *cmfv1.FlinkApplication]
	instancesKind *resource.Kind[*cmfv1.FlinkApplicationInstance, *cmfv1.FlinkApplicationInstance]
	eventsKind    *resource.Kind[*cmfv1.FlinkApplicationEvent, *cmfv1.FlinkApplicationEvent]
}

// Item is an application as of a moment.
type Item = resource.Item[*storev1.ApplicationRecord]

// New adds the collections of applications to the store.
func New(
	s *store.Store, ownership *resource.Ownership, watches *resource.Watches, clusters *cluster.Clusters,
	environments *environment.Environments, savepoints *savepoint.Savepoints, policies *policy.Policies, accounts *serviceaccount.Allowlist,
	limits Limits, log *slog.Logger,
) *Applications {
	a := &Applications{
		store: s, ownership: ownership, watches: watches, clusters: clusters, environments: environments, savepoints: savepoints,
		policies: policies, accounts: accounts, limits: limits, log: log,
		Records:   store.NewCollection[*storev1.ApplicationRecord](s, "applications").KeepHeads(head),
		Status:    store.NewCollection[*storev1.StatusRecord](s, "application-status").KeepHeads(resource.StatusHead),
		instances: store.NewCollection[*cmfv1.FlinkApplicationInstance](s, "instances"),
		events:    store.NewCollection[*cmfv1.FlinkApplicationEvent](s, "events"),
	}
	a.kind = &resource.Kind[*storev1.ApplicationRecord, *cmfv1.FlinkApplication]{
		Noun: "Application", Name: contract.KindApplication,
		Records: a.Records, Status: a.Status,
		Metadata: metadataOf,
		List: &query.List[Item]{
			Plural: "applications",
			Name:   func(i Item) string { return metadataOf(i.Head()).GetName() },
			UID:    func(i Item) string { return metadataOf(i.Head()).GetUid() },
			// The update timestamp sorted by is that of the specification, while the view
			// shows the later of that and the last change of the status.
			Sort:       query.Described(func(i Item) *cmfv1.ObjectMeta { return metadataOf(i.Head()) }, nil),
			Filterable: true,
			Labels:     func(i Item) map[string]string { return metadataOf(i.Head()).GetLabels() },
			Attributes: map[string]func(Item) string{"state": jobState},
			Message:    query.Descriptor[*cmfv1.FlinkApplication](),
		},
		View: a.view, Surroundings: a.staleWarning,
		NotFound: func(env, name string) error {
			return apierror.NotFound("Application '%s' not found in environment '%s'.", name, env)
		},
		Contained: &resource.Contained[*storev1.ApplicationRecord]{
			Drop: func(ctx context.Context, env *store.Object[*cmfv1.Environment], o *store.Object[*storev1.ApplicationRecord]) error {
				return a.delete(ctx, env.Value(), o, "", true)
			},
			Usage: func(i Item, _ *cmfv1.Environment, usage *resource.Usage) {
				usage.Counts.Applications[jobState(i)]++
				usage.Summary = flinkspec.AddUsage(usage.Summary, a.usage(i))
			},
		},
		State:   lifecycleState,
		Objects: []*resource.Object{a.deployment()},
	}
	a.instancesKind = a.newInstancesKind()
	a.eventsKind = a.newEventsKind()
	return a
}

// Room is what applications give to the control plane.
func (a *Applications) Room() resource.Room {
	return resource.Room{
		Kinds: []resource.Registered{a.kind},
		Register: func(server grpc.ServiceRegistrar) {
			cmfv1.RegisterApplicationServiceServer(server, &service{Applications: a})
			cmfv1.RegisterApplicationInstanceServiceServer(server, &instanceService{Applications: a})
			cmfv1.RegisterApplicationEventServiceServer(server, &eventService{Applications: a})
		},
		Duties: []func(context.Context) error{a.followEnvironments},
	}
}

// Find gives an application and the environment that it is in, or the error that
// says which of them is not there.
func (a *Applications) Find(at store.Reader, env, name string) (*store.Object[*cmfv1.Environment], Item, error) {
	environment, err := a.environments.Find(at, env)
	if err != nil {
		return nil, Item{}, err
	}
	item, err := a.kind.Find(at, env, name)
	return environment, item, err
}

// head is a record without the specification.
func head(record *storev1.ApplicationRecord) *storev1.ApplicationRecord {
	app := record.GetApplication()
	return &storev1.ApplicationRecord{
		Application: &cmfv1.FlinkApplication{Metadata: app.GetMetadata()},
		Generation:  record.GetGeneration(),
		Instance:    record.GetInstance(),
	}
}

// in is the place of the instances and events of an application.
func (a *Applications) in(env, name string) resource.Place {
	return a.kind.In(a.environments.In(env), name)
}

func metadataOf(record *storev1.ApplicationRecord) *cmfv1.ObjectMeta {
	return record.GetApplication().GetMetadata()
}
