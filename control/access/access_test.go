package access

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/openweir/weir/control/apierror"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func binding(principal, role, environment string, patterns ...Pattern) Binding {
	return Binding{Principal: principal, Role: role, Environment: environment, Resources: patterns}
}

func literal(t Type, name string) Pattern { return Pattern{Type: t, Name: name} }
func prefixed(t Type, name string) Pattern {
	return Pattern{Type: t, Name: name, Prefixed: true}
}

var alice = &Principal{Name: "User:alice", Groups: []string{"Group:engineers"}}

// TestTheDocumentedTableOfRolesIsTheOneInForce: docs/authorization.md is the golden
// table.
func TestTheDocumentedTableOfRolesIsTheOneInForce(t *testing.T) {
	text, err := os.ReadFile("../../docs/authorization.md")
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for resource := range typeCount {
		fmt.Fprintf(&want, "| %s | %s |", resource, types[resource].verbs)
		for _, role := range []string{ClusterAdmin, DeveloperRead} {
			allowed := Allows(role, resource)
			switch allowed {
			case types[resource].verbs:
				want.WriteString(" all |")
			case 0:
				want.WriteString(" none |")
			default:
				fmt.Fprintf(&want, " %s |", allowed)
			}
		}
		want.WriteString("\n")
		for _, role := range []string{SystemAdmin, ResourceOwner, DeveloperManage} {
			want := types[resource].verbs
			if resource == AuditLog && role != SystemAdmin {
				want = 0 // no binding can be on it
			}
			if Allows(role, resource) != want {
				t.Errorf("%s is not allowed everything on %s, as the document has it", role, resource)
			}
		}
		if Allows(UserAdmin, resource) != 0 {
			t.Errorf("UserAdmin is allowed something on %s", resource)
		}
	}
	if !strings.Contains(string(text), want.String()) {
		t.Errorf("docs/authorization.md does not contain\n%s", want.String())
	}
}

// TestTheAuditLogIsForSystemAdmins: nobody else can be given it.
func TestTheAuditLogIsForSystemAdmins(t *testing.T) {
	if _, problem := parsePattern(&cmfv1.ResourcePattern{ResourceType: "AuditLog", Name: "*"}, false); problem == "" {
		t.Error("a role can be granted on the audit log")
	}
	for _, role := range Roles {
		if allowed := Allows(role, AuditLog); (allowed != 0) != (role == SystemAdmin) {
			t.Errorf("%s may %s the audit log", role, allowed)
		}
	}
}

func TestEveryMethodHasARule(t *testing.T) {
	if _, err := NewTable(); err != nil {
		t.Error(err)
	}
}

func TestRulesThatMakeNoSenseAreRefused(t *testing.T) {
	rule := func(verb, resource string, scope cmfv1.AccessScope, name string) *cmfv1.AccessRule {
		return &cmfv1.AccessRule{Verb: verb, ResourceType: resource, Scope: scope, Name: name}
	}
	const installation, environment = cmfv1.AccessScope_ACCESS_SCOPE_INSTALLATION, cmfv1.AccessScope_ACCESS_SCOPE_ENVIRONMENT
	for _, test := range []struct {
		rules []*cmfv1.AccessRule
		want  string
	}{
		{nil, "it has none"},
		{[]*cmfv1.AccessRule{rule("frob", "Secret", installation, "")}, `unknown verb "frob"`},
		{[]*cmfv1.AccessRule{rule("get", "Frob", installation, "")}, `unknown resource type "Frob"`},
		{[]*cmfv1.AccessRule{rule("start", "Secret", installation, "")}, "Secret has no verb start"},
		{[]*cmfv1.AccessRule{rule("get", "Secret", environment, "")}, "the scope of Secret is ACCESS_SCOPE_INSTALLATION"},
		{[]*cmfv1.AccessRule{rule("get", "FlinkApplication", environment, "")}, "the request has no field env_name"},
		{[]*cmfv1.AccessRule{rule("get", "Secret", installation, "frob")}, "field frob: Request has no frob"},
	} {
		options := &descriptorpb.MethodOptions{}
		proto.SetExtension(options, cmfv1.E_Access, test.rules)
		file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
			Name: proto.String("test.proto"), Package: proto.String("cmf.v1"), Syntax: proto.String("proto3"),
			MessageType: []*descriptorpb.DescriptorProto{{Name: proto.String("Request")}},
			Service: []*descriptorpb.ServiceDescriptorProto{{Name: proto.String("Service"), Method: []*descriptorpb.MethodDescriptorProto{{
				Name: proto.String("Call"), InputType: proto.String(".cmf.v1.Request"), OutputType: proto.String(".cmf.v1.Request"), Options: options,
			}}}},
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := (Table{}).add(file); err == nil || !strings.Contains(err.Error(), "cmf.v1.Service.Call: "+test.want) {
			t.Errorf("%v: the error is %v, want %s", test.rules, err, test.want)
		}
	}
}

func TestPermissions(t *testing.T) {
	bindings := []Binding{
		binding("User:alice", DeveloperManage, "prod", literal(FlinkApplication, "orders"), prefixed(FlinkApplication, "team-")),
		binding("Group:engineers", DeveloperRead, "prod", prefixed(FlinkApplication, "")),
		binding("User:alice", DeveloperRead, "", literal(Secret, "kafka")),
		binding("User:alice", ClusterAdmin, "test"),
		binding("User:bob", SystemAdmin, ""),
	}
	permissions := newPermissions(alice, bindings)
	for _, test := range []struct {
		verb        Verb
		t           Type
		environment string
		name        string
		want        bool
	}{
		{Update, FlinkApplication, "prod", "orders", true},
		{Update, FlinkApplication, "prod", "orders2", false},
		{Update, FlinkApplication, "prod", "team-a", true},
		{Get, FlinkApplication, "prod", "other", true},
		{Update, FlinkApplication, "prod", "other", false},
		{Update, FlinkApplication, "prod", "", false},
		{Get, FlinkApplication, "other", "orders", false},
		{Get, FlinkApplication, "", "orders", false},
		{Get, FlinkStatement, "prod", "orders", false},
		{Get, Secret, "", "kafka", true},
		{Use, Secret, "", "kafka", false},
		{Get, Secret, "", "other", false},
		{Delete, FlinkStatement, "test", "any", true},
		{Get, FlinkEnvironment, "", "test", false}, // the scopes do not nest
	} {
		if got := permissions.Allows(test.verb, test.t, test.environment, test.name); got != test.want {
			t.Errorf("%s %s %q in %q: %t, want %t", test.verb, test.t, test.name, test.environment, got, test.want)
		}
	}
}

// TestEnvironmentsNarrow: a caller that is limited to environments has nothing of what
// is bound elsewhere, and can grant nothing elsewhere.
func TestEnvironmentsNarrow(t *testing.T) {
	bindings := []Binding{
		binding("User:alice", SystemAdmin, ""),
		binding("User:alice", SystemAdmin, "prod"),
		binding("User:alice", SystemAdmin, "test"),
	}
	authorizer := NewAuthorizer()
	authorizer.SetStored(bindings)
	limited := &Principal{Name: "User:alice", Environments: []string{"prod", "other"}}
	for range 2 { // found anew, and found again
		for _, test := range []struct {
			of          *Principal
			t           Type
			environment string
			want        bool
		}{
			{limited, FlinkApplication, "prod", true},
			{limited, FlinkApplication, "test", false},
			{limited, FlinkApplication, "other", false}, // where nothing is bound
			{limited, FlinkEnvironment, "", false},
			{limited, MachineToken, "", false},
			{&Principal{Name: "User:alice"}, FlinkApplication, "test", true},
			{&Principal{Name: "User:alice"}, FlinkEnvironment, "", true},
		} {
			permissions, _, err := authorizer.Permissions(test.of)
			if err != nil {
				t.Fatal(err)
			}
			if got := permissions.Allows(Get, test.t, test.environment, "one"); got != test.want {
				t.Errorf("%v: get %s in %q: %t, want %t", test.of.Environments, test.t, test.environment, got, test.want)
			}
		}
	}
	permissions, _, err := authorizer.Permissions(limited)
	if err != nil {
		t.Fatal(err)
	}
	for environment, want := range map[string]bool{"prod": true, "test": false, "": false} {
		if got := permissions.MayGrant(binding("User:bob", ClusterAdmin, environment)); got != want {
			t.Errorf("grants in %q: %t, want %t", environment, got, want)
		}
	}
}

func TestNobodyGrantsMoreThanTheirOwn(t *testing.T) {
	for name, test := range map[string]struct {
		own, granted Binding
		want         bool
	}{
		"an administrator grants everything":                {binding("User:alice", SystemAdmin, ""), binding("User:bob", SystemAdmin, ""), true},
		"also in environments":                              {binding("User:alice", SystemAdmin, ""), binding("User:bob", SystemAdmin, "prod"), true},
		"but not out of an environment":                     {binding("User:alice", SystemAdmin, "prod"), binding("User:bob", DeveloperRead, "", literal(Secret, "kafka")), false},
		"an administrator of clusters grants nothing":       {binding("User:alice", ClusterAdmin, ""), binding("User:bob", ClusterAdmin, ""), false},
		"one of users grants roles":                         {binding("User:alice", UserAdmin, ""), binding("User:bob", ClusterAdmin, ""), true},
		"not the highest":                                   {binding("User:alice", UserAdmin, ""), binding("User:bob", SystemAdmin, ""), false},
		"not to themselves":                                 {binding("User:alice", UserAdmin, ""), binding("User:alice", ClusterAdmin, ""), false},
		"nor through a group":                               {binding("User:alice", UserAdmin, ""), binding("Group:engineers", ClusterAdmin, ""), false},
		"an owner grants what is owned":                     {binding("User:alice", ResourceOwner, "prod", prefixed(FlinkApplication, "a-")), binding("User:bob", DeveloperManage, "prod", literal(FlinkApplication, "a-b")), true},
		"not a wider pattern":                               {binding("User:alice", ResourceOwner, "prod", prefixed(FlinkApplication, "a-")), binding("User:bob", DeveloperManage, "prod", prefixed(FlinkApplication, "a")), false},
		"not a prefix by a name":                            {binding("User:alice", ResourceOwner, "prod", literal(FlinkApplication, "a")), binding("User:bob", DeveloperManage, "prod", prefixed(FlinkApplication, "a")), false},
		"not another type":                                  {binding("User:alice", ResourceOwner, "prod", prefixed(FlinkApplication, "")), binding("User:bob", DeveloperManage, "prod", literal(ComputePool, "a")), false},
		"not in another environment":                        {binding("User:alice", ResourceOwner, "prod", prefixed(FlinkApplication, "")), binding("User:bob", DeveloperRead, "test", literal(FlinkApplication, "a")), false},
		"not a role on the scope":                           {binding("User:alice", ResourceOwner, "prod", prefixed(FlinkApplication, "")), binding("User:bob", ClusterAdmin, "prod"), false},
		"who manages grants nothing":                        {binding("User:alice", DeveloperManage, "prod", prefixed(FlinkApplication, "")), binding("User:bob", DeveloperRead, "prod", literal(FlinkApplication, "a")), false},
		"one of users grants nothing to machine tokens":     {binding("User:alice", UserAdmin, ""), binding("User:machine:mine", ClusterAdmin, ""), false},
		"an administrator does":                             {binding("User:alice", SystemAdmin, ""), binding("User:machine:mine", ClusterAdmin, ""), true},
		"the binding of somebody else does not help at all": {binding("User:carol", SystemAdmin, ""), binding("User:bob", DeveloperRead, "prod", literal(FlinkApplication, "a")), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := newPermissions(alice, []Binding{test.own}).MayGrant(test.granted); got != test.want {
				t.Errorf("%t, want %t", got, test.want)
			}
		})
	}
}

func TestBindingsAreValidated(t *testing.T) {
	type spec = cmfv1.RoleBindingSpec
	pattern := func(t, name, kind string) []*cmfv1.ResourcePattern {
		return []*cmfv1.ResourcePattern{{ResourceType: t, Name: name, PatternType: kind}}
	}
	read := func(environment, resourceType, name, kind string) *spec {
		return &spec{Principal: "User:a", Role: DeveloperRead, Environment: environment, Resources: pattern(resourceType, name, kind)}
	}
	admin := func(principal string) *spec { return &spec{Principal: principal, Role: SystemAdmin} }
	long := strings.Repeat("a", 254)
	for _, test := range []struct {
		spec *spec
		want string
	}{
		// As authentication makes them of claims and certificates.
		{admin("User:CN=alice, OU=Streams,O=Acme"), ""},
		{admin("User:Zoë Müller"), ""},
		{admin("Group:/teams/orders"), ""},
		{admin("Group:a:b"), ""},
		{admin("alice"), "spec.principal: must be User:<name> or Group:<name>"},
		{admin(""), "spec.principal: must be User:<name> or Group:<name>"},
		{admin("user:alice"), "spec.principal: must be User:<name> or Group:<name>"},
		{admin("User:"), "spec.principal: must be User:<name> or Group:<name>: user: the name is empty"},
		{admin("User:*"), "spec.principal: must be User:<name> or Group:<name>: user: the name * stands for everybody"},
		{admin("Group:*"), "spec.principal: must be User:<name> or Group:<name>: group: the name * stands for everybody"},
		{admin("User: alice"), "spec.principal: must be User:<name> or Group:<name>: user: the name begins or ends with a space"},
		{admin("User:al\nice"), "spec.principal: must be User:<name> or Group:<name>: user: the name has characters that cannot be printed"},
		{admin("User:" + strings.Repeat("a", 257)), "spec.principal: must be User:<name> or Group:<name>: user: the name is longer than 256 bytes"},
		{admin("User:ANONYMOUS"), "spec.principal: must be User:<name> or Group:<name>: user: the name of User:ANONYMOUS is reserved"},

		{admin("User:machine:ci-deploy"), ""},
		{admin("User:machine:"), "spec.principal: must be User:<name> or Group:<name>: the name of the machine token: must not be empty"},
		{admin("User:machine:ci deploy"), "spec.principal: must be User:<name> or Group:<name>: the name of the machine token: must consist of "},

		{&spec{Principal: "User:a", Role: "Owner"}, "spec.role: must be one of SystemAdmin, "},
		{&spec{Principal: "User:a"}, "spec.role: must be one of SystemAdmin, "},
		{&spec{Principal: "User:a", Role: SystemAdmin, Environment: "prod"}, ""},
		{&spec{Principal: "User:a", Role: SystemAdmin, Environment: "a"}, "spec.environment: size must be between 4 and 253"},
		{&spec{Principal: "User:a", Role: SystemAdmin, Environment: "*"}, "spec.environment: size must be between 4 and 253"},
		{&spec{Principal: "User:a", Role: SystemAdmin, Environment: "Prod"}, "spec.environment: must match "},
		{&spec{Principal: "User:a", Role: DeveloperRead}, "spec.resources: must not be empty for the role DeveloperRead"},
		{&spec{Principal: "User:a", Role: SystemAdmin, Resources: pattern("Secret", "kafka", "")}, "spec.resources: must be empty"},
		{read("", "ComputePool", "pool", ""), "spec.resources[0].resourceType: must be one of FlinkEnvironment, "},
		{read("prod", "Secret", "kafka", ""), "spec.resources[0].resourceType: must be one of FlinkApplication, "},
		{read("", "Secret", "kafka*", ""), `spec.resources[0].name: "*" selects all names`},
		{read("", "Secret", "kafka", "GLOB"), "spec.resources[0].patternType: must be LITERAL or PREFIXED"},
		{read("", "Secret", "", ""), "spec.resources[0].name: must not be empty"},
		{read("", "Secret", "*", ""), ""},

		// Names that resources of the type can have, and others.
		{read("", "Secret", "kafka", ""), ""},
		{read("", "Secret", "ka", ""), "spec.resources[0].name: size must be between 4 and 253"},
		{read("", "Secret", "ka", "PREFIXED"), ""},
		{read("", "Secret", "Kafka", ""), "spec.resources[0].name: must match "},
		{read("", "Secret", "team/kafka", ""), "spec.resources[0].name: must be <name>"},
		{read("", "Secret", long, "PREFIXED"), "spec.resources[0].name: must be the beginning of a name of at most 253 characters"},
		{read("prod", "FlinkApplication", strings.Repeat("a", 46), ""), "spec.resources[0].name: size must be between 4 and 45"},
		{read("prod", "FlinkApplication", strings.Repeat("a", 46), "PREFIXED"), "spec.resources[0].name: must be the beginning of a name of at most 45 characters"},
		{read("", "ServiceAccountAllowlistEntry", "etl", ""), ""},
		{read("", "ServiceAccountAllowlistEntry", "team.etl", ""), ""},
		{read("", "ServiceAccountAllowlistEntry", "Etl", ""), "spec.resources[0].name: a lowercase RFC 1123 subdomain"},
		{read("", "KubernetesCluster", "edge", ""), ""},
		{read("", "KubernetesCluster", "edge/flink", ""), ""},
		{read("", "KubernetesCluster", "edge/", "PREFIXED"), ""},
		{read("", "KubernetesCluster", "edge/Flink", ""), "spec.resources[0].name: a lowercase RFC 1123 label must consist of "},
		{read("", "KubernetesCluster", "edge/flink/pods", ""), "spec.resources[0].name: must be <cluster> or <cluster>/<namespace>"},
		{read("", "FlinkDatabase", "kafka/one1", ""), ""},
		{read("", "FlinkDatabase", "kafka", "PREFIXED"), ""},
		{read("", "FlinkDatabase", "kafka", ""), "spec.resources[0].name: must be <catalog>/<database>"},
		{read("", "Installation", "*", ""), ""},
		{read("", "Installation", "this", ""), `spec.resources[0].name: must be "*"`},
	} {
		var v apierror.Violations
		ParseBinding(&v, "spec", test.spec)
		if got := strings.Join(v, "; "); !strings.HasPrefix(got, test.want) || test.want == "" && got != "" {
			t.Errorf("%v: %q, want %q", test.spec, got, test.want)
		}
	}
}

func authorize(t *testing.T, method string, request proto.Message, bindings ...Binding) (context.Context, error) {
	t.Helper()
	table, err := NewTable()
	if err != nil {
		t.Fatal(err)
	}
	return table.Authorize(t.Context(), newPermissions(alice, bindings), method, request)
}

func TestListsAreLimitedToWhatMayBeRead(t *testing.T) {
	shown := func(ctx context.Context, names ...string) []string {
		filter := FilterOf(ctx)
		return slices.DeleteFunc(names, func(name string) bool { return filter != nil && !filter.Allows(name) })
	}
	ctx, err := authorize(t, cmfv1.ApplicationService_ListApplications_FullMethodName, &cmfv1.ListApplicationsRequest{EnvName: "prod"},
		binding("User:alice", DeveloperRead, "prod", prefixed(FlinkApplication, "a-")))
	if got := shown(ctx, "a-1", "b-1"); err != nil || !slices.Equal(got, []string{"a-1"}) {
		t.Errorf("the applications are %v, %v", got, err)
	}
	ctx, err = authorize(t, cmfv1.KafkaDatabaseService_WatchKafkaDatabases_FullMethodName, &cmfv1.WatchKafkaDatabasesRequest{CatName: "kafka"},
		binding("User:alice", DeveloperRead, "", literal(FlinkDatabase, "kafka/one")))
	if got := shown(ctx, "one", "two"); err != nil || !slices.Equal(got, []string{"one"}) {
		t.Errorf("the databases are %v, %v", got, err)
	}
	_, err = authorize(t, cmfv1.KafkaDatabaseService_ListKafkaDatabases_FullMethodName, &cmfv1.ListKafkaDatabasesRequest{CatName: "other"},
		binding("User:alice", DeveloperRead, "", literal(FlinkDatabase, "kafka/one")))
	if status.Code(err) != codes.PermissionDenied {
		t.Errorf("the databases of another catalog: %v", err)
	}
}

func TestReferencesCountAsUse(t *testing.T) {
	request := &cmfv1.CreateEnvironmentSecretMappingRequest{EnvName: "prod", Mapping: &cmfv1.EnvironmentSecretMapping{
		Metadata: &cmfv1.ObjectMeta{Name: "id"}, Spec: &cmfv1.EnvironmentSecretMappingSpec{SecretName: "kafka"},
	}}
	manage := binding("User:alice", DeveloperManage, "prod", prefixed(EnvironmentSecretMapping, ""))
	const method = cmfv1.SecretMappingService_CreateEnvironmentSecretMapping_FullMethodName
	_, err := authorize(t, method, request, manage)
	if got, want := fmt.Sprint(err), "User:alice may not use Secret 'kafka' in the installation."; got != want {
		t.Errorf("the error is %s, want %s", got, want)
	}
	if _, err := authorize(t, method, request, manage, binding("User:alice", DeveloperManage, "", literal(Secret, "kafka"))); err != nil {
		t.Error(err)
	}
}

func BenchmarkAuthorize(b *testing.B) {
	table, err := NewTable()
	if err != nil {
		b.Fatal(err)
	}
	authorizer := NewAuthorizer()
	authorizer.SetStored([]Binding{binding("Group:engineers", DeveloperManage, "prod", prefixed(FlinkApplication, "a-"))})
	request := &cmfv1.GetApplicationRequest{EnvName: "prod", AppName: "a-1"}
	for b.Loop() {
		permissions, _, err := authorizer.Permissions(alice)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := table.Authorize(context.Background(), permissions, cmfv1.ApplicationService_GetApplication_FullMethodName, request); err != nil {
			b.Fatal(err)
		}
	}
}
