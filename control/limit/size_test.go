package limit

import (
	"net/netip"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func mustParse(t *testing.T, address string) netip.AddrPort {
	t.Helper()
	parsed, err := netip.ParseAddrPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func TestSizesOfRequests(t *testing.T) {
	sizes, err := NewSizes()
	if err != nil {
		t.Fatal(err)
	}
	for request, size := range map[proto.Message]int{
		&cmfv1.GetEnvironmentRequest{}:            smallRequest,
		&cmfv1.ListEnvironmentsRequest{}:          smallRequest,
		&cmfv1.CreateRoleBindingRequest{}:         smallRequest,
		&cmfv1.BanAgentRequest{}:                  smallRequest,
		&cmfv1.CreateOrUpdateApplicationRequest{}: maxRequest,
		&cmfv1.CreateStatementRequest{}:           maxRequest,
	} {
		if got := sizes[request.ProtoReflect().Descriptor().FullName()]; got != size {
			t.Errorf("%T may have %d bytes, want %d", request, got, size)
		}
	}
}

// TestMethodsNeedASize: one whose request contains a message has to say how large it may
// be.
func TestMethodsNeedASize(t *testing.T) {
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String("note.proto"), Syntax: proto.String("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{
			{Name: proto.String("Note")},
			{Name: proto.String("CreateNoteRequest"), Field: []*descriptorpb.FieldDescriptorProto{{
				Name: proto.String("note"), Number: proto.Int32(1), TypeName: proto.String(".Note"),
				Type: descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
			}}},
		},
		Service: []*descriptorpb.ServiceDescriptorProto{{Name: proto.String("NoteService"), Method: []*descriptorpb.MethodDescriptorProto{
			{Name: proto.String("CreateNote"), InputType: proto.String(".CreateNoteRequest"), OutputType: proto.String(".Note")},
		}}},
	}, protoregistry.GlobalFiles)
	if err != nil {
		t.Fatal(err)
	}
	if size, err := sizeOf(file.Services().Get(0).Methods().Get(0)); err == nil {
		t.Errorf("the request may have %d bytes", size)
	}
}

// TestRequestsThatAreTooLarge: whether or not they were decoded.
func TestRequestsThatAreTooLarge(t *testing.T) {
	sizes, err := NewSizes()
	if err != nil {
		t.Fatal(err)
	}
	small := &cmfv1.GetEnvironmentRequest{EnvName: strings.Repeat("x", smallRequest-8)}
	large := &cmfv1.GetEnvironmentRequest{EnvName: strings.Repeat("x", smallRequest)}
	if sizes.Mark(small, proto.Size(small)) {
		t.Error("a message within the limit is marked")
	}
	if size, err := sizes.Check(small); err != nil || size != proto.Size(small) {
		t.Errorf("a message within the limit has %d bytes, %v", size, err)
	}
	for name, message := range map[string]proto.Message{"decoded": large, "marked": proto.Clone(large)} {
		if name == "marked" && (!sizes.Mark(message, proto.Size(message)) || message.(*cmfv1.GetEnvironmentRequest).GetEnvName() != "") {
			t.Error("the message is not replaced by the mark")
		}
		_, err := sizes.Check(message)
		if status.Code(err) != codes.ResourceExhausted || !strings.Contains(err.Error(), "65536 bytes") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if other := (&cmfv1.Environment{Name: strings.Repeat("x", maxRequest)}); sizes.Mark(other, proto.Size(other)) {
		t.Error("a message that is no request is marked")
	}
}
