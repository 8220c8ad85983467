// Package environment has the environments, each a namespace of a Kubernetes
// cluster with defaults for what is in it. What that is the registry of kinds
// knows.
package environment

import (
	"context"
	"strings"

	"google.golang.org/grpc"

	"github.com/openweir/weir/control/flinkspec"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/resource/cluster"
	"github.com/openweir/weir/control/store"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Environments is the room of environments.
type Environments struct {
	// Records are by name.
	Records *store.Collection[*cmfv1.Environment]

	store    *store.Store
	watches  *resource.Watches
	clusters *cluster.Clusters
	kind     *resource.Kind[*cmfv1.Environment, *cmfv1.Environment]
	registry *resource.Registry
	secrets  func(at store.Reader, env string) map[string]string
}

// New adds the collection to the store. SetRegistry has to be called before the
// services are of use.
func New(s *store.Store, watches *resource.Watches, clusters *cluster.Clusters) *Environments {
	e := &Environments{
		Records:  store.NewCollection[*cmfv1.Environment](s, "environments"),
		store:    s,
		watches:  watches,
		clusters: clusters,
		secrets:  func(store.Reader, string) map[string]string { return nil },
	}
	e.kind = &resource.Kind[*cmfv1.Environment, *cmfv1.Environment]{
		Noun:     "Environment",
		Records:  e.Records,
		Metadata: (*cmfv1.Environment).GetMetadata,
		List:     list,
		View:     e.view,
		Count: func(at store.Reader, counts *cmfv1.ResourceCounts) {
			counts.Environments = resource.CountOf(at, e.Records)
		},
	}
	return e
}

// SetRegistry gives the kinds of what is in environments. They need the
// environments to be made.
func (e *Environments) SetRegistry(registry *resource.Registry) { e.registry = registry }

// SetSecrets gives what a single environment shows of its secrets: connection
// secret id to name of the secret. Secrets need the environments to be made.
func (e *Environments) SetSecrets(secrets func(at store.Reader, env string) map[string]string) {
	e.secrets = secrets
}

// Room is what environments give to the control plane.
func (e *Environments) Room() resource.Room {
	return resource.Room{
		Kinds: []resource.Registered{e.kind},
		Register: func(server grpc.ServiceRegistrar) {
			cmfv1.RegisterEnvironmentServiceServer(server, &service{Environments: e})
		},
	}
}

// Find gives an environment, or the error that there is none.
func (e *Environments) Find(at store.Reader, name string) (*store.Object[*cmfv1.Environment], error) {
	item, err := e.kind.Find(at, "", name)
	return item.Object, err
}

// In is the place of what is in an environment.
func (e *Environments) In(name string) resource.Place { return e.kind.In(nil, name) }

// Now gives an environment as it is now, or the error that there is none.
func (e *Environments) Now(ctx context.Context, name string) (*store.Object[*cmfv1.Environment], error) {
	at, err := e.store.View(ctx)
	if err != nil {
		return nil, err
	}
	return e.Find(at, name)
}

// Require is Find in a transaction, which is committed only if the environment is
// still the same.
func (e *Environments) Require(tx *store.Tx, name string) (*store.Object[*cmfv1.Environment], error) {
	item, err := e.kind.Require(tx, "", name)
	return item.Object, err
}

// RequirePresent is Find in a transaction, which is committed only if there still
// is an environment of the name, whatever has changed of it.
func (e *Environments) RequirePresent(tx *store.Tx, name string) (*store.Object[*cmfv1.Environment], error) {
	env, err := e.Find(tx, name)
	if err == nil {
		e.Records.RequirePresent(tx, env.Key)
	}
	return env, err
}

// Of gives the environment that begins the key of a resource, nil if there is
// none.
func (e *Environments) Of(at store.Reader, key string) *store.Object[*cmfv1.Environment] {
	env, _, _ := strings.Cut(key, "/")
	return e.Records.In(at).Get(env)
}

// All gives the environments in the order of their names.
func (e *Environments) All(at store.Reader) []*store.Object[*cmfv1.Environment] {
	environments := e.Records.In(at)
	return environments.Range("", 0, environments.Count(""))
}

// Usage counts what is in environments and adds up what it asks for.
func (e *Environments) Usage(at store.Reader, environments ...*store.Object[*cmfv1.Environment]) *resource.Usage {
	usage := &resource.Usage{
		Counts:  &cmfv1.ResourcesByStatusAndTypeSummary{Applications: map[string]int32{}, Statements: map[string]int32{}},
		Summary: flinkspec.AddUsage(nil, nil),
	}
	for _, env := range environments {
		e.registry.UsageOf(at, env.Value(), usage)
	}
	return usage
}

func (e *Environments) view(item item, detail resource.Detail) *cmfv1.Environment {
	env := item.Value()
	view := &cmfv1.Environment{
		Name:                     env.GetName(),
		CreatedTime:              env.GetCreatedTime(),
		UpdatedTime:              env.GetUpdatedTime(),
		FlinkApplicationDefaults: env.GetFlinkApplicationDefaults(),
		KubernetesNamespace:      env.GetKubernetesNamespace(),
		KubernetesClusterName:    env.GetKubernetesClusterName(),
		ComputePoolDefaults:      env.GetComputePoolDefaults(),
		StatementDefaults:        env.GetStatementDefaults(),
		Metadata:                 env.GetMetadata(),
		Status:                   &cmfv1.EnvironmentStatus{KubernetesCluster: e.clusters.StatusOf(item.At, env.GetKubernetesClusterName())},
	}
	if detail.Resources {
		usage := e.Usage(item.At, item.Object)
		view.Status.Resources, view.Status.ResourceSummary = usage.Counts, usage.Summary
	}
	if detail.Single {
		view.Secrets = e.secrets(item.At, env.GetName())
	}
	return view
}
