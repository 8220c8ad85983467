package environment

import (
	"context"
	"errors"
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/openweir/weir/control/access"
	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/resource/cluster"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/validate"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

type service struct {
	cmfv1.UnimplementedEnvironmentServiceServer
	*Environments
}

func (s *service) GetEnvironment(ctx context.Context, req *cmfv1.GetEnvironmentRequest) (*cmfv1.Environment, error) {
	return s.kind.Get(ctx, s.store, nil, req.GetEnvName(), resource.Detail{Resources: req.GetIncludeResourceInformation()})
}

func (s *service) ListEnvironments(ctx context.Context, req *cmfv1.ListEnvironmentsRequest) (*cmfv1.EnvironmentsPage, error) {
	return resource.List[cmfv1.EnvironmentsPage](ctx, s.store, s.kind, nil, req, resource.Detail{Resources: req.GetIncludeResourceInformation()}, nil)
}

func (s *service) WatchEnvironments(req *cmfv1.WatchEnvironmentsRequest, stream grpc.ServerStreamingServer[cmfv1.WatchEnvironmentsResponse]) error {
	return resource.Watch(s.watches, s.store, s.kind, stream, nil, req, nil)
}

func (s *service) CreateOrUpdateEnvironment(ctx context.Context, req *cmfv1.CreateOrUpdateEnvironmentRequest) (*cmfv1.Environment, error) {
	env := req.GetEnvironment()
	name := requestedName(env)
	found, err := validate.Request(req)
	if err != nil {
		return nil, err
	}
	check(&found, env)
	var view *cmfv1.Environment
	err = resource.Return(ctx, s.store, what(name), func(tx *store.Tx) (int64, error) {
		v := slices.Clone(found)
		before := s.Records.Get(tx, store.Key(name))
		s.kind.NoteFound(ctx, tx, before)
		if err := resource.CheckVersion(req.GetResourceVersion(), what(name), resource.RevisionOf(before)); err != nil {
			return 0, err
		}
		var after *cmfv1.Environment
		var err error
		if before == nil {
			after, err = s.created(ctx, tx, v, name, env)
		} else {
			after, err = s.updated(tx, v, before, env)
		}
		if err != nil {
			return 0, err
		}
		view = s.view(item{Object: store.NewObject(store.Key(name), after), At: tx}, resource.Detail{Single: true})
		if after == before.Message() {
			return before.Revision, nil
		}
		return 0, nil
	})
	return view, err
}

// what names an environment in messages.
func what(name string) string { return "Environment '" + name + "'" }

func (s *service) created(ctx context.Context, tx *store.Tx, v apierror.Violations, name string, env *cmfv1.Environment) (*cmfv1.Environment, error) {
	clusterName := env.GetKubernetesClusterName()
	if clusterName == "" {
		clusterName = contract.DefaultCluster
	}
	if err := access.Require(ctx, access.Place, access.KubernetesCluster, "", clusterName+"/"+env.GetKubernetesNamespace()); err != nil {
		return nil, err
	}
	now := resource.Now()
	created := withUpdate(&cmfv1.Environment{
		Name:                  name,
		CreatedTime:           now,
		UpdatedTime:           now,
		KubernetesNamespace:   env.GetKubernetesNamespace(),
		KubernetesClusterName: clusterName,
		Metadata:              &cmfv1.ObjectMeta{Name: name, CreationTimestamp: now, UpdateTimestamp: now},
	}, env)
	checkPlacement(&v, created, s.placement(tx, clusterName))
	if err := v.Invalid(); err != nil {
		return nil, err
	}
	s.Records.Put(tx, store.Key(name), created)
	s.clusters.Environments.Put(tx, store.Key(clusterName, name), &emptypb.Empty{})
	return created, nil
}

// placement reads what a cluster says of where an environment can be. Decommissioning
// writes the record of the cluster, on condition that no environment has come, so
// that of the two one has to give way.
func (s *service) placement(tx *store.Tx, name string) placement {
	found := s.clusters.Records.Get(tx, store.Key(name))
	if found == nil {
		return placement{}
	}
	return placement{
		registered:     true,
		decommissioned: cluster.Decommissioned(found.Value()),
		namespaces:     s.clusters.Reported(tx, name).GetNamespaces(),
	}
}

func (s *service) updated(tx *store.Tx, v apierror.Violations, before *store.Object[*cmfv1.Environment], env *cmfv1.Environment) (*cmfv1.Environment, error) {
	checkPlacementUnchanged(&v, before.Value(), env)
	if err := v.Invalid(); err != nil {
		return nil, err
	}
	after := withUpdate(before.Value(), env)
	if proto.Equal(before.Value(), after) {
		return before.Value(), nil
	}
	after.UpdatedTime = resource.Now()
	after.Metadata.UpdateTimestamp = after.UpdatedTime
	s.Records.Put(tx, before.Key, after)
	return after, nil
}

// errContents says that there is something in an environment that is to be deleted
// with it.
var errContents = errors.New("the environment is not empty")

// maxDrops bounds how often the deletion of an environment with force starts over
// because something was created in it meanwhile.
const maxDrops = 10

func (s *service) DeleteEnvironment(ctx context.Context, req *cmfv1.DeleteEnvironmentRequest) (*cmfv1.DeleteEnvironmentResponse, error) {
	name := req.GetEnvName()
	err := s.delete(ctx, name, req.GetResourceVersion(), req.GetForce())
	for drops := 0; errors.Is(err, errContents); drops++ {
		if drops == maxDrops {
			return nil, apierror.Conflict("Environment '%s' is being changed concurrently. Try again.", name)
		}
		if err = s.drop(ctx, name); err == nil {
			err = s.delete(ctx, name, req.GetResourceVersion(), true)
		}
	}
	if err != nil {
		return nil, err
	}
	return &cmfv1.DeleteEnvironmentResponse{}, nil
}

// delete deletes an empty environment that has the required version. What it says of one that is not depends on
// whether the contents are to go too.
func (s *service) delete(ctx context.Context, name, version string, force bool) error {
	return resource.Update(ctx, s.store, what(name), func(tx *store.Tx) error {
		env, err := s.Require(tx, name)
		if err != nil {
			return err
		}
		s.kind.NoteFound(ctx, tx, env)
		if err := resource.CheckVersion(version, what(name), env.Revision); err != nil {
			return err
		}
		if contents := s.registry.Contents(tx, env.Key); len(contents) > 0 {
			if force {
				return errContents
			}
			return apierror.InUse("Cannot delete environment '%s': it contains %s. Delete them first, or use ?force=true to delete the records and leave the workloads on the Kubernetes cluster running.",
				name, strings.Join(contents, "; "))
		}
		s.registry.RequireEmpty(tx, env.Key)
		s.Records.Delete(tx, env.Key)
		s.clusters.Environments.Delete(tx, store.Key(env.Value().GetKubernetesClusterName(), name))
		return nil
	})
}

// drop deletes what is in an environment.
func (s *service) drop(ctx context.Context, name string) error {
	at, err := s.store.View(ctx)
	if err != nil {
		return err
	}
	env, err := s.Find(at, name)
	if err != nil {
		return err
	}
	return s.registry.DropContents(ctx, at, env)
}
