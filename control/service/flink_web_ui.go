package service

import (
	"context"

	"google.golang.org/grpc"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/render"
	"github.com/openweir/weir/control/rules"
	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

type flinkWebUIs struct {
	cmfv1.UnimplementedFlinkWebUIServiceServer
	*Services
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

func (s *flinkWebUIs) FetchFlinkWebUI(req *cmfv1.FetchFlinkWebUIRequest, stream grpc.ServerStreamingServer[cmfv1.FetchFlinkWebUIResponse]) error {
	ctx := stream.Context()
	cluster, err := s.flinkCluster(ctx, req)
	if err != nil {
		return err
	}
	reported, _ := s.state.ClusterStatus.Cached(cluster.env.GetKubernetesClusterName())
	if err := cluster.runs(reported.Value.GetSimulated()); err != nil {
		return err
	}
	return s.webUIs.FetchFlinkWebUI(ctx, cluster.env.GetKubernetesClusterName(), &agentv1.TunnelRequest{
		Ref:     render.DeploymentRef(cluster.env, cluster.deployment),
		Method:  req.GetMethod(),
		Path:    req.GetPath(),
		Query:   req.GetQuery(),
		Headers: req.GetHeaders(),
	}, stream.Send)
}

func (s *flinkWebUIs) flinkCluster(ctx context.Context, req *cmfv1.FetchFlinkWebUIRequest) (flinkCluster, error) {
	if name := req.GetStmtName(); name != "" {
		env, record, err := s.statement(ctx, req.GetEnvName(), name)
		if err != nil {
			return flinkCluster{}, err
		}
		return s.clusterOfStatement(env.Value, record)
	}
	if req.GetAppName() == "" {
		return flinkCluster{}, apierror.Invalid("app_name or stmt_name: is required")
	}
	env, record, err := s.application(ctx, req.GetEnvName(), req.GetAppName())
	if err != nil {
		return flinkCluster{}, err
	}
	metadata := record.Value.GetApplication().GetMetadata()
	reported, _ := s.state.ApplicationStatus.Cached(record.Key)
	return flinkCluster{
		env: env.Value, of: "Application '" + metadata.GetName() + "'", deployment: metadata.GetName(),
		reported: statusOf(reported.Value, metadata.GetUid()),
	}, nil
}

// clusterOfStatement is a statement's own cluster, or that of its pool.
func (s *flinkWebUIs) clusterOfStatement(env *cmfv1.Environment, object store.Object[*storev1.StatementRecord]) (flinkCluster, error) {
	record, statement := object.Value, object.Value.GetStatement()
	name, pool := statement.GetMetadata().GetName(), statement.GetSpec().GetComputePoolName()
	if !rules.Deployed(record) {
		return flinkCluster{}, apierror.NotFound("Statement '%s' has no web UI: Flink does not run it.", name)
	}
	spec, err := openjson.Parse(record.GetObjectSpec())
	if err != nil {
		return flinkCluster{}, err
	}
	cluster := flinkCluster{env: env, of: "Statement '" + name + "'"}
	switch record.GetObjectKind() {
	case render.KindDeployment:
		cluster.deployment = name
		reported, _ := s.state.StatementStatus.Cached(object.Key)
		cluster.reported = statusOf(reported.Value, statement.GetMetadata().GetUid())
		return cluster, nil
	case render.KindSessionJob:
		cluster.deployment = openjson.String(spec, "deploymentName")
	default:
		cluster.deployment = openjson.String(spec, "deployment")
	}
	if cluster.deployment == pool {
		cluster.of = "Compute pool '" + pool + "' of statement '" + name + "'"
		record, _ := s.state.ComputePools.Cached(store.Key(env.GetName(), pool))
		reported, _ := s.state.ComputePoolStatus.Cached(store.Key(env.GetName(), pool))
		cluster.reported = statusOf(reported.Value, record.Value.GetMetadata().GetUid())
	}
	return cluster, nil
}

// statusOf is a status if it is of that owner; nil where it is a leftover.
func statusOf(reported *storev1.StatusRecord, owner string) *storev1.StatusRecord {
	if reported.GetOwnerUid() != owner {
		return nil
	}
	return reported
}

// runs says why nobody can be asked, as far as the last report tells.
func (c flinkCluster) runs(simulated bool) error {
	status, err := openjson.ParseText(c.reported.GetStatus())
	if err != nil || status == nil {
		return nil // the agent will find out
	}
	switch manager := openjson.String(status, "jobManagerDeploymentStatus"); {
	case openjson.String(status, "lifecycleState") == "SUSPENDED":
		return apierror.Unavailable(nil, "%s is suspended, so there is no Flink cluster with a web UI.", c.of)
	case simulated:
		return apierror.Unavailable(nil, "The Flink cluster of %s is simulated by the Weir sandbox: no Flink runs, so there is no web UI.", c.of)
	case manager == "MISSING":
		return apierror.Unavailable(nil, "The JobManager of %s does not run, so there is no web UI.", c.of)
	}
	return nil
}
