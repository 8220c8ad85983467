package upstream

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
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

// maxAttempts bounds how often a read is sent whose connections fail.
const maxAttempts = 3

// repeatReads repeats unary reads that get no answer: those whose connection fails,
// and, while they go on, those that take longer than the patience. The latter goes to
// another replica, as a request is under way at the first one.
func repeatReads(reads map[string]bool, patience time.Duration) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
		if !reads[method] {
			return invoke(ctx, method, request, reply, conn, options...)
		}
		r := read{
			call: func(ctx context.Context, reply any, options []grpc.CallOption) error {
				return invoke(ctx, method, request, reply, conn, options...)
			},
			reply: reply.(proto.Message), options: options,
		}
		for n := 1; ; n++ {
			err := r.attempt(ctx, patience)
			if err == nil || n == maxAttempts || ctx.Err() != nil || !isDisconnected(err) {
				return err
			}
		}
	}
}

// read is a unary call that can be sent more than once.
type read struct {
	call    func(context.Context, any, []grpc.CallOption) error
	reply   proto.Message
	options []grpc.CallOption
}

// attempt sends the read, and a second time if there is no answer for as long as
// the patience. The first answer counts.
func (r read) attempt(ctx context.Context, patience time.Duration) error {
	first, endFirst := context.WithCancel(ctx)
	defer endFirst()
	second, endSecond := context.WithCancel(ctx)
	defer endSecond()
	var (
		apart     apart
		secondErr error
		ended     = make(chan struct{})
	)
	timer := time.AfterFunc(patience, func() {
		defer close(ended)
		apart = newApart(r)
		secondErr = r.call(second, apart.reply, apart.options)
		if secondErr == nil || !isDisconnected(secondErr) {
			endFirst()
		}
	})
	err := r.call(first, r.reply, r.options)
	if timer.Stop() {
		return err
	}
	if first.Err() == nil && (err == nil || !isDisconnected(err)) {
		endSecond()
		<-ended
		return err
	}
	<-ended
	if err == nil { // both came at the same time
		return nil
	}
	apart.handOver(r.reply)
	return secondErr
}

// apart is where the second answer to a read goes, so that it does not meet the
// first one.
type apart struct {
	reply    proto.Message
	options  []grpc.CallOption
	handOver func(reply proto.Message)
}

func newApart(r read) apart {
	a := apart{reply: r.reply.ProtoReflect().New().Interface()}
	var moves []func()
	for _, option := range r.options {
		switch o := option.(type) {
		case grpc.HeaderCallOption:
			var header metadata.MD
			moves = append(moves, func() { *o.HeaderAddr = header })
			option = grpc.Header(&header)
		case grpc.TrailerCallOption:
			var trailer metadata.MD
			moves = append(moves, func() { *o.TrailerAddr = trailer })
			option = grpc.Trailer(&trailer)
		}
		a.options = append(a.options, option)
	}
	a.handOver = func(reply proto.Message) {
		proto.Reset(reply)
		proto.Merge(reply, a.reply)
		for _, move := range moves {
			move()
		}
	}
	return a
}

// isDisconnected is true for failures of connections. The control plane adds details
// to the errors of its own.
func isDisconnected(err error) bool {
	s := status.Convert(err)
	return s.Code() == codes.Unavailable && len(s.Details()) == 0
}
