package control

import (
	"context"

	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store/backup"
)

// Restore makes the data directory of a member of etcd from a backup, and notes in it
// that workload clusters may have what is newer. It returns the revision that etcd
// continues from.
func Restore(ctx context.Context, path, dir string, member backup.Member) (int64, error) {
	return backup.Restore(ctx, path, backup.Target{
		Dir: dir, Member: member, Prefix: Prefix + "/",
		Mark: func(revision int64) (string, []byte, error) { return resource.RestoreMark(Prefix+"/", revision) },
	})
}
