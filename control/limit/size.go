package limit

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/openweir/weir/control/apierror"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// The sizes of requests, in bytes.
const (
	smallRequest = 64 << 10
	maxRequest   = 8 << 20
)

var requestSizes = map[cmfv1.RequestSize]int{
	cmfv1.RequestSize_REQUEST_SIZE_SMALL: smallRequest,
	cmfv1.RequestSize_REQUEST_SIZE_LARGE: maxRequest,
}

// Sizes are the largest requests of the public API, in bytes, by the types of their
// messages.
type Sizes map[protoreflect.FullName]int

// NewSizes returns the sizes of all requests. Its error lists the methods without one.
func NewSizes() (Sizes, error) {
	sizes := Sizes{}
	var wrong []error
	protoregistry.GlobalFiles.RangeFilesByPackage(cmfv1.File_cmf_v1_limit_proto.Package(), func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				method := methods.Get(j)
				size, err := sizeOf(method)
				if err != nil {
					wrong = append(wrong, fmt.Errorf("request size of %s: %w", method.FullName(), err))
				}
				request := method.Input().FullName()
				sizes[request] = max(sizes[request], size)
			}
		}
		return true
	})
	return sizes, errors.Join(wrong...)
}

// Largest is the size of the largest request of all.
func (s Sizes) Largest() int { return maxRequest }

func sizeOf(method protoreflect.MethodDescriptor) (int, error) {
	option, _ := proto.GetExtension(method.Options(), cmfv1.E_RequestSize).(cmfv1.RequestSize)
	if size, known := requestSizes[option]; known {
		return size, nil
	}
	fields := method.Input().Fields()
	for i := range fields.Len() {
		if fields.Get(i).Message() != nil {
			return 0, errors.New("it has none, and the request contains another message")
		}
	}
	return smallRequest, nil
}

// markNumber is a field number that no message can have.
const markNumber protowire.Number = 19_000

// Mark replaces what a message is to be decoded from, if its encoding of some bytes is
// too large for its type, so that not even decoding it costs anything; Check then fails.
// A decoder cannot refuse a message with a status of its own.
func (s Sizes) Mark(message proto.Message, size int) (marked bool) {
	if size <= smallRequest {
		return false
	}
	m := message.ProtoReflect()
	if largest, known := s[m.Descriptor().FullName()]; !known || size <= largest {
		return false
	}
	proto.Reset(message)
	m.SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, markNumber, protowire.VarintType), uint64(size)))
	return true
}

// Check returns the size of a request in bytes, or an error for its caller if it is too
// large.
func (s Sizes) Check(request proto.Message) (size int, err error) {
	m := request.ProtoReflect()
	largest, known := s[m.Descriptor().FullName()]
	if !known {
		return proto.Size(request), nil
	}
	if unknown := m.GetUnknown(); len(unknown) > 0 {
		if number, _, n := protowire.ConsumeTag(unknown); n > 0 && number == markNumber {
			return 0, tooLarge(largest)
		}
	}
	if size = proto.Size(request); size > largest {
		return 0, tooLarge(largest)
	}
	return size, nil
}

func tooLarge(largest int) error {
	return apierror.TooLarge("The request is larger than %d bytes, the limit of this method.", largest)
}
