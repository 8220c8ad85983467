package audit

import (
	"context"
	"encoding/json"
	"sync/atomic"

	"google.golang.org/protobuf/proto"
)

// PreviousDigest is the digest of a specification before a change. In JSON it is null if
// the resource did not exist.
type PreviousDigest struct {
	// Known is set if the change has looked at the resource.
	Known  bool
	Digest string // empty if the resource did not exist
}

// IsZero is true if the digest is not known, and so left out.
func (d PreviousDigest) IsZero() bool { return !d.Known }

// MarshalJSON encodes a digest that is known.
func (d PreviousDigest) MarshalJSON() ([]byte, error) {
	if d.Digest == "" {
		return []byte("null"), nil
	}
	return json.Marshal(d.Digest)
}

// UnmarshalJSON decodes a digest.
func (d *PreviousDigest) UnmarshalJSON(text []byte) error {
	d.Known, d.Digest = true, ""
	if string(text) == "null" {
		return nil
	}
	return json.Unmarshal(text, &d.Digest)
}

type beforeKey struct{}

// withBefore returns a context for a change that notes with NoteBefore what it finds, and
// where that then is.
func withBefore(ctx context.Context) (context.Context, *atomic.Pointer[PreviousDigest]) {
	before := &atomic.Pointer[PreviousDigest]{}
	return context.WithValue(ctx, beforeKey{}, before), before
}

// NoteBefore notes the resource that a change is about, as the transaction of the change
// has found it: nil if there is none. A transaction that starts over notes it again. find
// is only called if changes are recorded.
func NoteBefore(ctx context.Context, find func() proto.Message) {
	before, recorded := ctx.Value(beforeKey{}).(*atomic.Pointer[PreviousDigest])
	if !recorded {
		return
	}
	noted := &PreviousDigest{Known: true}
	if resource := find(); resource != nil {
		if HasSecrets(resource.ProtoReflect().Descriptor()) {
			return
		}
		noted.Digest = SpecDigest(resource.ProtoReflect())
	}
	before.Store(noted)
}

// NoteAbsent is NoteBefore for a resource that does not exist.
func NoteAbsent(ctx context.Context) {
	NoteBefore(ctx, func() proto.Message { return nil })
}
