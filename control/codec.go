package control

import (
	"fmt"
	"math/bits"
	"sync"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/limit"
)

// messageCodec is gRPC's own codec for protocol buffers over messageBuffers. The
// one that gRPC registers takes the buffers of pages from a pool that has none
// between 32 KiB and 1 MiB, and clears each one whole before it is used.
type messageCodec struct{ sizes limit.Sizes }

var _ encoding.CodecV2 = messageCodec{}

// Name is the content subtype of protocol buffers.
func (messageCodec) Name() string { return "proto" }

// Marshal encodes a message.
func (messageCodec) Marshal(v any) (mem.BufferSlice, error) {
	message, ok := v.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("marshal a %T: it is not a proto message", v)
	}
	size := proto.Size(message)
	options := proto.MarshalOptions{UseCachedSize: true}
	if mem.IsBelowBufferPoolingThreshold(size) {
		encoded, err := options.Marshal(message)
		if err != nil {
			return nil, fmt.Errorf("marshal: %w", err)
		}
		return mem.BufferSlice{mem.SliceBuffer(encoded)}, nil
	}
	buffer := messageBuffers.Get(size)
	if _, err := options.MarshalAppend((*buffer)[:0], message); err != nil {
		messageBuffers.Put(buffer)
		return nil, fmt.Errorf("marshal: %w", err)
	}
	return mem.BufferSlice{mem.NewBuffer(buffer, messageBuffers)}, nil
}

// Unmarshal decodes a message. Of a request that is too large, nothing is decoded.
func (c messageCodec) Unmarshal(data mem.BufferSlice, v any) error {
	message, ok := v.(proto.Message)
	if !ok {
		return fmt.Errorf("unmarshal a %T: it is not a proto message", v)
	}
	if c.sizes.Mark(message, data.Len()) {
		return nil
	}
	encoded := data.MaterializeToBuffer(messageBuffers)
	defer encoded.Free()
	if err := proto.Unmarshal(encoded.ReadOnlyData(), message); err != nil {
		return fmt.Errorf("unmarshal: %w", err)
	}
	return nil
}

// messageBuffers hold messages on their way.
var messageBuffers mem.BufferPool = &bufferPool{}

// The sizes of buffers that are kept, as powers of two: from 1 KiB to 16 MiB, the
// largest message.
const (
	smallestBuffer = 10
	largestBuffer  = 24
)

// bufferPool keeps buffers by size. Unlike gRPC's pools it does not clear them:
// whoever gets one writes all of it.
type bufferPool struct {
	bySize [largestBuffer - smallestBuffer + 1]sync.Pool
}

// Get gives a buffer of the length, with anything in it.
func (p *bufferPool) Get(length int) *[]byte {
	class := max(bits.Len(uint(max(length, 1)-1)), smallestBuffer)
	if class > largestBuffer {
		buffer := make([]byte, length)
		return &buffer
	}
	buffer, ok := p.bySize[class-smallestBuffer].Get().(*[]byte)
	if !ok {
		made := make([]byte, 1<<class)
		buffer = &made
	}
	*buffer = (*buffer)[:length]
	return buffer
}

// Put takes a buffer back.
func (p *bufferPool) Put(buffer *[]byte) {
	class := bits.Len(uint(cap(*buffer))) - 1
	if class < smallestBuffer || class > largestBuffer || cap(*buffer) != 1<<class {
		return // it was not made here
	}
	p.bySize[class-smallestBuffer].Put(buffer)
}
