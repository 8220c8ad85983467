package control_test

import (
	"sync"
	"testing"

	"google.golang.org/grpc/codes"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/internal/await"
)

func TestInvalidEnvironmentIsRejectedWithAllViolations(t *testing.T) {
	r := start(t)
	r.connect(t, hello("cluster-a"))
	r.connect(t, hello("cluster-idle"))
	must(r.setLifecycle(t.Context(), "cluster-idle", "DECOMMISSIONED"))(t)

	for _, test := range []struct {
		name string
		env  *cmfv1.Environment
		want refusal
	}{
		{
			"neither the namespace nor the cluster exists",
			&cmfv1.Environment{Name: "prod", KubernetesNamespace: "nowhere", KubernetesClusterName: "cluster-z"},
			invalid("Environment's kubernetesNamespace 'nowhere' does not exist.", "Environment's kubernetesClusterName 'cluster-z' does not exist."),
		},
		{
			"the namespace does not exist on the cluster",
			&cmfv1.Environment{Name: "prod", KubernetesNamespace: "nowhere", KubernetesClusterName: "cluster-a"},
			invalid("Environment's kubernetesNamespace 'nowhere' does not exist."),
		},
		{
			"the default cluster does not exist",
			&cmfv1.Environment{Name: "prod", KubernetesNamespace: "flink"},
			invalid("Environment's kubernetesNamespace 'flink' does not exist.", "Environment's kubernetesClusterName 'default-k8s-cluster' does not exist."),
		},
		{
			"the cluster is decommissioned",
			&cmfv1.Environment{Name: "prod", KubernetesNamespace: "flink", KubernetesClusterName: "cluster-idle"},
			invalid("Environment's kubernetesClusterName 'cluster-idle' is decommissioned."),
		},
		{
			"name, namespace and cluster together",
			&cmfv1.Environment{Name: "abc", KubernetesNamespace: "nowhere", KubernetesClusterName: "cluster-z"},
			invalid("name: size must be between 4 and 2147483647", "Environment's kubernetesNamespace 'nowhere' does not exist.", "Environment's kubernetesClusterName 'cluster-z' does not exist."),
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := r.environments.CreateOrUpdateEnvironment(t.Context(), &cmfv1.CreateOrUpdateEnvironmentRequest{Environment: test.env})
			refused(t, err, test.want)
		})
	}
	equal(t, "environments stored", map[string]int64{}, r.storedUnder(t, "environments/"))
}

func TestEnvironmentWithoutAClusterUsesTheDefault(t *testing.T) {
	r := start(t)
	r.connect(t, hello("default-k8s-cluster"))
	env := r.saveEnvironment(t, "prod", func(e *cmfv1.Environment) { e.KubernetesClusterName = "" })
	equal(t, "cluster", "default-k8s-cluster", env.GetKubernetesClusterName())
	equal(t, "cluster state", "CONNECTED", env.GetStatus().GetKubernetesCluster().GetState())
	if !env.GetCreatedTime().IsValid() || !env.GetUpdatedTime().IsValid() {
		t.Errorf("times must be set: %v", env)
	}
}

func TestEnvironmentUpdateKeepsAbsentFieldsAndClearsEmptyOnes(t *testing.T) {
	r := start(t)
	r.connect(t, hello("cluster-a"))
	configuration := map[string]string{"a": "b"}
	created := r.saveEnvironment(t, "prod", defaults(`{"spec":{"flinkVersion":"v1_20"}}`), func(e *cmfv1.Environment) {
		e.ComputePoolDefaults = text(`{"spec":{}}`)
		e.StatementDefaults = &cmfv1.AllStatementDefaults{Detached: &cmfv1.StatementDefaults{FlinkConfiguration: configuration}}
		e.Metadata = &cmfv1.ObjectMeta{Labels: map[string]string{"team": "red"}}
	})
	before := r.stored(t)

	kept := must(r.environments.CreateOrUpdateEnvironment(t.Context(), &cmfv1.CreateOrUpdateEnvironmentRequest{Environment: &cmfv1.Environment{Name: "prod"}}))(t)
	equal(t, "environment", created, kept)
	equal(t, "an update of nothing writes nothing:", before, r.stored(t))

	cleared := r.saveEnvironment(t, "prod", defaults(`{}`))
	if cleared.FlinkApplicationDefaults != nil {
		t.Errorf("flinkApplicationDefaults is %v, want none", cleared.GetFlinkApplicationDefaults())
	}
	equal(t, "computePoolDefaults", created.GetComputePoolDefaults(), cleared.GetComputePoolDefaults())
	equal(t, "statementDefaults", created.GetStatementDefaults(), cleared.GetStatementDefaults())
	equal(t, "labels", created.GetMetadata().GetLabels(), cleared.GetMetadata().GetLabels())
	equal(t, "created_time", created.GetCreatedTime(), cleared.GetCreatedTime())
	if !cleared.GetUpdatedTime().AsTime().After(created.GetUpdatedTime().AsTime()) {
		t.Errorf("updated_time %v does not follow %v", cleared.GetUpdatedTime(), created.GetUpdatedTime())
	}
}

func TestPlacementOfAnEnvironmentIsImmutable(t *testing.T) {
	r := start(t)
	r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod")
	_, err := r.environments.CreateOrUpdateEnvironment(t.Context(), environment("prod", func(e *cmfv1.Environment) {
		e.KubernetesNamespace, e.KubernetesClusterName = "default", "cluster-b"
	}))
	refused(t, err, invalid(
		"kubernetesNamespace: cannot change after creation, it is 'flink'",
		"kubernetesClusterName: cannot change after creation, it is 'cluster-a'",
	))
}

func TestNamespaceThatTheAgentReportsCanBeUsed(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a"))
	payments := func(e *cmfv1.Environment) { e.KubernetesNamespace = "payments" }
	_, err := r.environments.CreateOrUpdateEnvironment(t.Context(), environment("prod", payments))
	refused(t, err, invalid("Environment's kubernetesNamespace 'payments' does not exist."))

	a.send(&agentv1.ConnectRequest{Message: &agentv1.ConnectRequest_Namespaces{
		Namespaces: &agentv1.NamespacesReport{Names: []string{"flink", "payments"}},
	}})
	await.Success(t, "the namespace to be known", func() error {
		_, err := r.environments.CreateOrUpdateEnvironment(t.Context(), environment("prod", payments))
		return err
	})
}

// A cluster that is out of service has no environments, whatever the replicas
// are asked to do at the same time.
func TestEnvironmentCreateRacesDecommission(t *testing.T) {
	one, two := startTwo(t)
	for n := range 20 {
		cluster, env := numbered("cluster", n), numbered("race", n)
		one.connect(t, hello(cluster))
		var both sync.WaitGroup
		var createErr, decommissionErr error
		both.Go(func() {
			_, createErr = one.environments.CreateOrUpdateEnvironment(t.Context(),
				environment(env, func(e *cmfv1.Environment) { e.KubernetesClusterName = cluster }))
		})
		both.Go(func() { _, decommissionErr = two.setLifecycle(t.Context(), cluster, "DECOMMISSIONED") })
		both.Wait()
		switch {
		case createErr == nil && decommissionErr == nil:
			t.Fatalf("round %d: environment %s was created on a cluster that was decommissioned", n, env)
		case createErr != nil && decommissionErr != nil:
			t.Errorf("round %d: both were refused: %v; %v", n, createErr, decommissionErr)
		case createErr != nil:
			equal(t, "refusal", invalid("Environment's kubernetesClusterName '"+cluster+"' is decommissioned."), refusalOf(createErr))
		default:
			equal(t, "refusal", invalid("Cannot decommission cluster '"+cluster+"': referenced by environments ["+env+"]"), refusalOf(decommissionErr))
		}
	}
}

// No application is left without its environment.
func TestEnvironmentDeleteRacesApplicationCreate(t *testing.T) {
	one, two := startTwo(t)
	one.connect(t, hello("cluster-a"))
	for n := range 20 {
		env := numbered("race", n)
		one.saveEnvironment(t, env)
		var both sync.WaitGroup
		var createErr, deleteErr error
		both.Go(func() {
			_, createErr = one.applications.CreateOrUpdateApplication(t.Context(), application(env, "orphan-"+env, running))
		})
		both.Go(func() {
			_, deleteErr = two.environments.DeleteEnvironment(t.Context(), &cmfv1.DeleteEnvironmentRequest{EnvName: env})
		})
		both.Wait()
		if (createErr == nil) == (deleteErr == nil) {
			t.Fatalf("round %d: create ended with %v and delete with %v, want one of them refused", n, createErr, deleteErr)
		}
		kept := len(one.storedUnder(t, "environments/"+env))
		equal(t, "applications", kept, len(one.storedUnder(t, "applications/"+env+"/")))
		equal(t, "cluster's environments", kept, len(one.storedUnder(t, "cluster-environments/cluster-a/"+env)))
		if createErr != nil {
			equal(t, "refusal", notFound("Environment '"+env+"' not found."), refusalOf(createErr))
		}
	}
}

func TestEnvironmentWithApplicationsIsDeletedOnlyWithForce(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod")
	const many = 60
	for n := range many {
		r.saveApplication(t, "prod", numbered("app", n), running)
	}
	await.Success(t, "all to be sent", func() error { return difference(many, len(a.applies(""))) })

	_, err := r.environments.DeleteEnvironment(t.Context(), &cmfv1.DeleteEnvironmentRequest{EnvName: "prod"})
	refused(t, err, refusal{Code: codes.FailedPrecondition, HTTP: 409, Messages: []string{
		"Cannot delete environment 'prod': it contains applications [app-000, app-001, app-002, app-003, app-004, app-005, app-006, app-007, app-008, app-009 and 50 more]. " +
			"Delete them first, or use ?force=true to delete the records and leave the workloads on the Kubernetes cluster running.",
	}})

	must(r.environments.DeleteEnvironment(t.Context(), &cmfv1.DeleteEnvironmentRequest{EnvName: "prod", Force: true}))(t)
	_, err = r.environments.GetEnvironment(t.Context(), &cmfv1.GetEnvironmentRequest{EnvName: "prod"})
	refused(t, err, notFound("Environment 'prod' not found."))

	a.awaitDelete(many)
	for _, d := range a.deletes() {
		equal(t, "release of "+d.GetRef().GetName(), true, d.GetRelease())
		a.deleted(d)
	}
	awaitEqual(t, "everything but the installation and the cluster to be gone", 2, func() int { return len(r.stored(t)) })
}
