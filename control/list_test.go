package control_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestLists(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a", func(h *agentv1.Hello) { h.Labels = map[string]string{"region": "eu"} }))
	r.connect(t, hello("cluster-b")).close()
	for _, name := range []string{"prod", "staging", "test"} {
		r.saveEnvironment(t, name, func(e *cmfv1.Environment) {
			e.Metadata = &cmfv1.ObjectMeta{Labels: map[string]string{"stage": name}}
		})
	}
	for _, name := range []string{"app1", "app2", "app3", "app4", "app5"} {
		r.saveApplication(t, "prod", name, running)
	}
	a.report(a.awaitApply("app3", 1), flinkStatus("STABLE", "RUNNING", "job-3"))
	awaitEqual(t, "the state of the job", "RUNNING", func() string { return r.jobState(t, "prod", "app3") })

	type page struct {
		Names []string
		Total int64
	}
	environments := func(req *cmfv1.ListEnvironmentsRequest) (page, error) {
		got, err := r.environments.ListEnvironments(t.Context(), req)
		return page{namesOf(got.GetItems(), (*cmfv1.Environment).GetName), got.GetMetadata().GetSize()}, err
	}
	applications := func(req *cmfv1.ListApplicationsRequest) (page, error) {
		req.EnvName = "prod"
		got, err := r.applications.ListApplications(t.Context(), req)
		return page{namesOf(got.GetItems(), func(a *cmfv1.FlinkApplication) string { return a.GetMetadata().GetName() }), got.GetMetadata().GetSize()}, err
	}
	clusters := func(req *cmfv1.ListKubernetesClustersRequest) (page, error) {
		got, err := r.clusters.ListKubernetesClusters(t.Context(), req)
		return page{namesOf(got.GetItems(), func(c *cmfv1.KubernetesCluster) string { return c.GetMetadata().GetName() }), got.GetMetadata().GetSize()}, err
	}
	for name, test := range map[string]struct {
		list func() (page, error)
		want page
	}{
		"environments by name": {
			func() (page, error) { return environments(&cmfv1.ListEnvironmentsRequest{}) },
			page{[]string{"prod", "staging", "test"}, 3},
		},
		"environments backwards": {
			func() (page, error) {
				return environments(&cmfv1.ListEnvironmentsRequest{Sort: []string{"name,desc"}})
			},
			page{[]string{"test", "staging", "prod"}, 3},
		},
		"environments by label": {
			func() (page, error) {
				return environments(&cmfv1.ListEnvironmentsRequest{Filter: "labels.stage in (prod, test)"})
			},
			page{[]string{"prod", "test"}, 2},
		},
		"environments found": {
			func() (page, error) {
				return environments(&cmfv1.ListEnvironmentsRequest{Search: "STAG", SearchScope: "name"})
			},
			page{[]string{"staging"}, 1},
		},
		"a page of applications": {
			func() (page, error) {
				return applications(&cmfv1.ListApplicationsRequest{Page: proto.Int32(1), Size: proto.Int32(2)})
			},
			page{[]string{"app3", "app4"}, 5},
		},
		"a page past the end": {
			func() (page, error) {
				return applications(&cmfv1.ListApplicationsRequest{Page: proto.Int32(9), Size: proto.Int32(2)})
			},
			page{nil, 5},
		},
		"applications by state": {
			func() (page, error) {
				return applications(&cmfv1.ListApplicationsRequest{Filter: "state = RUNNING"})
			},
			page{[]string{"app3"}, 1},
		},
		"clusters by name": {
			func() (page, error) { return clusters(&cmfv1.ListKubernetesClustersRequest{}) },
			page{[]string{"cluster-a", "cluster-b"}, 2},
		},
		"clusters by label": {
			func() (page, error) {
				return clusters(&cmfv1.ListKubernetesClustersRequest{Filter: "labels.region = eu"})
			},
			page{[]string{"cluster-a"}, 1},
		},
	} {
		t.Run(name, func(t *testing.T) { equal(t, "page", test.want, must(test.list())(t)) })
	}

	t.Run("fields", func(t *testing.T) {
		got := must(r.applications.ListApplications(t.Context(), &cmfv1.ListApplicationsRequest{
			EnvName: "prod", Filter: "name = app3", Fields: "metadata.name,status.jobStatus.state",
		}))(t)
		equal(t, "items", []*cmfv1.FlinkApplication{{
			ApiVersion: "cmf.confluent.io/v1", Kind: "FlinkApplication",
			Metadata: &cmfv1.ObjectMeta{Name: "app3"}, Status: text(`{"jobStatus":{"state":"RUNNING"}}`),
		}}, got.GetItems())
	})
	t.Run("all invalid parameters are reported", func(t *testing.T) {
		_, err := applications(&cmfv1.ListApplicationsRequest{Page: proto.Int32(-1), Size: proto.Int32(0), Sort: []string{"colour"}})
		equal(t, "messages", 3, len(refusalOf(err).Messages))
	})
	t.Run("of an unknown environment", func(t *testing.T) {
		_, err := r.applications.ListApplications(t.Context(), &cmfv1.ListApplicationsRequest{EnvName: "nowhere"})
		refused(t, err, notFound("Environment 'nowhere' not found."))
	})
}

func namesOf[T any](items []T, name func(T) string) []string {
	var names []string
	for _, item := range items {
		names = append(names, name(item))
	}
	return names
}

func TestResourceInformationAddsUp(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a"))
	r.connect(t, hello("cluster-b"))
	must(r.setLifecycle(t.Context(), "cluster-b", "DECOMMISSIONED"))(t)
	r.saveEnvironment(t, "prod")
	r.saveEnvironment(t, "test")
	const sized = `{"flinkVersion":"v1_20","serviceAccount":"flink",
		"flinkConfiguration":{"taskmanager.numberOfTaskSlots":"2"},
		"jobManager":{"resource":{"cpu":1,"memory":"1g"}},
		"taskManager":{"resource":{"cpu":0.5,"memory":"512m"}},
		"job":{"parallelism":4,"upgradeMode":"stateless"}}`
	r.saveApplication(t, "prod", "one1", sized)
	r.saveApplication(t, "prod", "two2", sized)
	r.saveApplication(t, "test", "three", sized)
	r.saveApplication(t, "test", "asleep", suspended)
	a.report(a.awaitApply("two2", 1), flinkStatus("STABLE", "RUNNING", "job-2"))
	awaitEqual(t, "the state of the job", "RUNNING", func() string { return r.jobState(t, "prod", "two2") })

	usage := func(n float64) *cmfv1.ResourceUsageSummary {
		process := func(cpu, gibibytes, count float64) *cmfv1.ProcessUsage {
			return &cmfv1.ProcessUsage{Cpu: proto.Float64(n * cpu), Memory: proto.Int64(int64(n * gibibytes * (1 << 30))), Count: proto.Int32(int32(n * count))}
		}
		return &cmfv1.ResourceUsageSummary{JobManager: process(1, 1, 1), TaskManager: process(1, 1, 2)}
	}
	env := must(r.environments.GetEnvironment(t.Context(), &cmfv1.GetEnvironmentRequest{EnvName: "prod", IncludeResourceInformation: true}))(t)
	equal(t, "applications of prod", map[string]int32{"RUNNING": 1, "RECONCILING": 1}, env.GetStatus().GetResources().GetApplications())
	equal(t, "usage of prod", usage(2), env.GetStatus().GetResourceSummary())
	plain := must(r.environments.GetEnvironment(t.Context(), &cmfv1.GetEnvironmentRequest{EnvName: "prod"}))(t)
	if plain.GetStatus().GetResourceSummary() != nil || plain.GetStatus().GetResources() != nil {
		t.Errorf("resources are told unasked: %v", plain.GetStatus())
	}

	app := must(r.applications.GetApplication(t.Context(), &cmfv1.GetApplicationRequest{EnvName: "prod", AppName: "one1", IncludeResourceInformation: true}))(t)
	equal(t, "usage of an application", any(map[string]any{
		"jobManager":  map[string]any{"cpu": 1.0, "memory": float64(1 << 30), "count": 1.0},
		"taskManager": map[string]any{"cpu": 1.0, "memory": float64(1 << 30), "count": 2.0},
	}), parsed(t, app.GetStatus())["resourceSummary"])

	all := must(r.information.GetResourceInformation(t.Context(), &cmfv1.GetResourceInformationRequest{}))(t).GetStatus()
	equal(t, "environments", int32(2), all.GetResources().GetEnvironments())
	equal(t, "applications", map[string]int32{"RUNNING": 1, "RECONCILING": 3}, all.GetResources().GetApplications())
	equal(t, "clusters", map[string]int32{"CONNECTED": 1, "DECOMMISSIONED": 1}, all.GetResources().GetKubernetesClusters())
	equal(t, "sums", &cmfv1.ResourceTotals{Cpu: proto.Float64(6), Memory: proto.Int64(6 << 30)}, all.GetResourceSummary())

	system := must(r.information.GetSystemInformation(t.Context(), &cmfv1.GetSystemInformationRequest{}))(t)
	equal(t, "system", &cmfv1.SystemInformationStatus{Version: "1.2.3", Revision: "0123abc"}, system.GetStatus())
}
