package control_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/openweir/weir/control"
	"github.com/openweir/weir/control/access"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/internal/await"
)

// fromMetadata authenticates callers as the user that they name; without a name,
// as an administrator.
func fromMetadata(expires time.Duration) func(*control.Config) {
	return func(config *control.Config) {
		config.Authenticate = func(ctx context.Context) (*access.Principal, error) {
			names := metadata.ValueFromIncomingContext(ctx, "test-user")
			if len(names) == 0 {
				return access.Anonymous, nil
			}
			principal := &access.Principal{Name: "User:" + names[0]}
			if expires > 0 {
				principal.Expires = time.Now().Add(expires)
			}
			return principal, nil
		}
	}
}

func as(ctx context.Context, user string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "test-user", user)
}

func (r *replica) bind(t *testing.T, name string, spec *cmfv1.RoleBindingSpec) {
	t.Helper()
	must(cmfv1.NewRoleBindingServiceClient(r.conn).CreateRoleBinding(t.Context(), &cmfv1.CreateRoleBindingRequest{
		RoleBinding: &cmfv1.RoleBinding{Metadata: &cmfv1.ObjectMeta{Name: name}, Spec: spec},
	}))(t)
}

// needs is what each method needs, stated apart from the options in the proto.
var needs = map[string]string{
	"CreateOrUpdateApplication": "app manage", "ListApplications": "app view", "WatchApplications": "app view", "GetApplication": "app view",
	"DeleteApplication": "app manage", "StartApplication": "app manage", "SuspendApplication": "app manage",
	"ListApplicationEvents": "app view", "WatchApplicationEvents": "app view",
	"ListApplicationInstances": "app view", "WatchApplicationInstances": "app view", "GetApplicationInstance": "app view",
	"CreateSavepointForFlinkApplication": "app manage", "ListSavepointsForFlinkApplication": "app view", "WatchSavepointsForFlinkApplication": "app view",
	"GetSavepointForFlinkApplication": "app view", "DeleteSavepointForFlinkApplication": "app manage", "DetachSavepointFromFlinkApplication": "app manage",
	"FetchFlinkWebUI": "app view",

	"CreateStatement": "statement manage", "ListStatements": "statement view", "WatchStatements": "statement view", "GetStatement": "statement view",
	"UpdateStatement": "statement manage", "DeleteStatement": "statement manage", "GetStatementResult": "statement manage", "ListStatementExceptions": "statement manage",
	"CreateSavepointForFlinkStatement": "statement manage", "ListSavepointsForFlinkStatement": "statement view", "WatchSavepointsForFlinkStatement": "statement view",
	"GetSavepointForFlinkStatement": "statement view", "DeleteSavepointForFlinkStatement": "statement manage",

	"CreateComputePool": "pool manage", "ListComputePools": "pool view", "WatchComputePools": "pool view", "GetComputePool": "pool view",
	"UpdateComputePool": "pool manage", "DeleteComputePool": "pool manage",
	"CreateEnvironmentSecretMapping": "mapping manage", "ListEnvironmentSecretMappings": "mapping view", "WatchEnvironmentSecretMappings": "mapping view",
	"GetEnvironmentSecretMapping": "mapping view", "UpdateEnvironmentSecretMapping": "mapping manage", "DeleteEnvironmentSecretMapping": "mapping manage",

	"CreateOrUpdateEnvironment": "installation manage", "ListEnvironments": "installation view", "WatchEnvironments": "installation view",
	"GetEnvironment": "installation view", "DeleteEnvironment": "installation delete-environment",
	"CreateSecret": "installation manage", "ListSecrets": "installation view", "WatchSecrets": "installation view", "GetSecret": "installation view",
	"UpdateSecret": "installation manage", "DeleteSecret": "installation manage",
	"CreateKafkaCatalog": "installation manage", "ListKafkaCatalogs": "installation view", "WatchKafkaCatalogs": "installation view",
	"GetKafkaCatalog": "installation view", "UpdateKafkaCatalog": "installation manage", "DeleteKafkaCatalog": "installation manage",
	"CreateKafkaDatabase": "installation manage", "ListKafkaDatabases": "installation view", "WatchKafkaDatabases": "installation view",
	"GetKafkaDatabase": "installation view", "UpdateKafkaDatabase": "installation manage", "DeleteKafkaDatabase": "installation manage",
	"ListKubernetesClusters": "installation view", "WatchKubernetesClusters": "installation view", "GetKubernetesCluster": "installation view",
	"UpdateKubernetesCluster": "installation manage", "DeleteKubernetesCluster": "installation manage", "GetOrphans": "installation view", "GetDeletions": "installation view", "DeleteOrphan": "installation manage",
	"CreateDetachedSavepoint": "installation manage", "ListDetachedSavepoints": "installation view", "WatchDetachedSavepoints": "installation view",
	"GetDetachedSavepoint": "installation view", "DeleteDetachedSavepoint": "installation manage",
	"CreateAgentToken": "installation manage", "ListAgentTokens": "installation view", "WatchAgentTokens": "installation view",
	"GetAgentToken": "installation view", "DeleteAgentToken": "installation manage",
	"CreateMachineToken": "installation manage", "ListMachineTokens": "installation view", "WatchMachineTokens": "installation view",
	"GetMachineToken": "installation view", "DeleteMachineToken": "installation manage",
	"BanAgent": "installation manage", "LiftAgentBan": "installation manage", "GetAgentBans": "installation view",
	"RotateAgentAuthority": "installation manage", "GetAgentAuthorities": "installation view",
	"GetResourceInformation": "installation view",
	"ListAuditRecords":       "audit", "WatchAuditRecords": "audit",
	"CreatePolicy": "installation manage", "ListPolicies": "installation view", "WatchPolicies": "installation view", "GetPolicy": "installation view",
	"UpdatePolicy": "installation manage", "DeletePolicy": "installation manage",
	"CreateServiceAccountAllowlistEntry": "installation manage", "ListServiceAccountAllowlistEntries": "installation view",
	"WatchServiceAccountAllowlistEntries": "installation view", "GetServiceAccountAllowlistEntry": "installation view",
	"DeleteServiceAccountAllowlistEntry": "installation manage",

	"GetSystemInformation": "", "GetC3LicenseInformation": "",
	"ListRoleBindings": "", "WatchRoleBindings": "", "GetRoleBinding": "", "DeleteRoleBinding": "", "UpdateRoleBinding": "",
	"CreateRoleBinding": "grant",
}

// mayCall is the golden table of roles.
func mayCall(role, need string) bool {
	_, action, _ := strings.Cut(need, " ")
	switch {
	case need == "" || role == "SystemAdmin":
		return true
	case need == "audit":
		return false
	case need == "grant":
		// The request of the matrix grants SystemAdmin.
		return false
	case role == "UserAdmin" || role == "Nobody":
		return false
	case role == "ClusterAdmin":
		return action != "delete-environment"
	case role == "DeveloperRead":
		return action == "view" && need != "statement view"
	}
	return true // ResourceOwner, DeveloperManage
}

// example is a request for the resource "one1" of an environment.
func example(t *testing.T, input protoreflect.MessageDescriptor, env string) proto.Message {
	t.Helper()
	request := must(protoregistry.GlobalTypes.FindMessageByName(input.FullName()))(t).New()
	for i := range input.Fields().Len() {
		field := input.Fields().Get(i)
		switch name := field.Name(); {
		case name == "env_name":
			request.Set(field, protoreflect.ValueOfString(env))
		case name == "stmt_name" && field.ContainingOneof() != nil, strings.HasSuffix(string(name), "_version"):
		case name == "name" || strings.HasSuffix(string(name), "_name"):
			request.Set(field, protoreflect.ValueOfString("one1"))
		case field.Kind() == protoreflect.MessageKind && !field.IsList() && field.Message().Fields().ByName("metadata") != nil:
			resource := request.Mutable(field).Message()
			metadata := field.Message().Fields().ByName("metadata")
			resource.Mutable(metadata).Message().Set(metadata.Message().Fields().ByName("name"), protoreflect.ValueOfString("one1"))
			switch r := resource.Interface().(type) {
			case *cmfv1.RoleBinding:
				r.Spec = &cmfv1.RoleBindingSpec{Principal: "User:eve", Role: "SystemAdmin"}
			case *cmfv1.EnvironmentSecretMapping:
				r.Spec = &cmfv1.EnvironmentSecretMappingSpec{SecretName: "one1"}
			case *cmfv1.Statement:
				r.Spec = &cmfv1.StatementSpec{ComputePoolName: "one1"}
			}
		}
	}
	return request.Interface()
}

// call makes a call, and of a stream receives the first message.
func call(ctx context.Context, t *testing.T, conn *grpc.ClientConn, method protoreflect.MethodDescriptor, request proto.Message) error {
	t.Helper()
	reply := must(protoregistry.GlobalTypes.FindMessageByName(method.Output().FullName()))(t).New().Interface()
	path := "/" + string(method.Parent().FullName()) + "/" + string(method.Name())
	if !method.IsStreamingServer() {
		return conn.Invoke(ctx, path, request, reply)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, path)
	if err != nil {
		return err
	}
	if err := stream.SendMsg(request); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return errors.Join(stream.CloseSend(), stream.RecvMsg(reply))
}

var matrixRoles = []string{"SystemAdmin", "ClusterAdmin", "UserAdmin", "ResourceOwner", "DeveloperManage", "DeveloperRead", "Nobody"}

// bindMatrixRoles gives the user of each role that role in the installation and in
// one environment.
func (r *replica) bindMatrixRoles(t *testing.T, env string) {
	t.Helper()
	all := map[string][]string{
		env: {"FlinkApplication", "FlinkStatement", "ComputePool", "EnvironmentSecretMapping"},
		"":  {"FlinkEnvironment", "KubernetesCluster", "Secret", "FlinkCatalog", "FlinkDatabase", "DetachedSavepoint", "AgentToken", "AgentIdentity", "MachineToken", "Policy", "ServiceAccountAllowlistEntry", "Installation"},
	}
	for _, role := range matrixRoles[:len(matrixRoles)-1] {
		for environment, types := range all {
			spec := &cmfv1.RoleBindingSpec{Principal: "User:" + role, Role: role, Environment: environment}
			if slices.Contains([]string{"ResourceOwner", "DeveloperManage", "DeveloperRead"}, role) {
				for _, resource := range types {
					spec.Resources = append(spec.Resources, &cmfv1.ResourcePattern{ResourceType: resource, Name: "*"})
				}
			}
			r.bind(t, strings.ToLower(role)+"-"+environment+"x", spec)
		}
	}
}

// TestEveryMethodForEveryRole: each method, as each role, in the environment where
// the role is bound, in another one, and in one that does not exist.
func TestEveryMethodForEveryRole(t *testing.T) {
	r := start(t, fromMetadata(0))
	r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "own1")
	r.saveEnvironment(t, "other1")
	r.bindMatrixRoles(t, "own1")
	await.Success(t, "the role bindings in force", func() error {
		_, err := r.information.GetResourceInformation(as(t.Context(), "DeveloperRead"), &cmfv1.GetResourceInformationRequest{})
		return err
	})
	tested := 0
	protoregistry.GlobalFiles.RangeFilesByPackage("cmf.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				method := methods.Get(j)
				need, known := needs[string(method.Name())]
				if !known {
					t.Errorf("%s is not listed", method.Name())
					continue
				}
				tested++
				for _, role := range matrixRoles {
					refusals := map[string]string{} // without the name of the environment
					for _, env := range []string{"own1", "other1", "absent1"} {
						want := mayCall(role, need)
						if method.Input().Fields().ByName("env_name") != nil && strings.Contains(need, " ") && !strings.HasPrefix(need, "installation") {
							want = want && env == "own1"
						}
						err := call(as(t.Context(), role), t, r.conn, method, example(t, method.Input(), env))
						if got := status.Code(err) != codes.PermissionDenied; got != want {
							t.Errorf("%s as %s in %s: %v", method.Name(), role, env, err)
						}
						if !want {
							refusals[env] = strings.ReplaceAll(status.Convert(err).Message(), env, "")
						}
					}
					if refusals["other1"] != refusals["absent1"] {
						t.Errorf("%s as %s tells an environment that exists from one that does not: %q, %q", method.Name(), role, refusals["other1"], refusals["absent1"])
					}
				}
			}
		}
		return true
	})
	if tested != len(needs) {
		t.Errorf("%d methods are listed, %d exist", len(needs), tested)
	}
}

func readApplications(pattern string) *cmfv1.RoleBindingSpec {
	return &cmfv1.RoleBindingSpec{
		Principal: "User:alice", Role: "DeveloperRead", Environment: "own1",
		Resources: []*cmfv1.ResourcePattern{{ResourceType: "FlinkApplication", Name: pattern, PatternType: "PREFIXED"}},
	}
}

// applicationsOf is a replica with two applications, of which alice may read one.
func applicationsOf(t *testing.T, expires time.Duration) *replica {
	t.Helper()
	r := start(t, fromMetadata(expires))
	r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "own1")
	for _, name := range []string{"team-a", "team-b"} {
		r.saveApplication(t, "own1", name, running)
	}
	r.bind(t, "alice", readApplications("team-a"))
	await.Success(t, "the role binding in force", func() error {
		_, err := r.applications.GetApplication(as(t.Context(), "alice"), &cmfv1.GetApplicationRequest{EnvName: "own1", AppName: "team-a"})
		return err
	})
	return r
}

func TestListsAndTheirTotalsContainWhatMayBeRead(t *testing.T) {
	r := applicationsOf(t, 0)
	page := must(r.applications.ListApplications(as(t.Context(), "alice"), &cmfv1.ListApplicationsRequest{EnvName: "own1"}))(t)
	if len(page.GetItems()) != 1 || page.GetItems()[0].GetMetadata().GetName() != "team-a" || page.GetMetadata().GetSize() != 1 {
		t.Errorf("the page is %v", page)
	}
}

func TestWatchesAreJudgedAgain(t *testing.T) {
	for name, test := range map[string]struct {
		change  func(t *testing.T, r *replica)
		expires time.Duration
		want    codes.Code
	}{
		"when a role is taken away": {change: func(t *testing.T, r *replica) {
			must(cmfv1.NewRoleBindingServiceClient(r.conn).DeleteRoleBinding(t.Context(), &cmfv1.DeleteRoleBindingRequest{RoleBindingName: "alice"}))(t)
		}, want: codes.PermissionDenied},
		"when a role is added":        {change: func(t *testing.T, r *replica) { r.bind(t, "more", readApplications("team-b")) }, want: codes.OutOfRange},
		"when the credentials expire": {change: func(*testing.T, *replica) {}, expires: time.Second, want: codes.Unauthenticated},
	} {
		t.Run(name, func(t *testing.T) {
			r := applicationsOf(t, test.expires)
			stream := must(r.applications.WatchApplications(as(t.Context(), "alice"), &cmfv1.WatchApplicationsRequest{EnvName: "own1"}))(t)
			if first := must(stream.Recv())(t); first.GetObject().GetMetadata().GetName() != "team-a" {
				t.Errorf("the watch begins with %v", first)
			}
			if second := must(stream.Recv())(t); second.GetType() != cmfv1.WatchEventType_WATCH_EVENT_TYPE_SYNCED {
				t.Errorf("the watch shows %v", second)
			}
			test.change(t, r)
			if _, err := stream.Recv(); status.Code(err) != test.want {
				t.Errorf("the watch ended with %v, want %s", err, test.want)
			}
		})
	}
}
