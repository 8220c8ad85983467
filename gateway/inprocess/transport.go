package inprocess

import (
	"errors"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
)

// errHeaderSent is for a handler that changes a header which was sent.
var errHeaderSent = errors.New("inprocess: the header was already sent")

// transport takes header and trailer of one call from the handler.
type transport struct {
	method string

	mu      sync.Mutex
	header  metadata.MD
	trailer metadata.MD
	sent    bool
	// onSent is called once, when the header goes out. It may be nil.
	onSent func()
}

var _ grpc.ServerTransportStream = (*transport)(nil)

// Method is the full name of the method called.
func (t *transport) Method() string { return t.method }

// SetHeader adds to the header that will be sent.
func (t *transport) SetHeader(md metadata.MD) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if md.Len() == 0 {
		return nil
	}
	if t.sent {
		return errHeaderSent
	}
	t.header = metadata.Join(t.header, md)
	return nil
}

// SendHeader adds to the header and sends it.
func (t *transport) SendHeader(md metadata.MD) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sent {
		return errHeaderSent
	}
	t.header = metadata.Join(t.header, md)
	t.send()
	return nil
}

// SetTrailer adds to the trailer.
func (t *transport) SetTrailer(md metadata.MD) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if md.Len() > 0 {
		t.trailer = metadata.Join(t.trailer, md)
	}
	return nil
}

// finish sends the header where the handler did not.
func (t *transport) finish() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.send()
}

// send needs the lock.
func (t *transport) send() {
	if t.sent {
		return
	}
	t.sent = true
	if t.onSent != nil {
		t.onSent()
	}
}

// deliver sets what the client requested by call options.
func (t *transport) deliver(options []grpc.CallOption) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, option := range options {
		switch o := option.(type) {
		case grpc.HeaderCallOption:
			*o.HeaderAddr = t.header.Copy()
		case grpc.TrailerCallOption:
			*o.TrailerAddr = t.trailer.Copy()
		case grpc.PeerCallOption:
			*o.PeerAddr = peer.Peer{Addr: address{}, LocalAddr: address{}}
		}
	}
}

func (t *transport) copies() (header, trailer metadata.MD) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.header.Copy(), t.trailer.Copy()
}
