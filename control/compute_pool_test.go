package control_test

import (
	"context"
	"testing"

	"google.golang.org/grpc/codes"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

const clusterSpec = `{"flinkVersion":"v2_0","image":"flink:2.0.1","flinkConfiguration":{"execution.checkpointing.interval":"10s","execution.checkpointing.dir":"s3://c","execution.checkpointing.savepoint-dir":"s3://s"},"jobManager":{"resource":{"cpu":1,"memory":"1024m"}},"taskManager":{"resource":{"cpu":2,"memory":"2048m"}}}`

// pools is a client of compute pools in one environment.
type pools struct {
	client cmfv1.ComputePoolServiceClient
	env    string
}

func (r *replica) pools(env string) pools {
	return pools{cmfv1.NewComputePoolServiceClient(r.conn), env}
}

func poolOf(name, kind, state string) *cmfv1.ComputePool {
	return &cmfv1.ComputePool{
		Metadata: &cmfv1.ObjectMeta{Name: name},
		Spec:     &cmfv1.ComputePoolSpec{Type: kind, State: state, ClusterSpec: text(clusterSpec)},
	}
}

func (p pools) create(ctx context.Context, pool *cmfv1.ComputePool) (*cmfv1.ComputePool, error) {
	return p.client.CreateComputePool(ctx, &cmfv1.CreateComputePoolRequest{EnvName: p.env, ComputePool: pool})
}

func (p pools) get(t testing.TB, name string) *cmfv1.ComputePool {
	t.Helper()
	return must(p.client.GetComputePool(t.Context(), &cmfv1.GetComputePoolRequest{EnvName: p.env, ComputePoolName: name, IncludeResourceInformation: true}))(t)
}

func (p pools) update(ctx context.Context, pool *cmfv1.ComputePool) (*cmfv1.ComputePool, error) {
	return p.client.UpdateComputePool(ctx, &cmfv1.UpdateComputePoolRequest{EnvName: p.env, ComputePoolName: pool.GetMetadata().GetName(), ComputePool: pool})
}

func (p pools) delete(ctx context.Context, name string, force bool) error {
	_, err := p.client.DeleteComputePool(ctx, &cmfv1.DeleteComputePoolRequest{EnvName: p.env, ComputePoolName: name, Force: force})
	return err
}

func (p pools) awaitPhase(t testing.TB, name, phase string) {
	t.Helper()
	awaitEqual(t, "phase of pool "+name, phase, func() string { return p.get(t, name).GetStatus().GetPhase() })
}

func TestDedicatedPoolIsATemplate(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod")
	p := r.pools("prod")
	created := must(p.create(t.Context(), poolOf("dedicated", "DEDICATED", "")))(t)
	equal(t, "phase", "DEDICATED", created.GetStatus().GetPhase())
	equal(t, "state", "", created.GetSpec().GetState())
	if err := p.delete(t.Context(), "dedicated", false); err != nil {
		t.Fatal(err)
	}
	// Nothing has been sent before what comes next.
	must(p.create(t.Context(), poolOf("shared", "SHARED", "")))(t)
	a.awaitApply("shared", 1)
	equal(t, "objects sent", 1, len(a.applies("")))
}

func TestSharedPoolIsASessionCluster(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod", func(e *cmfv1.Environment) {
		e.ComputePoolDefaults = text(`{"clusterSpec":{"image":"flink:2.0.2"}}`)
	})
	p := r.pools("prod")
	created := must(p.create(t.Context(), poolOf("shared", "SHARED", "")))(t)
	equal(t, "phase", "PENDING", created.GetStatus().GetPhase())
	equal(t, "state", "RUNNING", created.GetSpec().GetState())
	apply := a.awaitApply("shared", 1)
	spec := specOf(t, apply)
	equal(t, "image", "flink:2.0.2", spec["image"].(string))
	equal(t, "service account", "flink", spec["serviceAccount"].(string))
	equal(t, "job", nil, spec["job"])

	a.report(apply, `{"jobManagerDeploymentStatus":"READY","lifecycleState":"STABLE"}`)
	p.awaitPhase(t, "shared", "RUNNING")
	usage := p.get(t, "shared").GetStatus().GetResourceSummary().GetJobManager()
	equal(t, "JobManagers", int32(1), usage.GetCount())

	t.Run("applies the environment's defaults", func(t *testing.T) {
		r.saveEnvironment(t, "prod", func(e *cmfv1.Environment) {
			e.ComputePoolDefaults = text(`{"clusterSpec":{"image":"flink:2.0.3"}}`)
		})
		apply = a.awaitApply("shared", 2)
		equal(t, "image", "flink:2.0.3", specOf(t, apply)["image"].(string))
	})
	t.Run("suspend and resume", func(t *testing.T) {
		must(p.update(t.Context(), poolOf("shared", "SHARED", "SUSPENDED")))(t)
		equal(t, "phase", "SUSPENDED", p.get(t, "shared").GetStatus().GetPhase())
		a.deleted(a.awaitDelete(1))
		must(p.update(t.Context(), poolOf("shared", "SHARED", "RUNNING")))(t)
		apply = a.awaitApply("shared", 3)
		equal(t, "phase", "PENDING", p.get(t, "shared").GetStatus().GetPhase())
		a.report(apply, `{"jobManagerDeploymentStatus":"READY","lifecycleState":"STABLE"}`)
		p.awaitPhase(t, "shared", "RUNNING")
	})
	t.Run("it is deleted with its cluster", func(t *testing.T) {
		if err := p.delete(t.Context(), "shared", false); err != nil {
			t.Fatal(err)
		}
		equal(t, "released", false, a.awaitDelete(2).GetRelease())
	})
}

func TestInvalidComputePoolIsRejected(t *testing.T) {
	r := start(t)
	r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod")
	p := r.pools("prod")
	r.saveApplication(t, "prod", "orders", running)
	must(p.create(t.Context(), poolOf("dedicated", "DEDICATED", "")))(t)

	noVersion := poolOf("incomplete", "DEDICATED", "")
	noVersion.Spec.ClusterSpec = text("{}")
	for name, test := range map[string]struct {
		pool *cmfv1.ComputePool
		want refusal
	}{
		"a name that is already in use": {poolOf("dedicated", "DEDICATED", ""),
			refusal{Code: codes.AlreadyExists, Messages: []string{"Compute pool 'dedicated' already exists."}}},
		"the name of an application's cluster": {poolOf("orders", "SHARED", ""),
			unprocessable("metadata.name: the FlinkDeployment 'orders' in namespace 'flink' of Kubernetes cluster 'cluster-a' is already owned by 'orders' of environment 'prod'.")},
		"the state of a dedicated pool": {poolOf("another", "DEDICATED", "RUNNING"),
			unprocessable("spec.state: can only be set for pools of type SHARED")},
		"no version of Flink": {noVersion, unprocessable("spec.clusterSpec.flinkVersion: must be set, such as v1_20")},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := p.create(t.Context(), test.pool)
			refused(t, err, test.want)
		})
	}
	t.Run("another type", func(t *testing.T) {
		_, err := p.update(t.Context(), poolOf("dedicated", "SHARED", ""))
		refused(t, err, unprocessable("spec.type: cannot change after creation, it is 'DEDICATED'"))
	})
	t.Run("an unknown resource", func(t *testing.T) {
		refused(t, p.delete(t.Context(), "nothing", false), notFound("Compute pool 'nothing' not found."))
	})
}

func TestEnvironmentWithPoolsIsNotDeleted(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod")
	p := r.pools("prod")
	must(p.create(t.Context(), poolOf("shared", "SHARED", "")))(t)
	a.awaitApply("shared", 1)
	remove := func(force bool) error {
		_, err := r.environments.DeleteEnvironment(t.Context(), &cmfv1.DeleteEnvironmentRequest{EnvName: "prod", Force: force})
		return err
	}
	refused(t, remove(false), refusal{Code: codes.FailedPrecondition, HTTP: 409, Messages: []string{
		"Cannot delete environment 'prod': it contains compute pools [shared]. Delete them first, or use ?force=true to delete the records and leave the workloads on the Kubernetes cluster running.",
	}})
	if err := remove(true); err != nil {
		t.Fatal(err)
	}
	equal(t, "released", true, a.awaitDelete(1).GetRelease())
}
