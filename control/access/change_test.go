package access_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/openweir/weir/control/access"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// TestChangesAreTheMethodsThatAreNotNamedAfterAView: all of them are unary.
func TestChangesAreTheMethodsThatAreNotNamedAfterAView(t *testing.T) {
	table, err := access.NewTable()
	if err != nil {
		t.Fatal(err)
	}
	changes := table.Changes()
	for full := range table {
		name := full[strings.LastIndexByte(full, '/')+1:]
		view := false
		for _, prefix := range []string{"Get", "List", "Watch", "Fetch"} {
			view = view || strings.HasPrefix(name, prefix)
		}
		if changes[full] == view {
			t.Errorf("%s is a change: %t", full, changes[full])
		}
		found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(strings.ReplaceAll(full[1:], "/", ".")))
		if err != nil {
			t.Fatal(err)
		}
		if method := found.(protoreflect.MethodDescriptor); changes[full] && (method.IsStreamingClient() || method.IsStreamingServer()) {
			t.Errorf("%s is a change and a stream, which is not recorded", full)
		}
	}
	if len(changes) == 0 {
		t.Error("there are none")
	}
}

func TestTheResourceOfACall(t *testing.T) {
	table, err := access.NewTable()
	if err != nil {
		t.Fatal(err)
	}
	for method, test := range map[string]struct {
		request proto.Message
		want    string
	}{
		cmfv1.ApplicationService_DeleteApplication_FullMethodName: {
			&cmfv1.DeleteApplicationRequest{EnvName: "prod", AppName: "orders"}, "FlinkApplication prod orders",
		},
		cmfv1.StatementService_CreateStatement_FullMethodName: {&cmfv1.CreateStatementRequest{
			EnvName: "prod", Statement: &cmfv1.Statement{Metadata: &cmfv1.ObjectMeta{Name: "query"}},
		}, "FlinkStatement prod query"},
		cmfv1.StatementService_DeleteStatement_FullMethodName:     {&cmfv1.DeleteStatementRequest{}, "FlinkStatement  "},
		cmfv1.RoleBindingService_DeleteRoleBinding_FullMethodName: {&cmfv1.DeleteRoleBindingRequest{RoleBindingName: "team"}, "RoleBinding  team"},
	} {
		resourceType, environment, name := table.Resource(method, test.request)
		if got := resourceType + " " + environment + " " + name; got != test.want {
			t.Errorf("%s: %q, want %q", method, got, test.want)
		}
	}
}
