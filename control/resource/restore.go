package resource

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
)

// restoresName is the collection of the RestoreRecord, which has the only key
// restoreKey.
const (
	restoresName = "restores"
	restoreKey   = "last"
)

// ReasonClusterAhead is the reason of a resource whose object on the cluster is newer
// than the resource, which was restored from a backup.
const ReasonClusterAhead = "ClusterAhead"

// IsBehind reports whether the cluster has a newer generation of a resource than the
// record of it, as far as its agent has reported. uid and generation are those of the
// record.
func IsBehind(uid string, generation int64, reported *storev1.StatusRecord) bool {
	return uid != "" && reported.GetOwnerUid() == uid &&
		(reported.GetGeneration() > generation || reported.GetProblem().GetReason() == ReasonClusterAhead)
}

// RestoreMark is the entry of etcd, of which all keys begin with prefix, that says
// that it was restored from a backup and continues from a revision.
func RestoreMark(prefix string, revision int64) (key string, value []byte, err error) {
	value, err = proto.Marshal(&storev1.RestoreRecord{Revision: revision})
	if err != nil {
		return "", nil, fmt.Errorf("encode the record of the restore: %w", err)
	}
	return prefix + restoresName + "/" + restoreKey, value, nil
}

// Restored is the revision from which etcd has continued after the last restore from a
// backup; 0 if it never was restored. Everything that was stored, begun or sent before
// has a smaller revision, epoch or generation.
func (o *Ownership) Restored(at store.Reader) int64 {
	return o.restores.In(at).Get(restoreKey).Message().GetRevision()
}

// NextGeneration is the generation of a resource after a change of what the cluster
// is to have of it. generation is the one before. It is greater than the one that the
// cluster has, even if that is newer than the backup that etcd was restored from: each
// generation takes a revision of its own, so none is greater than the revision.
func (o *Ownership) NextGeneration(at store.Reader, generation int64) int64 {
	return max(generation+1, o.Restored(at))
}
