// Package flinkwebui serves Flink's web UI of applications and statements, which
// the agents of their clusters fetch.
package flinkwebui

import (
	"context"

	"google.golang.org/grpc"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/manifest"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/resource/application"
	"github.com/openweir/weir/control/resource/cluster"
	"github.com/openweir/weir/control/resource/computepool"
	"github.com/openweir/weir/control/resource/statement"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/flink"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

// Agents reaches the web UIs of Flink clusters.
type Agents interface {
	FetchFlinkWebUI(ctx context.Context, cluster string, request *agentv1.TunnelRequest, send func(*cmfv1.FetchFlinkWebUIResponse) error) error
}

// Room registers the RPC.
func Room(
	s *store.Store, agents Agents, clusters *cluster.Clusters, applications *application.Applications,
	pools *computepool.Pools, statements *statement.Statements,
) resource.Room {
	return resource.Room{Register: func(server grpc.ServiceRegistrar) {
		cmfv1.RegisterFlinkWebUIServiceServer(server, &service{
			store: s, agents: agents, clusters: clusters, applications: applications, pools: pools, statements: statements,
		})
	}}
}

type service struct {
	cmfv1.UnimplementedFlinkWebUIServiceServer
	store        *store.Store
	agents       Agents
	clusters     *cluster.Clusters
	applications *application.Applications
	pools        *computepool.Pools
	statements   *statement.Statements
}

// flinkCluster is the Flink cluster that a web UI is of.
type flinkCluster struct {
	env *cmfv1.Environment
	// of says whose it is, for messages.
	of string
	// deployment is its FlinkDeployment.
	deployment string
	// reported is the status of the FlinkDeployment; nil where it is not known.
	reported *storev1.StatusRecord
}

func (s *service) FetchFlinkWebUI(req *cmfv1.FetchFlinkWebUIRequest, stream grpc.ServerStreamingServer[cmfv1.FetchFlinkWebUIResponse]) error {
	ctx := stream.Context()
	at, err := s.store.View(ctx)
	if err != nil {
		return err
	}
	flink, err := s.flinkCluster(at, req)
	if err != nil {
		return err
	}
	on := flink.env.GetKubernetesClusterName()
	if err := flink.checkRuns(s.clusters.Reported(at, on).GetSimulated()); err != nil {
		return err
	}
	return s.agents.FetchFlinkWebUI(ctx, on, &agentv1.TunnelRequest{
		Ref:     manifest.DeploymentRef(flink.env, flink.deployment),
		Method:  req.GetMethod(),
		Path:    req.GetPath(),
		Query:   req.GetQuery(),
		Headers: req.GetHeaders(),
	}, stream.Send)
}

func (s *service) flinkCluster(at store.Reader, req *cmfv1.FetchFlinkWebUIRequest) (flinkCluster, error) {
	if name := req.GetStmtName(); name != "" {
		env, item, err := s.statements.Find(at, req.GetEnvName(), name)
		if err != nil {
			return flinkCluster{}, err
		}
		return s.clusterOfStatement(env.Value(), item)
	}
	name := req.GetAppName()
	if name == "" {
		return flinkCluster{}, apierror.Invalid("app_name or stmt_name: is required")
	}
	env, item, err := s.applications.Find(at, req.GetEnvName(), name)
	if err != nil {
		return flinkCluster{}, err
	}
	return flinkCluster{env: env.Value(), of: "Application '" + name + "'", deployment: name, reported: item.Reported()}, nil
}

// clusterOfStatement is a statement's own cluster, or that of its pool.
func (s *service) clusterOfStatement(env *cmfv1.Environment, item statement.Item) (flinkCluster, error) {
	record := item.Value()
	name, pool := record.GetStatement().GetMetadata().GetName(), record.GetStatement().GetSpec().GetComputePoolName()
	if !statement.IsDeployed(record) {
		return flinkCluster{}, apierror.NotFound("Statement '%s' has no web UI: Flink does not run it.", name)
	}
	spec, err := openjson.Parse(record.GetObjectSpec())
	if err != nil {
		return flinkCluster{}, err
	}
	cluster := flinkCluster{env: env, of: "Statement '" + name + "'"}
	switch record.GetObjectKind() {
	case flink.KindDeployment:
		cluster.deployment, cluster.reported = name, item.Reported()
		return cluster, nil
	case flink.KindSessionJob:
		cluster.deployment = openjson.String(spec, "deploymentName")
	default:
		cluster.deployment = openjson.String(spec, "deployment")
	}
	if cluster.deployment == pool {
		cluster.of = "Compute pool '" + pool + "' of statement '" + name + "'"
		onPool, _ := s.pools.Find(item.At, env.GetName(), pool)
		cluster.reported = onPool.Reported()
	}
	return cluster, nil
}

// checkRuns returns an error if there is no web UI according to the last report.
// simulated is set for clusters that run no Flink.
func (c flinkCluster) checkRuns(simulated bool) error {
	status, err := openjson.ParseText(c.reported.GetStatus())
	if err != nil || status == nil {
		return nil // the agent will find out
	}
	switch manager := openjson.String(status, "jobManagerDeploymentStatus"); {
	case openjson.String(status, "lifecycleState") == flink.LifecycleSuspended:
		return apierror.Unavailable(nil, "%s is suspended, so there is no Flink cluster with a web UI.", c.of)
	case simulated:
		return apierror.Unavailable(nil, "The Flink cluster of %s is simulated by the Weir sandbox: no Flink runs, so there is no web UI.", c.of)
	case manager == flink.JobManagerMissing:
		return apierror.Unavailable(nil, "The JobManager of %s does not run, so there is no web UI.", c.of)
	}
	return nil
}
