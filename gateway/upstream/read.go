package upstream

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// reads are the full names of the methods that change nothing: those that REST
// has as GET.
func reads() map[string]bool {
	found := map[string]bool{}
	protoregistry.GlobalFiles.RangeFilesByPackage(cmfv1.File_cmf_v1_environment_proto.Package(), func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				method := service.Methods().Get(j)
				rule, _ := proto.GetExtension(method.Options(), annotations.E_Http).(*annotations.HttpRule)
				if rule.GetGet() != "" {
					found[fmt.Sprintf("/%s/%s", service.FullName(), method.Name())] = true
				}
			}
		}
		return true
	})
	return found
}

const (
	// shortAttempts is how many attempts of a read end after the timeout of an
	// attempt. Those after them have all of the time that is left.
	shortAttempts = 3
	maxAttempts   = 5
)

// retryReads repeats unary reads that got no answer: those whose connection failed,
// and those that took longer than an attempt may. Everything else is the answer.
func retryReads(reads map[string]bool, timeout time.Duration) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
		if !reads[method] {
			return invoke(ctx, method, request, reply, conn, options...)
		}
		for n := 1; ; n++ {
			attempt, cancel := ctx, func() {}
			if n <= shortAttempts {
				attempt, cancel = context.WithTimeout(ctx, timeout)
			}
			err := invoke(attempt, method, request, reply, conn, options...)
			late := attempt.Err() != nil
			cancel()
			if err == nil || ctx.Err() != nil || n == maxAttempts || !late && !isDisconnected(err) {
				return err
			}
		}
	}
}

// isDisconnected is true for failures of connections. The control plane adds details
// to the errors of its own.
func isDisconnected(err error) bool {
	s := status.Convert(err)
	return s.Code() == codes.Unavailable && len(s.Details()) == 0
}
