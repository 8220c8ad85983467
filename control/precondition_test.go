package control

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/openweir/weir/control/store/storetest"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// conditional says of each RPC that changes a resource which one reads it.
var conditional = map[protoreflect.Name]protoreflect.Name{
	"CreateOrUpdateApplication":           "GetApplication",
	"StartApplication":                    "GetApplication",
	"SuspendApplication":                  "GetApplication",
	"DeleteApplication":                   "GetApplication",
	"CreateOrUpdateEnvironment":           "GetEnvironment",
	"DeleteEnvironment":                   "GetEnvironment",
	"UpdateKubernetesCluster":             "GetKubernetesCluster",
	"DeleteKubernetesCluster":             "GetKubernetesCluster",
	"DeleteAgentToken":                    "GetAgentToken",
	"DeleteMachineToken":                  "GetMachineToken",
	"UpdateSecret":                        "GetSecret",
	"UpdateRoleBinding":                   "GetRoleBinding",
	"DeleteRoleBinding":                   "GetRoleBinding",
	"DeleteSecret":                        "GetSecret",
	"UpdatePolicy":                        "GetPolicy",
	"DeletePolicy":                        "GetPolicy",
	"DeleteServiceAccountAllowlistEntry":  "GetServiceAccountAllowlistEntry",
	"UpdateEnvironmentSecretMapping":      "GetEnvironmentSecretMapping",
	"DeleteEnvironmentSecretMapping":      "GetEnvironmentSecretMapping",
	"UpdateKafkaCatalog":                  "GetKafkaCatalog",
	"DeleteKafkaCatalog":                  "GetKafkaCatalog",
	"UpdateKafkaDatabase":                 "GetKafkaDatabase",
	"DeleteKafkaDatabase":                 "GetKafkaDatabase",
	"UpdateComputePool":                   "GetComputePool",
	"DeleteComputePool":                   "GetComputePool",
	"UpdateStatement":                     "GetStatement",
	"DeleteStatement":                     "GetStatement",
	"DeleteSavepointForFlinkApplication":  "GetSavepointForFlinkApplication",
	"DetachSavepointFromFlinkApplication": "GetSavepointForFlinkApplication",
	"DeleteSavepointForFlinkStatement":    "GetSavepointForFlinkStatement",
	"DeleteDetachedSavepoint":             "GetDetachedSavepoint",
}

// written names the RPCs that change or delete something.
var written = []string{"CreateOrUpdate", "Update", "Delete", "Start", "Suspend", "Detach"}

// unconditional are those of them that change no resource.
var unconditional = map[protoreflect.Name]bool{"DeleteOrphan": true}

// named are the resources that the requests of this test are about.
var named = map[protoreflect.Name]string{
	"env_name": "prod", "app_name": "orders", "kubernetes_cluster_name": "cluster-a", "secret_name": "one1", "role_binding_name": "one1", "policy_name": "one1", "entry_name": "one1", "name": "one1", "cat_name": "one1",
	"db_name": "one1", "compute_pool_name": "one1", "stmt_name": "one1", "savepoint_name": "one1", "token_name": "one1", "machine_token_name": "one1", "detached_savepoint_name": "one1",
}

// requestWith makes a request about the named resources. A message in it is the
// resource, and required is its precondition.
func requestWith(t *testing.T, of protoreflect.MessageDescriptor, resource proto.Message, required string) proto.Message {
	t.Helper()
	made, err := request(of)
	if err != nil {
		t.Fatal(err)
	}
	m := made.ProtoReflect()
	for i := range of.Fields().Len() {
		field := of.Fields().Get(i)
		switch value, ok := named[field.Name()]; {
		case ok:
			m.Set(field, protoreflect.ValueOfString(value))
		case field.Kind() == protoreflect.MessageKind:
			m.Set(field, protoreflect.ValueOfMessage(resource.ProtoReflect()))
		case field.Name() == "resource_version":
			m.Set(field, protoreflect.ValueOfString(required))
		}
	}
	return made
}

// read gets a resource, in the form in which it can be sent, and its version.
func read(t *testing.T, conn *grpc.ClientConn, get protoreflect.MethodDescriptor) (resource proto.Message, version string) {
	t.Helper()
	resource, err := request(get.Output())
	if err != nil {
		t.Fatal(err)
	}
	proto.Reset(resource)
	var header metadata.MD
	if err := conn.Invoke(t.Context(), path(get), requestWith(t, get.Input(), nil, ""), resource, grpc.Header(&header)); err != nil {
		t.Fatal(err)
	}
	if app, ok := resource.(*cmfv1.FlinkApplication); ok {
		app.Spec = &cmfv1.JsonObject{Json: `{"image":"flink:1.20","flinkVersion":"v1_20","serviceAccount":"flink","jobManager":{"resource":{"memory":"1g"}},"taskManager":{"resource":{"memory":"1g"}},"job":{"jarURI":"local:///opt/job.jar","parallelism":2,"state":"running","upgradeMode":"stateless"}}`}
	}
	if versions := header.Get("weir-resource-version"); len(versions) == 1 {
		version = versions[0]
	}
	if version == "" || version == "0" {
		t.Fatalf("%s returned version %q", get.Name(), version)
	}
	return resource, version
}

// TestPreconditionsOfEveryKind: no RPC that changes a resource changes it if it does
// not have the version that the request requires.
func TestPreconditionsOfEveryKind(t *testing.T) {
	etcd := storetest.Etcd(t)
	fill(t, etcd)
	conn := serve(t, etcd)
	revision := func() int64 {
		response, err := etcd.Get(t.Context(), "none")
		if err != nil {
			t.Fatal(err)
		}
		return response.Header.Revision
	}
	tested := 0
	protoregistry.GlobalFiles.RangeFilesByPackage("cmf.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				change := methods.Get(j)
				if !isChange(change) {
					continue
				}
				tested++
				t.Run(string(change.Name()), func(t *testing.T) {
					get := methods.ByName(conditional[change.Name()])
					if get == nil {
						t.Fatal("is not listed with the RPC that reads its resource")
					}
					resource, version := read(t, conn, get)
					before := revision()
					for _, required := range []string{"1", "0", "1,1", version + "0", `"` + version + `"`} {
						err := invoke(t.Context(), t, conn, change, requestWith(t, change.Input(), resource, required))
						if status.Code(err) != codes.Aborted || httpStatus(err) != 412 {
							t.Errorf("with version %s required of %s: %v", required, version, err)
						}
					}
					if after := revision(); after != before {
						t.Errorf("the refused requests wrote revisions %d to %d", before+1, after)
					}
					// The resources of this test are too simple for some changes.
					for _, required := range []string{"1," + version, "*"} {
						err := invoke(t.Context(), t, conn, change, requestWith(t, change.Input(), resource, required))
						if status.Code(err) == codes.Aborted {
							t.Errorf("with version %s required of %s: %v", required, version, err)
						}
						if err == nil {
							break // it may be gone
						}
					}
				})
				// Each begins with what the others began with.
				fill(t, etcd)
			}
		}
		return true
	})
	if tested != len(conditional) {
		t.Errorf("there are %d RPCs that change a resource", tested)
	}
}

func isChange(method protoreflect.MethodDescriptor) bool {
	for _, prefix := range written {
		if strings.HasPrefix(string(method.Name()), prefix) {
			return !unconditional[method.Name()]
		}
	}
	return false
}

func invoke(ctx context.Context, t *testing.T, conn *grpc.ClientConn, method protoreflect.MethodDescriptor, ask proto.Message) error {
	t.Helper()
	reply, err := request(method.Output())
	if err != nil {
		t.Fatal(err)
	}
	return conn.Invoke(ctx, path(method), ask, reply)
}

func httpStatus(err error) int32 {
	for _, detail := range status.Convert(err).Details() {
		if d, ok := detail.(*cmfv1.HttpStatus); ok {
			return d.GetCode()
		}
	}
	return 0
}
