package resource

import (
	"fmt"
	"maps"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Now is the time as it is stored and shown, to the millisecond.
func Now() *timestamppb.Timestamp {
	return timestamppb.New(time.Now().UTC().Truncate(time.Millisecond))
}

// UserMetadata is the part of a resource's metadata that is the user's.
func UserMetadata(m *cmfv1.ObjectMeta) *cmfv1.ObjectMeta {
	return &cmfv1.ObjectMeta{Name: m.GetName(), Labels: m.GetLabels(), Annotations: m.GetAnnotations()}
}

// WithName is a copy of an update, with the name in its path where it leaves the
// name out.
func WithName[T interface {
	proto.Message
	GetMetadata() *cmfv1.ObjectMeta
}](update T, name string) T {
	named := proto.CloneOf(update)
	if m := named.GetMetadata(); m != nil && m.GetName() == "" {
		m.Name = name
	}
	return named
}

// UpdateTime is the later of the update timestamps of metadata and of a status.
func UpdateTime(metadata *cmfv1.ObjectMeta, status *timestamppb.Timestamp) *timestamppb.Timestamp {
	own := metadata.GetUpdateTimestamp()
	if status == nil || !status.AsTime().After(own.AsTime()) {
		return own
	}
	return status
}

// WithUpdateTime is metadata with its UpdateTime.
func WithUpdateTime(metadata *cmfv1.ObjectMeta, status *timestamppb.Timestamp) *cmfv1.ObjectMeta {
	update := UpdateTime(metadata, status)
	if update == metadata.GetUpdateTimestamp() {
		return metadata
	}
	return &cmfv1.ObjectMeta{
		Name:              metadata.GetName(),
		Uid:               metadata.GetUid(),
		CreationTimestamp: metadata.GetCreationTimestamp(),
		UpdateTimestamp:   update,
		Labels:            maps.Clone(metadata.GetLabels()),
		Annotations:       maps.Clone(metadata.GetAnnotations()),
	}
}

// Abridge joins names, and counts those beyond the first few.
func Abridge(names []string) string {
	const shown = 10
	if len(names) > shown {
		return strings.Join(names[:shown], ", ") + fmt.Sprintf(" and %d more", len(names)-shown)
	}
	return strings.Join(names, ", ")
}
