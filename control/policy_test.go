package control_test

import (
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control"
	"github.com/openweir/weir/control/store/storetest"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func (r *replica) policies() cmfv1.PolicyServiceClient { return cmfv1.NewPolicyServiceClient(r.conn) }

// policyOf is a policy with one rule for FlinkDeployments.
func policyOf(name, expression string, changes ...func(*cmfv1.PolicySpec)) *cmfv1.Policy {
	p := &cmfv1.Policy{Metadata: &cmfv1.ObjectMeta{Name: name}, Spec: &cmfv1.PolicySpec{
		Kinds: []string{"FlinkDeployment"}, Validations: []*cmfv1.PolicyValidation{{Expression: expression, Message: "violated"}},
	}}
	for _, change := range changes {
		change(p.Spec)
	}
	return p
}

func (r *replica) savePolicy(t testing.TB, policy *cmfv1.Policy) *cmfv1.Policy {
	t.Helper()
	return must(r.policies().CreatePolicy(t.Context(), &cmfv1.CreatePolicyRequest{Policy: policy}))(t)
}

func (r *replica) deletePolicy(t testing.TB, name string) {
	t.Helper()
	must(r.policies().DeletePolicy(t.Context(), &cmfv1.DeletePolicyRequest{PolicyName: name}))(t)
}

func TestPoliciesOfApplications(t *testing.T) {
	r := start(t)
	r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod", defaults(`{"spec":{"image":"other/flink"}}`))
	r.saveEnvironment(t, "test", defaults(`{"spec":{"image":"other/flink"}}`))
	r.saveApplication(t, "prod", "existing", running)
	registry := policyOf("registry", "object.spec.image.startsWith('corp/') && environment.name == 'prod'", func(s *cmfv1.PolicySpec) { s.Environments = []string{"prod"} })
	created := r.savePolicy(t, registry)
	equal(t, "action", "Deny", created.GetSpec().GetAction())

	// The defaults of the environment count, in the environments of the policy.
	before := r.stored(t)
	_, err := r.applications.CreateOrUpdateApplication(t.Context(), application("prod", "orders", running))
	refused(t, err, unprocessable("spec: policy 'registry': violated"))
	equal(t, "stored", before, r.stored(t))
	r.saveApplication(t, "test", "orders", running)

	// What exists stays as it is until it is changed, and can be suspended.
	r.saveApplication(t, "prod", "existing", running)
	_, err = r.applications.CreateOrUpdateApplication(t.Context(), application("prod", "existing", strings.Replace(running, `"parallelism":`, `"allowNonRestoredState":true,"parallelism":`, 1)))
	refused(t, err, unprocessable("spec: policy 'registry': violated"))
	must(r.applications.SuspendApplication(t.Context(), &cmfv1.SuspendApplicationRequest{EnvName: "prod", AppName: "existing"}))(t)
	_, err = r.applications.StartApplication(t.Context(), &cmfv1.StartApplicationRequest{EnvName: "prod", AppName: "existing"})
	refused(t, err, unprocessable("spec: policy 'registry': violated"))

	// Another environment of the policy, by an update.
	registry.Spec.Environments = []string{"prod", "test"}
	must(r.policies().UpdatePolicy(t.Context(), &cmfv1.UpdatePolicyRequest{PolicyName: "registry", Policy: registry}))(t)
	_, err = r.applications.CreateOrUpdateApplication(t.Context(), application("test", "carts", running))
	refused(t, err, unprocessable("spec: policy 'registry': violated"))

	r.deletePolicy(t, "registry")
	r.saveApplication(t, "test", "carts", running)
	must(r.applications.StartApplication(t.Context(), &cmfv1.StartApplicationRequest{EnvName: "prod", AppName: "existing"}))(t)
}

func TestPoliciesSeeTheObjectBefore(t *testing.T) {
	r := start(t)
	r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod")
	r.savePolicy(t, policyOf("growth", "oldObject == null || object.spec.job.parallelism <= 2 * oldObject.spec.job.parallelism"))
	with := func(parallelism string) string {
		return strings.Replace(running, `"parallelism":2`, `"parallelism":`+parallelism, 1)
	}
	r.saveApplication(t, "prod", "orders", with("8"))
	r.saveApplication(t, "prod", "orders", with("16"))
	_, err := r.applications.CreateOrUpdateApplication(t.Context(), application("prod", "orders", with("33")))
	refused(t, err, unprocessable("spec: policy 'growth': violated"))
}

func TestPoliciesThatWarn(t *testing.T) {
	r := start(t)
	r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod")
	r.savePolicy(t, policyOf("labels", "'team' in object.metadata.labels", func(s *cmfv1.PolicySpec) {
		s.Action = "Warn"
		s.Validations[0].Message = "das Label »team« fehlt"
	}))
	r.savePolicy(t, policyOf("broken", "object.none == 1", func(s *cmfv1.PolicySpec) { s.Action = "Warn" }))
	var header metadata.MD
	must(r.applications.CreateOrUpdateApplication(t.Context(), application("prod", "orders", running), grpc.Header(&header)))(t)
	equal(t, "warnings", []string{
		"spec: policy 'broken': spec.validations[0].expression cannot be evaluated: no such key: none",
		`spec: policy 'labels': das Label \u00bbteam\u00ab fehlt`,
	}, header.Get("weir-warning"))
	r.savePolicy(t, policyOf("many", "false", func(s *cmfv1.PolicySpec) {
		s.Action = "Warn"
		for range 20 {
			s.Validations = append(s.Validations, &cmfv1.PolicyValidation{Expression: "false", Message: strings.Repeat("x", 1000)})
		}
	}))
	header = nil
	must(r.applications.CreateOrUpdateApplication(t.Context(), application("prod", "returns", running), grpc.Header(&header)))(t)
	equal(t, "number of warnings", 11, len(header.Get("weir-warning")))
	equal(t, "the last of many", "13 more warnings of policies", header.Get("weir-warning")[10])
	must(r.policies().DeletePolicy(t.Context(), &cmfv1.DeletePolicyRequest{PolicyName: "many"}))(t)
	// The same again changes nothing, and is not judged.
	header = nil
	must(r.applications.CreateOrUpdateApplication(t.Context(), application("prod", "orders", running), grpc.Header(&header)))(t)
	equal(t, "warnings", nil, header.Get("weir-warning"))
	header = nil
	must(r.pools("prod").client.CreateComputePool(t.Context(), &cmfv1.CreateComputePoolRequest{EnvName: "prod", ComputePool: poolOf("pool", "DEDICATED", "")}, grpc.Header(&header)))(t)
	equal(t, "warnings", 2, len(header.Get("weir-warning")))
}

func TestDefaultsThatViolateAPolicyAreNotApplied(t *testing.T) {
	r := start(t)
	r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod")
	app := r.saveApplication(t, "prod", "orders", running)
	r.savePolicy(t, policyOf("registry", "object.spec.image != 'other/flink'"))
	r.saveEnvironment(t, "prod", defaults(`{"spec":{"image":"other/flink"}}`))
	const want = "WARNING The environment's defaults cannot be applied: spec: policy 'registry': violated"
	awaitEqual(t, "event", true, func() bool {
		for _, event := range r.history(t, "prod", "orders") {
			if strings.HasSuffix(event, strings.TrimPrefix(want, "WARNING ")) {
				return true
			}
		}
		return false
	})
	equal(t, "specification", app.GetSpec(), r.application(t, "prod", "orders").GetSpec())
	equal(t, "instances", 1, len(r.runs(t, "prod", "orders")))
}

func TestPoliciesOfPoolsAndStatements(t *testing.T) {
	r := start(t)
	h := hello("cluster-a")
	h.Namespaces = &agentv1.NamespacesReport{Names: []string{"flink"}}
	r.connect(t, h)
	s := r.shop(t)
	r.savePolicy(t, policyOf("registry", "object.spec.image.startsWith('corp/')"))
	_, err := r.pools("prod").create(t.Context(), poolOf("pool", "SHARED", "RUNNING"))
	refused(t, err, unprocessable("spec.clusterSpec: policy 'registry': violated"))

	// The pool exists already, and the cluster of a new statement is a new one.
	before := r.stored(t)
	_, err = s.post(t.Context(), statementOf("insert", "dedicated", "INSERT INTO copies SELECT * FROM orders"))
	refused(t, err, unprocessable("spec: policy 'registry': violated"))
	equal(t, "stored", before, r.stored(t))
	must(s.post(t.Context(), statementOf("show", "dedicated", "SHOW TABLES")))(t) // it needs no cluster
	r.deletePolicy(t, "registry")

	r.savePolicy(t, policyOf("options", "!('table.exec.state.ttl' in object.spec.flinkConfiguration)", func(spec *cmfv1.PolicySpec) {
		spec.Kinds = []string{"FlinkDeployment", "FlinkSessionJob", "Statement"}
	}))
	insert := statementOf("insert", "dedicated", "INSERT INTO copies SELECT * FROM orders")
	insert.Spec.FlinkConfiguration = map[string]string{"table.exec.state.ttl": "1 h"}
	_, err = s.post(t.Context(), insert)
	refused(t, err, unprocessable("spec: policy 'options': violated"))
	insert.Spec.FlinkConfiguration = nil
	must(s.post(t.Context(), insert))(t)
	r.savePolicy(t, policyOf("nothing", "false"))
	refused(t, s.change(t, "insert", func(spec *cmfv1.StatementSpec) { spec.Parallelism = proto.Int32(2) }), unprocessable("spec: policy 'nothing': violated"))
	if err := s.change(t, "insert", func(spec *cmfv1.StatementSpec) { spec.Stopped = proto.Bool(true) }); err != nil {
		t.Errorf("it cannot be stopped: %v", err)
	}
}

func TestInvalidPoliciesAreRefused(t *testing.T) {
	r := start(t)
	before := r.stored(t)
	for name, test := range map[string]struct {
		policy *cmfv1.Policy
		want   refusal
	}{
		"a name":   {policyOf("a", "true"), invalid("metadata.name: size must be between 4 and 45")},
		"no kinds": {policyOf("policy", "true", func(s *cmfv1.PolicySpec) { s.Kinds = nil }), invalid("spec.kinds: must contain at least 1 item(s)")},
		"every environment": {policyOf("policy", "true", func(s *cmfv1.PolicySpec) { s.Environments = []string{"*"} }),
			invalid("spec.environments[0]: must be the name of an environment; leave spec.environments out for all of them")},
		"an environment twice": {policyOf("policy", "true", func(s *cmfv1.PolicySpec) { s.Environments = []string{"prod", "prod"} }),
			invalid("spec.environments[1]: 'prod' is listed twice")},
		"an environment that cannot exist": {policyOf("policy", "true", func(s *cmfv1.PolicySpec) { s.Environments = []string{"no"} }),
			invalid("spec.environments[0]: size must be between 4 and 253")},
		"a kind twice":       {policyOf("policy", "true", func(s *cmfv1.PolicySpec) { s.Kinds = []string{"Statement", "Statement"} }), unprocessable(`spec.kinds[1]: "Statement" is listed twice`)},
		"an invalid rule":    {policyOf("policy", "object."), unprocessable("spec.validations[0].expression: is not a valid expression: 1:8: Syntax error: no viable alternative at input '.'")},
		"an invalid message": {policyOf("policy", "true", func(s *cmfv1.PolicySpec) { s.Validations[0].MessageExpression = "1" }), unprocessable("spec.validations[0].messageExpression: must be of type string, but is of type int")},
		"an invalid condition": {policyOf("policy", "true", func(s *cmfv1.PolicySpec) {
			s.MatchConditions = []*cmfv1.PolicyMatchCondition{{Expression: "object.kind"}}
		}), unprocessable("spec.matchConditions[0].expression: must be of type bool, but is of type dyn")},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := r.policies().CreatePolicy(t.Context(), &cmfv1.CreatePolicyRequest{Policy: test.policy})
			refused(t, err, test.want)
		})
	}
	equal(t, "stored", before, r.stored(t))
}

func TestServiceAccountAllowlist(t *testing.T) {
	allow := func(names ...string) func(*control.Config) {
		return func(c *control.Config) { c.ServiceAccountAllowlist = names }
	}
	entries := func(r *replica) cmfv1.ServiceAccountAllowlistServiceClient {
		return cmfv1.NewServiceAccountAllowlistServiceClient(r.conn)
	}
	with := func(account string) string {
		return strings.Replace(running, `"serviceAccount":"flink"`, `"serviceAccount":"`+account+`"`, 1)
	}
	const rule = "service account 'admin' is not allowed: it is neither among those of --service-account-allowlist nor has it an entry in service-account-allowlist-entries"
	t.Run("without the flag", func(t *testing.T) {
		r := start(t)
		r.connect(t, hello("cluster-a"))
		r.saveEnvironment(t, "prod")
		r.saveApplication(t, "prod", "orders", with("admin"))
		must(entries(r).CreateServiceAccountAllowlistEntry(t.Context(), &cmfv1.CreateServiceAccountAllowlistEntryRequest{
			Entry: &cmfv1.ServiceAccountAllowlistEntry{Metadata: &cmfv1.ObjectMeta{Name: "sql"}},
		}))(t)
		r.saveApplication(t, "prod", "carts", with("admin"))
	})
	t.Run("with the flag", func(t *testing.T) {
		r := start(t, allow("flink"))
		r.connect(t, hello("cluster-a"))
		r.saveEnvironment(t, "prod")
		r.saveApplication(t, "prod", "orders", with("flink"))
		_, err := r.applications.CreateOrUpdateApplication(t.Context(), application("prod", "carts", with("admin")))
		refused(t, err, unprocessable("spec.serviceAccount: "+rule))
		template := strings.Replace(with("flink"), "{", `{"podTemplate":{"spec":{"serviceAccountName":"admin"}},`, 1)
		_, err = r.applications.CreateOrUpdateApplication(t.Context(), application("prod", "carts", template))
		refused(t, err, unprocessable("spec.podTemplate.spec.serviceAccountName: "+rule))
		pool := poolOf("pool", "DEDICATED", "")
		pool.Spec.ClusterSpec = text(strings.Replace(clusterSpec, "{", `{"serviceAccount":"admin",`, 1))
		_, err = r.pools("prod").create(t.Context(), pool)
		refused(t, err, unprocessable("spec.clusterSpec.serviceAccount: "+rule))
		r.saveEnvironment(t, "prod", defaults(`{"spec":{"serviceAccount":"admin"}}`))
		_, err = r.applications.CreateOrUpdateApplication(t.Context(), application("prod", "carts", with("flink")))
		refused(t, err, unprocessable("spec.serviceAccount: "+rule))

		entry := must(entries(r).CreateServiceAccountAllowlistEntry(t.Context(), &cmfv1.CreateServiceAccountAllowlistEntryRequest{
			Entry: &cmfv1.ServiceAccountAllowlistEntry{Metadata: &cmfv1.ObjectMeta{Name: "admin"}},
		}))(t)
		equal(t, "source", "USER_ALLOWED", entry.GetStatus().GetSource())
		r.saveApplication(t, "prod", "carts", with("flink"))
		must(r.pools("prod").create(t.Context(), pool))(t)
		must(entries(r).DeleteServiceAccountAllowlistEntry(t.Context(), &cmfv1.DeleteServiceAccountAllowlistEntryRequest{EntryName: "admin"}))(t)
		_, err = r.pools("prod").create(t.Context(), poolOf("pool-two", "DEDICATED", ""))
		if err != nil {
			t.Errorf("the service account flink: %v", err)
		}
		_, err = entries(r).CreateServiceAccountAllowlistEntry(t.Context(), &cmfv1.CreateServiceAccountAllowlistEntryRequest{
			Entry: &cmfv1.ServiceAccountAllowlistEntry{Metadata: &cmfv1.ObjectMeta{Name: "A_b"}},
		})
		if err == nil {
			t.Error("a name that no service account has was accepted")
		}
	})
}

// When the list is enabled, what is in use already is allowed, once.
func TestServiceAccountsInUseAreAllowed(t *testing.T) {
	etcd := storetest.Etcd(t)
	with := func(account string) string {
		return strings.Replace(running, `"serviceAccount":"flink"`, `"serviceAccount":"`+account+`"`, 1)
	}
	allow := func(c *control.Config) { c.ServiceAccountAllowlist = []string{"flink"} }
	before := startReplica(t, etcd, "replica-1")
	before.connect(t, hello("cluster-a"))
	before.saveEnvironment(t, "prod")
	before.saveApplication(t, "prod", "orders", with("legacy"))
	must(before.pools("prod").create(t.Context(), poolOf("pool", "DEDICATED", "")))(t)
	before.stop(t)

	list := func(r *replica) []string {
		var names []string
		page := must(cmfv1.NewServiceAccountAllowlistServiceClient(r.conn).ListServiceAccountAllowlistEntries(t.Context(), &cmfv1.ListServiceAccountAllowlistEntriesRequest{}))(t)
		for _, entry := range page.GetItems() {
			names = append(names, entry.GetStatus().GetSource()+" "+entry.GetMetadata().GetName())
		}
		return names
	}
	after := startReplica(t, etcd, "replica-2", allow)
	awaitEqual(t, "entries", []string{"SEED flink", "SEED legacy"}, func() []string { return list(after) })
	after.saveApplication(t, "prod", "orders", strings.Replace(with("legacy"), `"parallelism":2`, `"parallelism":3`, 1))
	must(cmfv1.NewServiceAccountAllowlistServiceClient(after.conn).DeleteServiceAccountAllowlistEntry(t.Context(), &cmfv1.DeleteServiceAccountAllowlistEntryRequest{EntryName: "legacy"}))(t)
	after.stop(t)

	again := startReplica(t, etcd, "replica-3", allow)
	_, err := again.applications.CreateOrUpdateApplication(t.Context(), application("prod", "orders", with("legacy")))
	refused(t, err, unprocessable("spec.serviceAccount: service account 'legacy' is not allowed: it is neither among those of --service-account-allowlist nor has it an entry in service-account-allowlist-entries"))
	equal(t, "entries", []string{"SEED flink"}, list(again))
}
