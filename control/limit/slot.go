package limit

import (
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// slot is what a request holds while it is under way.
type slot int

const (
	inFlight slot = iota
	watch
	webUI
	slotCount
)

// slots say how a request is refused that finds none.
var slots = [slotCount]struct {
	refusal refusal
	message string
}{
	inFlight: {requestsInFlight, "%s already has %d requests in flight, which is the limit."},
	watch:    {openWatches, "%s already has %d open watches, which is the limit."},
	webUI:    {webUIRequests, "%s already has %d open requests for Flink web UIs, which is the limit."},
}

// streams are the methods of the public API whose requests last.
func streams() map[string]slot {
	found := map[string]slot{}
	protoregistry.GlobalFiles.RangeFilesByPackage(cmfv1.File_cmf_v1_limit_proto.Package(), func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				if method := methods.Get(j); method.IsStreamingServer() {
					found[fullMethod(method)] = watch
				}
			}
		}
		return true
	})
	found[cmfv1.FlinkWebUIService_FetchFlinkWebUI_FullMethodName] = webUI
	return found
}

func fullMethod(method protoreflect.MethodDescriptor) string {
	return "/" + string(method.Parent().FullName()) + "/" + string(method.Name())
}
