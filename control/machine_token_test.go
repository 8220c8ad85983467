package control_test

import (
	"context"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/openweir/weir/control"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/internal/await"
)

// withMachineTokens authenticates callers with machine tokens, and others as
// fromMetadata does.
func withMachineTokens(config *control.Config) {
	fromMetadata(0)(config)
	config.MachineTokens = true
}

func (r *replica) machineTokens() cmfv1.MachineTokenServiceClient {
	return cmfv1.NewMachineTokenServiceClient(r.conn)
}

func (r *replica) createMachineToken(ctx context.Context, name string, spec *cmfv1.MachineTokenSpec) (*cmfv1.MachineToken, error) {
	return r.machineTokens().CreateMachineToken(ctx, &cmfv1.CreateMachineTokenRequest{
		Token: &cmfv1.MachineToken{Metadata: &cmfv1.ObjectMeta{Name: name}, Spec: spec},
	})
}

func (r *replica) machineToken(t *testing.T, name string, spec *cmfv1.MachineTokenSpec) string {
	t.Helper()
	return must(r.createMachineToken(t.Context(), name, spec))(t).GetStatus().GetToken()
}

func bearer(ctx context.Context, token string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
}

// readsOwn is nil for callers who may read the application of environment own1.
func (r *replica) readsOwn(ctx context.Context) error {
	_, err := r.applications.GetApplication(ctx, &cmfv1.GetApplicationRequest{EnvName: "own1", AppName: "team-a"})
	return err
}

func all(types ...string) []*cmfv1.ResourcePattern {
	var patterns []*cmfv1.ResourcePattern
	for _, name := range types {
		patterns = append(patterns, &cmfv1.ResourcePattern{ResourceType: name, Name: "*"})
	}
	return patterns
}

// machines is a replica with an application, which the machine token ci-deploy may read.
func machines(t *testing.T) (r *replica, token string) {
	t.Helper()
	r = start(t, withMachineTokens)
	r.connect(t, hello("cluster-a"))
	for _, env := range []string{"own1", "other1"} {
		r.saveEnvironment(t, env)
		r.bind(t, "ci-"+env, &cmfv1.RoleBindingSpec{
			Principal: "User:machine:ci-deploy", Role: "DeveloperManage", Environment: env, Resources: all("FlinkApplication"),
		})
	}
	r.saveApplication(t, "own1", "team-a", running)
	token = r.machineToken(t, "ci-deploy", nil)
	await.Success(t, "the role bindings in force", func() error { return r.readsOwn(bearer(t.Context(), token)) })
	return r, token
}

func TestMachineTokensAuthenticate(t *testing.T) {
	r, token := machines(t)
	other := r.machineToken(t, "other", nil)
	created := must(r.machineTokens().GetMachineToken(t.Context(), &cmfv1.GetMachineTokenRequest{MachineTokenName: "ci-deploy"}))(t)
	if created.GetStatus().GetToken() != "" || created.GetStatus().GetPrincipal() != "User:machine:ci-deploy" {
		t.Errorf("the token is shown as %v", created)
	}
	const lifetime = 90 * 24 * time.Hour
	if left := time.Until(created.GetStatus().GetExpirationTimestamp().AsTime()); left > lifetime || left < lifetime-time.Hour {
		t.Errorf("it expires in %s", left)
	}
	for key, value := range r.everything(t) {
		if strings.Contains(value, token) || strings.Contains(value, strings.TrimPrefix(token, "weir_ci-deploy_")) {
			t.Errorf("etcd has the token in %s", key)
		}
	}
	secret := strings.TrimPrefix(token, "weir_ci-deploy_")
	// withSum is a token whose checksum is right.
	withSum := func(body string) string { return body + fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(body))) }
	bare := secret[:len(secret)-8]
	for name, test := range map[string]struct {
		token string
		want  codes.Code
	}{
		"the token":                 {token, codes.OK},
		"without a binding":         {other, codes.PermissionDenied},
		"the token, made again":     {withSum("weir_ci-deploy_" + bare), codes.OK},
		"another secret":            {withSum("weir_ci-deploy_" + strings.Repeat("0", len(bare))), codes.Unauthenticated},
		"another's secret":          {withSum("weir_ci-deploy_" + strings.TrimPrefix(other, "weir_other_")[:len(bare)]), codes.Unauthenticated},
		"another's name":            {withSum("weir_other_" + bare), codes.Unauthenticated},
		"a name that there is not":  {withSum("weir_nobody_" + bare), codes.Unauthenticated},
		"a wrong checksum":          {token[:len(token)-8] + "00000000", codes.Unauthenticated},
		"cut off":                   {token[:len(token)-1], codes.Unauthenticated},
		"longer":                    {token + "0", codes.Unauthenticated},
		"nothing but the beginning": {"weir_", codes.Unauthenticated},
		"an invalid name":           {"weir_../../x_" + secret, codes.Unauthenticated},
	} {
		if err := r.readsOwn(bearer(t.Context(), test.token)); status.Code(err) != test.want {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
	twice := metadata.AppendToOutgoingContext(bearer(t.Context(), token), "authorization", "Bearer "+token, "test-user", "eve")
	if err := r.readsOwn(twice); status.Code(err) != codes.PermissionDenied {
		t.Errorf("with two headers: %v", err)
	}
}

// everything is what etcd has, by key.
func (r *replica) everything(t *testing.T) map[string]string {
	t.Helper()
	response := must(r.etcd.Get(t.Context(), "\x00", clientv3.WithFromKey()))(t)
	all := map[string]string{}
	for _, kv := range response.Kvs {
		all[string(kv.Key)] = string(kv.Value)
	}
	return all
}

func TestMachineTokensEnd(t *testing.T) {
	for name, test := range map[string]struct {
		spec    *cmfv1.MachineTokenSpec
		end     func(t *testing.T, r *replica)
		message string
	}{
		"when they are deleted": {nil, func(t *testing.T, r *replica) {
			must(r.machineTokens().DeleteMachineToken(t.Context(), &cmfv1.DeleteMachineTokenRequest{MachineTokenName: "short"}))(t)
		}, "The credentials have been revoked."},
		"when they are made again": {nil, func(t *testing.T, r *replica) {
			must(r.machineTokens().DeleteMachineToken(t.Context(), &cmfv1.DeleteMachineTokenRequest{MachineTokenName: "short"}))(t)
			r.machineToken(t, "short", nil)
		}, "The credentials have been revoked."},
		"when they expire": {&cmfv1.MachineTokenSpec{Lifetime: durationpb.New(3 * time.Second)}, func(*testing.T, *replica) {}, "The credentials have expired."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, other := machines(t)
			r.bind(t, "short", &cmfv1.RoleBindingSpec{
				Principal: "User:machine:short", Role: "DeveloperRead", Environment: "own1", Resources: all("FlinkApplication"),
			})
			token := r.machineToken(t, "short", test.spec)
			await.Success(t, "the role binding in force", func() error { return r.readsOwn(bearer(t.Context(), token)) })
			watch := func(token string) cmfv1.ApplicationService_WatchApplicationsClient {
				stream := must(r.applications.WatchApplications(bearer(t.Context(), token), &cmfv1.WatchApplicationsRequest{EnvName: "own1"}))(t)
				must(stream.Recv())(t)
				must(stream.Recv())(t)
				return stream
			}
			ended, goesOn := watch(token), watch(other)
			test.end(t, r)
			if _, err := ended.Recv(); status.Code(err) != codes.Unauthenticated || status.Convert(err).Message() != test.message {
				t.Errorf("the watch ended with %v, want %s", err, test.message)
			}
			if err := r.readsOwn(bearer(t.Context(), token)); status.Code(err) != codes.Unauthenticated {
				t.Errorf("a request: %v", err)
			}
			r.saveApplication(t, "own1", "team-b", running)
			if next, err := goesOn.Recv(); err != nil || next.GetObject().GetMetadata().GetName() != "team-b" {
				t.Errorf("the watch of another token: %v, %v", next, err)
			}
		})
	}
}

// TestOtherReplicasRevokeMachineTokens: of a replica that did not delete the token.
func TestOtherReplicasRevokeMachineTokens(t *testing.T) {
	one, two := startTwo(t, withMachineTokens)
	token := one.machineToken(t, "ci-deploy", nil)
	asks := func() error {
		_, err := two.information.GetSystemInformation(bearer(t.Context(), token), &cmfv1.GetSystemInformationRequest{})
		return err
	}
	await.Success(t, "the other replica knows the token", asks)
	must(one.machineTokens().DeleteMachineToken(t.Context(), &cmfv1.DeleteMachineTokenRequest{MachineTokenName: "ci-deploy"}))(t)
	await.Until(t, "the other replica refuses the token", func() bool { return status.Code(asks()) == codes.Unauthenticated })
}

func TestMachineTokensAreNarrowed(t *testing.T) {
	r, _ := machines(t)
	for _, environment := range []string{"", "own1", "other1"} {
		r.bind(t, "admin"+environment, &cmfv1.RoleBindingSpec{Principal: "User:machine:narrow", Role: "SystemAdmin", Environment: environment})
	}
	token := r.machineToken(t, "narrow", &cmfv1.MachineTokenSpec{Environments: []string{"own1", "absent1"}})
	ctx := bearer(t.Context(), token)
	await.Success(t, "the role bindings in force", func() error { return r.readsOwn(ctx) })
	for name, refused := range map[string]func() error{
		"another environment": func() error {
			_, err := r.applications.GetApplication(ctx, &cmfv1.GetApplicationRequest{EnvName: "other1", AppName: "team-a"})
			return err
		},
		"the installation": func() error {
			_, err := r.environments.ListEnvironments(ctx, &cmfv1.ListEnvironmentsRequest{})
			return err
		},
		"a token without limits": func() error {
			_, err := r.createMachineToken(ctx, "wide", nil)
			return err
		},
		"a role elsewhere": func() error {
			_, err := cmfv1.NewRoleBindingServiceClient(r.conn).CreateRoleBinding(ctx, &cmfv1.CreateRoleBindingRequest{RoleBinding: &cmfv1.RoleBinding{
				Metadata: &cmfv1.ObjectMeta{Name: "mine"}, Spec: &cmfv1.RoleBindingSpec{Principal: "User:eve", Role: "SystemAdmin"},
			}})
			return err
		},
	} {
		if err := refused(); status.Code(err) != codes.PermissionDenied {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestNobodyTakesOverTheRolesOfAMachineToken: by making a token of a name to which roles
// are bound.
func TestNobodyTakesOverTheRolesOfAMachineToken(t *testing.T) {
	file := writeFile(t, "bindings.yaml", []byte("roleBindings:\n- {principal: User:machine:of-file, role: ClusterAdmin}\n"))
	r := start(t, withMachineTokens, func(c *control.Config) { c.RoleBindings = file })
	manage := func(role string) *cmfv1.RoleBindingSpec {
		return &cmfv1.RoleBindingSpec{Principal: "User:" + role, Role: role, Resources: all("MachineToken")}
	}
	r.bind(t, "manager", manage("DeveloperManage"))
	r.bind(t, "owner", manage("ResourceOwner"))
	r.bind(t, "admin", &cmfv1.RoleBindingSpec{Principal: "User:SystemAdmin", Role: "SystemAdmin"})
	r.bind(t, "cluster-admin", &cmfv1.RoleBindingSpec{Principal: "User:ClusterAdmin", Role: "ClusterAdmin"})
	r.bind(t, "powerful", &cmfv1.RoleBindingSpec{Principal: "User:machine:powerful", Role: "ClusterAdmin"})
	r.bind(t, "lister", &cmfv1.RoleBindingSpec{Principal: "User:machine:lister", Role: "DeveloperRead", Resources: all("MachineToken")})
	await.Success(t, "the role bindings in force", func() error {
		_, err := r.machineTokens().ListMachineTokens(as(t.Context(), "ClusterAdmin"), &cmfv1.ListMachineTokensRequest{})
		return err
	})
	for _, test := range []struct {
		user, name string
		want       codes.Code
	}{
		{"DeveloperManage", "fresh-1", codes.OK},
		{"ResourceOwner", "fresh-2", codes.OK},
		{"ClusterAdmin", "fresh-3", codes.OK},
		{"DeveloperManage", "powerful", codes.PermissionDenied},
		{"ResourceOwner", "powerful", codes.PermissionDenied},
		{"ClusterAdmin", "powerful", codes.PermissionDenied},
		{"DeveloperManage", "lister", codes.PermissionDenied}, // who does not own what is bound
		{"ResourceOwner", "lister", codes.OK},
		{"ClusterAdmin", "of-file", codes.PermissionDenied},
		{"SystemAdmin", "of-file", codes.OK},
		{"SystemAdmin", "powerful", codes.OK},
		{"SystemAdmin", "powerful", codes.AlreadyExists},
	} {
		_, err := r.createMachineToken(as(t.Context(), test.user), test.name, nil)
		if status.Code(err) != test.want {
			t.Errorf("%s creates %s: %v, want %s", test.user, test.name, err, test.want)
		}
		if test.want == codes.PermissionDenied && !strings.HasPrefix(status.Convert(err).Message(), "User:"+test.user+" may not create machine token '"+test.name+"': ") {
			t.Errorf("%s creates %s: %v", test.user, test.name, err)
		}
	}
	// What remains of a token that was deleted is as before.
	must(r.machineTokens().DeleteMachineToken(as(t.Context(), "DeveloperManage"), &cmfv1.DeleteMachineTokenRequest{MachineTokenName: "powerful"}))(t)
	if _, err := r.createMachineToken(as(t.Context(), "DeveloperManage"), "powerful", nil); status.Code(err) != codes.PermissionDenied {
		t.Errorf("a token is made again: %v", err)
	}
}

func TestInvalidMachineTokensAreRefused(t *testing.T) {
	r := start(t, withMachineTokens)
	spec := func(lifetime time.Duration, environments ...string) *cmfv1.MachineTokenSpec {
		return &cmfv1.MachineTokenSpec{Lifetime: durationpb.New(lifetime), Environments: environments}
	}
	for _, test := range []struct {
		name string
		spec *cmfv1.MachineTokenSpec
		want string // empty where it is valid
	}{
		{"one-year", spec(365 * 24 * time.Hour), ""},
		{"longer", spec(365*24*time.Hour + 1), "spec.lifetime: "},
		{"none", spec(0), "spec.lifetime: "},
		{"past", spec(-time.Hour), "spec.lifetime: "},
		{"", nil, "metadata.name: must not be empty"},
		{"abc", nil, "metadata.name: size must be between 4 and 45"},
		{"under_score", nil, "metadata.name: must consist of lower case letters"},
		{"a.dot", nil, "metadata.name: must consist of lower case letters"},
		{"everywhere", spec(time.Hour, "*"), "spec.environments[0]: size must be between 4 and 253"},
		{"twice", spec(time.Hour, "prod", "prod"), "spec.environments: "},
	} {
		_, err := r.createMachineToken(t.Context(), test.name, test.spec)
		if test.want == "" && err != nil || test.want != "" && (status.Code(err) != codes.InvalidArgument || !strings.HasPrefix(status.Convert(err).Message(), test.want)) {
			t.Errorf("%q, %v: %v, want %s", test.name, test.spec, err, test.want)
		}
	}
}
