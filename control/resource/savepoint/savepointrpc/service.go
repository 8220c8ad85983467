// Package savepointrpc serves the RPCs about savepoints of applications and of
// statements. It is above the packages of these, which are above package
// savepoint.
package savepointrpc

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/audit"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/resource/savepoint"
	"github.com/openweir/weir/control/store"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Owners finds what savepoints belong to: applications or statements.
type Owners interface {
	// SavepointOwner gives the owner of a name in an environment.
	SavepointOwner(at store.Reader, env, name string) (savepoint.Owner, error)
	// RequireSavepointOwner gives the owner for a new savepoint, or says why none
	// can be taken of it. The transaction is committed only if it is still there.
	RequireSavepointOwner(tx *store.Tx, env, name string) (savepoint.Owner, error)
}

// Room registers the RPCs.
func Room(s *store.Store, watches *resource.Watches, savepoints *savepoint.Savepoints, applications, statements Owners) resource.Room {
	shared := &shared{s, watches, savepoints}
	return resource.Room{Register: func(server grpc.ServiceRegistrar) {
		cmfv1.RegisterSavepointServiceServer(server, &service{
			applications: ofOwners{shared, applications}, statements: ofOwners{shared, statements},
		})
	}}
}

// service says for each RPC whose savepoints it is about.
type service struct {
	cmfv1.UnimplementedSavepointServiceServer
	applications, statements ofOwners
}

func (s *service) CreateSavepointForFlinkApplication(ctx context.Context, req *cmfv1.CreateSavepointForFlinkApplicationRequest) (*cmfv1.Savepoint, error) {
	return s.applications.create(ctx, req.GetEnvName(), req.GetAppName(), req.GetSavepoint())
}

func (s *service) CreateSavepointForFlinkStatement(ctx context.Context, req *cmfv1.CreateSavepointForFlinkStatementRequest) (*cmfv1.Savepoint, error) {
	return s.statements.create(ctx, req.GetEnvName(), req.GetStmtName(), req.GetSavepoint())
}

func (s *service) ListSavepointsForFlinkApplication(ctx context.Context, req *cmfv1.ListSavepointsForFlinkApplicationRequest) (*cmfv1.SavepointsPage, error) {
	return s.applications.list(ctx, req.GetEnvName(), req.GetAppName(), req)
}

func (s *service) ListSavepointsForFlinkStatement(ctx context.Context, req *cmfv1.ListSavepointsForFlinkStatementRequest) (*cmfv1.SavepointsPage, error) {
	return s.statements.list(ctx, req.GetEnvName(), req.GetStmtName(), req)
}

func (s *service) WatchSavepointsForFlinkApplication(req *cmfv1.WatchSavepointsForFlinkApplicationRequest, stream grpc.ServerStreamingServer[cmfv1.WatchSavepointsForFlinkApplicationResponse]) error {
	return watch(s.applications, req.GetEnvName(), req.GetAppName(), req, stream)
}

func (s *service) WatchSavepointsForFlinkStatement(req *cmfv1.WatchSavepointsForFlinkStatementRequest, stream grpc.ServerStreamingServer[cmfv1.WatchSavepointsForFlinkStatementResponse]) error {
	return watch(s.statements, req.GetEnvName(), req.GetStmtName(), req, stream)
}

func (s *service) GetSavepointForFlinkApplication(ctx context.Context, req *cmfv1.GetSavepointForFlinkApplicationRequest) (*cmfv1.Savepoint, error) {
	return s.applications.get(ctx, req.GetEnvName(), req.GetAppName(), req.GetSavepointName())
}

func (s *service) GetSavepointForFlinkStatement(ctx context.Context, req *cmfv1.GetSavepointForFlinkStatementRequest) (*cmfv1.Savepoint, error) {
	return s.statements.get(ctx, req.GetEnvName(), req.GetStmtName(), req.GetSavepointName())
}

func (s *service) DeleteSavepointForFlinkApplication(ctx context.Context, req *cmfv1.DeleteSavepointForFlinkApplicationRequest) (*cmfv1.DeleteSavepointForFlinkApplicationResponse, error) {
	if err := s.applications.delete(ctx, req.GetEnvName(), req.GetAppName(), req.GetSavepointName(), req.GetResourceVersion(), req.GetForce()); err != nil {
		return nil, err
	}
	return &cmfv1.DeleteSavepointForFlinkApplicationResponse{}, nil
}

func (s *service) DeleteSavepointForFlinkStatement(ctx context.Context, req *cmfv1.DeleteSavepointForFlinkStatementRequest) (*cmfv1.DeleteSavepointForFlinkStatementResponse, error) {
	if err := s.statements.delete(ctx, req.GetEnvName(), req.GetStmtName(), req.GetSavepointName(), req.GetResourceVersion(), req.GetForce()); err != nil {
		return nil, err
	}
	return &cmfv1.DeleteSavepointForFlinkStatementResponse{}, nil
}

func (s *service) DetachSavepointFromFlinkApplication(ctx context.Context, req *cmfv1.DetachSavepointFromFlinkApplicationRequest) (*cmfv1.Savepoint, error) {
	return s.applications.detach(ctx, req.GetEnvName(), req.GetAppName(), req.GetSavepointName(), req.GetResourceVersion())
}

type shared struct {
	store      *store.Store
	watches    *resource.Watches
	savepoints *savepoint.Savepoints
}

// ofOwners answers requests about the savepoints of one kind of owner.
type ofOwners struct {
	*shared
	owners Owners
}

func (s ofOwners) create(ctx context.Context, env, owner string, request *cmfv1.Savepoint) (*cmfv1.Savepoint, error) {
	var created *cmfv1.Savepoint
	err := resource.Return(ctx, s.store, "Savepoint '"+request.GetMetadata().GetName()+"'", func(tx *store.Tx) (int64, error) {
		of, err := s.owners.RequireSavepointOwner(tx, env, owner)
		if err != nil {
			return 0, err
		}
		audit.NoteAbsent(ctx)
		created, err = s.savepoints.Create(tx, of, request)
		return 0, err
	})
	return created, err
}

func (s ofOwners) list(ctx context.Context, env, owner string, request proto.Message) (*cmfv1.SavepointsPage, error) {
	return resource.List[cmfv1.SavepointsPage](ctx, s.store, s.savepoints.Kind, s.of(env, owner), request, resource.Detail{}, nil)
}

func watch[Response any](s ofOwners, env, owner string, request resource.WatchRequest, stream grpc.ServerStreamingServer[Response]) error {
	return resource.Watch(s.watches, s.store, s.savepoints.Kind, stream, s.of(env, owner), request, nil)
}

func (s ofOwners) get(ctx context.Context, env, owner, name string) (*cmfv1.Savepoint, error) {
	return s.savepoints.Kind.Get(ctx, s.store, s.of(env, owner), name, resource.Detail{})
}

// of is the place of the savepoints of an owner.
func (s ofOwners) of(env, owner string) resource.Place {
	return func(at store.Reader) (string, error) {
		of, err := s.owners.SavepointOwner(at, env, owner)
		return of.Key, err
	}
}

func (s ofOwners) delete(ctx context.Context, env, owner, name, version string, force bool) error {
	return resource.Update(ctx, s.store, "Savepoint '"+name+"'", func(tx *store.Tx) error {
		of, err := s.owners.SavepointOwner(tx, env, owner)
		if err != nil {
			return err
		}
		s.noteBefore(ctx, tx, of, name)
		return s.savepoints.Delete(tx, of, name, version, force)
	})
}

func (s ofOwners) detach(ctx context.Context, env, owner, name, version string) (*cmfv1.Savepoint, error) {
	var detached *cmfv1.Savepoint
	err := resource.Return(ctx, s.store, "Savepoint '"+name+"'", func(tx *store.Tx) (int64, error) {
		of, err := s.owners.SavepointOwner(tx, env, owner)
		if err != nil {
			return 0, err
		}
		s.noteBefore(ctx, tx, of, name)
		detached, err = s.savepoints.Detach(tx, of, name, version)
		return 0, err
	})
	return detached, err
}

// noteBefore notes a savepoint that is about to be deleted or detached for the audit log.
func (s ofOwners) noteBefore(ctx context.Context, tx *store.Tx, of savepoint.Owner, name string) {
	if found, err := s.savepoints.Kind.Find(tx, of.Key, name); err == nil {
		s.savepoints.Kind.NoteBefore(ctx, found)
	}
}
