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

// retryReads retries unary reads whose connection fails, and hedges those that take
// longer than hedgingDelay: they are sent a second time while the first attempt goes
// on. An attempt goes to a replica that the read was not sent to yet, if one is ready.
func retryReads(reads map[string]bool, hedgingDelay time.Duration) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
		if !reads[method] {
			return invoke(ctx, method, request, reply, conn, options...)
		}
		r := read{
			call: func(ctx context.Context, reply any, options []grpc.CallOption) error {
				return invoke(ctx, method, request, reply, conn, options...)
			},
			reply: reply.(proto.Message), options: options, attempts: attempts{},
		}
		for n := 1; ; n++ {
			err := r.hedge(ctx, hedgingDelay)
			if err == nil || n == maxAttempts || ctx.Err() != nil || !isDisconnected(err) {
				return err
			}
		}
	}
}

// read is a unary call that can be sent more than once.
type read struct {
	call     func(context.Context, any, []grpc.CallOption) error
	reply    proto.Message
	options  []grpc.CallOption
	attempts attempts
}

// hedge sends the read, and a second time if there is no answer within the delay. The
// first answer counts.
func (r read) hedge(ctx context.Context, delay time.Duration) error {
	first, endFirst := context.WithCancel(withAttempt(ctx, attempt{read: r.attempts}))
	defer endFirst()
	second, endSecond := context.WithCancel(withAttempt(ctx, attempt{read: r.attempts, hedge: true}))
	defer endSecond()
	var (
		hedged    *hedgedCall
		secondErr error
		ended     = make(chan struct{})
	)
	replyType := r.reply.ProtoReflect().Type() // the first attempt may write to the reply from here on
	timer := time.AfterFunc(delay, func() {
		defer close(ended)
		hedged = newHedgedCall(replyType, r.options)
		secondErr = r.call(second, hedged.reply, hedged.options)
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
	hedged.copyTo(r.reply)
	return secondErr
}

// hedgedCall receives the second answer to a read, so that both calls never write to
// the same reply, header or trailer.
type hedgedCall struct {
	reply    proto.Message
	options  []grpc.CallOption
	metadata []func() // each copies a header or trailer to where the caller wants it
}

func newHedgedCall(reply protoreflect.MessageType, options []grpc.CallOption) *hedgedCall {
	h := &hedgedCall{reply: reply.New().Interface()}
	for _, option := range options {
		switch o := option.(type) {
		case grpc.HeaderCallOption:
			var header metadata.MD
			h.metadata = append(h.metadata, func() { *o.HeaderAddr = header })
			option = grpc.Header(&header)
		case grpc.TrailerCallOption:
			var trailer metadata.MD
			h.metadata = append(h.metadata, func() { *o.TrailerAddr = trailer })
			option = grpc.Trailer(&trailer)
		}
		h.options = append(h.options, option)
	}
	return h
}

// copyTo gives the caller what was received.
func (h *hedgedCall) copyTo(reply proto.Message) {
	proto.Reset(reply)
	proto.Merge(reply, h.reply)
	for _, set := range h.metadata {
		set()
	}
}

// isDisconnected is true for failures of connections. The control plane adds details
// to the errors of its own.
func isDisconnected(err error) bool {
	s := status.Convert(err)
	return s.Code() == codes.Unavailable && len(s.Details()) == 0
}
