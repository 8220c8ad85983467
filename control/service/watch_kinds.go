package service

import (
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/query"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/watch"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// recordsUnder is the feed of resources that are shown by their record alone.
func recordsUnder[T proto.Message](list *query.Kind[T], kept *store.Collection[T], under string, view func(T) T) feed[T, T] {
	return feed[T, T]{
		list: list, under: under, sources: []watch.Source{watch.From(kept)}, message: itself[T],
		view: func(parts watch.Parts) (T, bool) { return view(watch.Part[T](parts, 0).Value), true },
	}
}

// kindUnder is the feed of a kind's resources.
func kindUnder[T resource](k kind[T], under string) feed[T, T] {
	return recordsUnder(k.list, k.kept, under, k.view)
}

func itself[T any](item T) T { return item }

func (s *environments) WatchEnvironments(req *cmfv1.WatchEnvironmentsRequest, stream grpc.ServerStreamingServer[cmfv1.WatchEnvironmentsResponse]) error {
	f := recordsUnder(query.Environments, s.state.Environments, "", func(env *cmfv1.Environment) *cmfv1.Environment {
		return s.view(env, false, false)
	})
	return serveWatch(s.Services, stream, req, f, func(e event[*cmfv1.Environment]) *cmfv1.WatchEnvironmentsResponse {
		return &cmfv1.WatchEnvironmentsResponse{Type: e.kind, Object: e.object, ResourceVersion: e.version}
	})
}

func (s *applications) WatchApplications(req *cmfv1.WatchApplicationsRequest, stream grpc.ServerStreamingServer[cmfv1.WatchApplicationsResponse]) error {
	env, err := s.environment(stream.Context(), req.GetEnvName())
	if err != nil {
		return err
	}
	f := feed[query.Application, *cmfv1.FlinkApplication]{
		list: query.Applications, under: env.Key,
		sources: []watch.Source{watch.From(s.state.Applications), watch.From(s.state.ApplicationStatus)},
		view: func(parts watch.Parts) (query.Application, bool) {
			record := watch.Part[*storev1.ApplicationRecord](parts, 0).Value
			status := watch.Part[*storev1.StatusRecord](parts, 1).Value
			if record == nil {
				return query.Application{}, false
			}
			return query.Application{
				FlinkApplication: applicationWith(record, status, s.staleWarning(env.Value)),
				State:            jobState(record, status),
				SpecUpdated:      record.GetApplication().GetMetadata().GetUpdateTimestamp().AsTime(),
			}, true
		},
		message: func(app query.Application) *cmfv1.FlinkApplication { return app.FlinkApplication },
	}
	return serveWatch(s.Services, stream, req, f, func(e event[*cmfv1.FlinkApplication]) *cmfv1.WatchApplicationsResponse {
		return &cmfv1.WatchApplicationsResponse{Type: e.kind, Object: e.object, ResourceVersion: e.version}
	})
}

func (s *instances) WatchApplicationInstances(req *cmfv1.WatchApplicationInstancesRequest, stream grpc.ServerStreamingServer[cmfv1.WatchApplicationInstancesResponse]) error {
	_, app, err := s.application(stream.Context(), req.GetEnvName(), req.GetAppName())
	if err != nil {
		return err
	}
	f := recordsUnder(query.Instances, s.state.Instances, app.Key, itself[*cmfv1.FlinkApplicationInstance])
	return serveWatch(s.Services, stream, req, f, func(e event[*cmfv1.FlinkApplicationInstance]) *cmfv1.WatchApplicationInstancesResponse {
		return &cmfv1.WatchApplicationInstancesResponse{Type: e.kind, Object: e.object, ResourceVersion: e.version}
	})
}

func (s *events) WatchApplicationEvents(req *cmfv1.WatchApplicationEventsRequest, stream grpc.ServerStreamingServer[cmfv1.WatchApplicationEventsResponse]) error {
	_, app, err := s.application(stream.Context(), req.GetEnvName(), req.GetAppName())
	if err != nil {
		return err
	}
	f := recordsUnder(query.Events, s.state.Events, app.Key, itself[*cmfv1.FlinkApplicationEvent])
	return serveWatch(s.Services, stream, req, f, func(e event[*cmfv1.FlinkApplicationEvent]) *cmfv1.WatchApplicationEventsResponse {
		return &cmfv1.WatchApplicationEventsResponse{Type: e.kind, Object: e.object, ResourceVersion: e.version}
	})
}

func (s *clusters) WatchKubernetesClusters(req *cmfv1.WatchKubernetesClustersRequest, stream grpc.ServerStreamingServer[cmfv1.WatchKubernetesClustersResponse]) error {
	f := feed[*cmfv1.KubernetesCluster, *cmfv1.KubernetesCluster]{
		list:    query.KubernetesClusters,
		sources: []watch.Source{watch.From(s.state.Clusters), watch.From(s.state.ClusterStatus), watch.From(s.state.Sessions)},
		view: func(parts watch.Parts) (*cmfv1.KubernetesCluster, bool) {
			cluster := watch.Part[*cmfv1.KubernetesCluster](parts, 0).Value
			if cluster == nil {
				return nil, false
			}
			return clusterWith(cluster, watch.Part[*storev1.ClusterStatusRecord](parts, 1).Value, watch.Part[*storev1.SessionRecord](parts, 2).Value), true
		},
		message: itself[*cmfv1.KubernetesCluster],
	}
	return serveWatch(s.Services, stream, req, f, func(e event[*cmfv1.KubernetesCluster]) *cmfv1.WatchKubernetesClustersResponse {
		return &cmfv1.WatchKubernetesClustersResponse{Type: e.kind, Object: e.object, ResourceVersion: e.version}
	})
}

func (s *secrets) WatchSecrets(req *cmfv1.WatchSecretsRequest, stream grpc.ServerStreamingServer[cmfv1.WatchSecretsResponse]) error {
	return serveWatch(s.Services, stream, req, kindUnder(s.secretKind(), ""), func(e event[*cmfv1.Secret]) *cmfv1.WatchSecretsResponse {
		return &cmfv1.WatchSecretsResponse{Type: e.kind, Object: e.object, ResourceVersion: e.version}
	})
}

func (s *secretMappings) WatchEnvironmentSecretMappings(req *cmfv1.WatchEnvironmentSecretMappingsRequest, stream grpc.ServerStreamingServer[cmfv1.WatchEnvironmentSecretMappingsResponse]) error {
	env, err := s.environment(stream.Context(), req.GetEnvName())
	if err != nil {
		return err
	}
	return serveWatch(s.Services, stream, req, kindUnder(s.mappingKind(), env.Key), func(e event[*cmfv1.EnvironmentSecretMapping]) *cmfv1.WatchEnvironmentSecretMappingsResponse {
		return &cmfv1.WatchEnvironmentSecretMappingsResponse{Type: e.kind, Object: e.object, ResourceVersion: e.version}
	})
}

func (s *catalogs) WatchKafkaCatalogs(req *cmfv1.WatchKafkaCatalogsRequest, stream grpc.ServerStreamingServer[cmfv1.WatchKafkaCatalogsResponse]) error {
	return serveWatch(s.Services, stream, req, kindUnder(s.catalogKind(), ""), func(e event[*cmfv1.KafkaCatalog]) *cmfv1.WatchKafkaCatalogsResponse {
		return &cmfv1.WatchKafkaCatalogsResponse{Type: e.kind, Object: e.object, ResourceVersion: e.version}
	})
}

func (s *databases) WatchKafkaDatabases(req *cmfv1.WatchKafkaDatabasesRequest, stream grpc.ServerStreamingServer[cmfv1.WatchKafkaDatabasesResponse]) error {
	catalog, err := s.catalogKind().get(stream.Context(), "", req.GetCatName())
	if err != nil {
		return err
	}
	f := kindUnder(s.databaseKind(catalog.Value), catalog.Key)
	f.view = func(parts watch.Parts) (*cmfv1.KafkaDatabase, bool) {
		// The catalog as it is now: who has access follows from it.
		if now, ok := s.state.Catalogs.Cached(catalog.Key); ok {
			catalog = now
		}
		return s.databaseKind(catalog.Value).view(watch.Part[*cmfv1.KafkaDatabase](parts, 0).Value), true
	}
	return serveWatch(s.Services, stream, req, f, func(e event[*cmfv1.KafkaDatabase]) *cmfv1.WatchKafkaDatabasesResponse {
		return &cmfv1.WatchKafkaDatabasesResponse{Type: e.kind, Object: e.object, ResourceVersion: e.version}
	})
}

func (s *detachedSavepoints) WatchDetachedSavepoints(req *cmfv1.WatchDetachedSavepointsRequest, stream grpc.ServerStreamingServer[cmfv1.WatchDetachedSavepointsResponse]) error {
	f := kindUnder(s.detachedKind(), "")
	f.keep = namedLike(req.GetName())
	return serveWatch(s.Services, stream, req, f, func(e event[*cmfv1.Savepoint]) *cmfv1.WatchDetachedSavepointsResponse {
		return &cmfv1.WatchDetachedSavepointsResponse{Type: e.kind, Object: e.object, ResourceVersion: e.version}
	})
}

func (s *savepoints) WatchSavepointsForFlinkApplication(req *cmfv1.WatchSavepointsForFlinkApplicationRequest, stream grpc.ServerStreamingServer[cmfv1.WatchSavepointsForFlinkApplicationResponse]) error {
	o, err := s.applicationOwner(stream.Context(), req.GetEnvName(), req.GetAppName())
	if err != nil {
		return err
	}
	return serveWatch(s.Services, stream, req, s.savepointsOf(o), func(e event[*cmfv1.Savepoint]) *cmfv1.WatchSavepointsForFlinkApplicationResponse {
		return &cmfv1.WatchSavepointsForFlinkApplicationResponse{Type: e.kind, Object: e.object, ResourceVersion: e.version}
	})
}

// savepointsOf is the feed of the savepoints of an owner.
func (s *Services) savepointsOf(o owner) feed[*cmfv1.Savepoint, *cmfv1.Savepoint] {
	return feed[*cmfv1.Savepoint, *cmfv1.Savepoint]{
		list: query.Savepoints, under: o.key, message: itself[*cmfv1.Savepoint],
		sources: []watch.Source{watch.From(s.state.Savepoints), watch.From(s.state.SavepointStatus)},
		view: func(parts watch.Parts) (*cmfv1.Savepoint, bool) {
			record := watch.Part[*storev1.SavepointRecord](parts, 0).Value
			if record == nil {
				return nil, false
			}
			return s.savepointWith(o.env, record, watch.Part[*storev1.StatusRecord](parts, 1).Value), true
		},
	}
}

func (s *computePools) WatchComputePools(req *cmfv1.WatchComputePoolsRequest, stream grpc.ServerStreamingServer[cmfv1.WatchComputePoolsResponse]) error {
	env, err := s.environment(stream.Context(), req.GetEnvName())
	if err != nil {
		return err
	}
	f := feed[*cmfv1.ComputePool, *cmfv1.ComputePool]{
		list: query.ComputePools, under: env.Key, message: itself[*cmfv1.ComputePool],
		sources: []watch.Source{watch.From(s.state.ComputePools), watch.From(s.state.ComputePoolStatus)},
		view: func(parts watch.Parts) (*cmfv1.ComputePool, bool) {
			pool := watch.Part[*cmfv1.ComputePool](parts, 0)
			if pool.Value == nil {
				return nil, false
			}
			return s.poolWith(env.Value, pool, watch.Part[*storev1.StatusRecord](parts, 1).Value), true
		},
	}
	return serveWatch(s.Services, stream, req, f, func(e event[*cmfv1.ComputePool]) *cmfv1.WatchComputePoolsResponse {
		return &cmfv1.WatchComputePoolsResponse{Type: e.kind, Object: e.object, ResourceVersion: e.version}
	})
}

func (s *statements) WatchStatements(req *cmfv1.WatchStatementsRequest, stream grpc.ServerStreamingServer[cmfv1.WatchStatementsResponse]) error {
	env, err := s.environment(stream.Context(), req.GetEnvName())
	if err != nil {
		return err
	}
	keep, err := statementFilter(req)
	if err != nil {
		return err
	}
	f := feed[*cmfv1.Statement, *cmfv1.Statement]{
		list: query.Statements, under: env.Key, message: itself[*cmfv1.Statement], keep: keep,
		sources: []watch.Source{watch.From(s.state.Statements), watch.From(s.state.StatementStatus)},
		view: func(parts watch.Parts) (*cmfv1.Statement, bool) {
			record := watch.Part[*storev1.StatementRecord](parts, 0).Value
			if record == nil {
				return nil, false
			}
			return s.statementWith(env.Value, record, watch.Part[*storev1.StatusRecord](parts, 1).Value), true
		},
	}
	return serveWatch(s.Services, stream, req, f, func(e event[*cmfv1.Statement]) *cmfv1.WatchStatementsResponse {
		return &cmfv1.WatchStatementsResponse{Type: e.kind, Object: e.object, ResourceVersion: e.version}
	})
}

func (s *savepoints) WatchSavepointsForFlinkStatement(req *cmfv1.WatchSavepointsForFlinkStatementRequest, stream grpc.ServerStreamingServer[cmfv1.WatchSavepointsForFlinkStatementResponse]) error {
	o, err := s.statementOwner(stream.Context(), req.GetEnvName(), req.GetStmtName())
	if err != nil {
		return err
	}
	return serveWatch(s.Services, stream, req, s.savepointsOf(o), func(e event[*cmfv1.Savepoint]) *cmfv1.WatchSavepointsForFlinkStatementResponse {
		return &cmfv1.WatchSavepointsForFlinkStatementResponse{Type: e.kind, Object: e.object, ResourceVersion: e.version}
	})
}
