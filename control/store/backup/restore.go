package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"go.etcd.io/etcd/etcdutl/v3/snapshot"
	"go.etcd.io/etcd/server/v3/lease"
	"go.etcd.io/etcd/server/v3/storage/backend"
	"go.etcd.io/etcd/server/v3/storage/mvcc"
	"go.uber.org/zap"
)

// revisionsSkipped is by how much the revision of the restored etcd exceeds that of
// the backup. etcd must not have got further than that since the backup: revisions are
// never used a second time, with another content. At 1,000 changes a second, it takes
// 11 days.
const revisionsSkipped = 1_000_000_000

// Member is a member of the restored etcd cluster, as in etcd's own flags.
type Member struct {
	Name string
	// PeerURL is its URL for the other members.
	PeerURL string
	// Cluster has all members as name=url,…; Token keeps clusters apart.
	Cluster, Token string
}

// Target is what a backup is restored to.
type Target struct {
	// Dir is the data directory of the member. It must be empty or not exist.
	Dir    string
	Member Member
	// Prefix begins the keys that the backup must have.
	Prefix string
	// Mark is an entry that is added. It is given the revision that the restored etcd
	// continues from, which is greater than any that there was before.
	Mark func(revision int64) (key string, value []byte, err error)
}

// Restore makes the data directory of one member of a new etcd cluster from a
// backup. The members of one cluster are restored from the same file, each with a
// directory of its own. It returns the revision that the cluster continues from.
// Unless it succeeds, it leaves nothing in the directory.
func Restore(ctx context.Context, path string, to Target) (int64, error) {
	revision, err := restore(ctx, path, to)
	if err != nil {
		return 0, fmt.Errorf("restore %s to %s: %w", path, to.Dir, err)
	}
	return revision, nil
}

func restore(ctx context.Context, path string, to Target) (int64, error) {
	if err := checkEmpty(to.Dir); err != nil {
		return 0, err
	}
	if _, err := Check(path); err != nil {
		return 0, err
	}
	_, err := os.Stat(to.Dir)
	made := errors.Is(err, os.ErrNotExist)
	if err := os.MkdirAll(to.Dir, 0o700); err != nil {
		return 0, err
	}
	revision, err := restoreTo(ctx, path, to)
	if err != nil && made {
		_ = os.Remove(to.Dir)
	}
	return revision, err
}

func restoreTo(ctx context.Context, path string, to Target) (int64, error) {
	work, err := os.MkdirTemp(to.Dir, ".restore-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(work) }()
	database := filepath.Join(work, "database")
	if err := copyFile(database, path); err != nil {
		return 0, err
	}
	revision, err := mark(ctx, database, to)
	if err != nil {
		return 0, err
	}
	data := filepath.Join(work, "data")
	err = snapshot.NewV3(zap.NewNop()).Restore(snapshot.RestoreConfig{
		SnapshotPath: database, SkipHashCheck: true, // it was checked, and has been changed since
		OutputDataDir: data, Name: to.Member.Name, PeerURLs: []string{to.Member.PeerURL},
		InitialCluster: to.Member.Cluster, InitialClusterToken: to.Member.Token,
		RevisionBump: revisionsSkipped, MarkCompacted: true,
	})
	if err != nil {
		return 0, err
	}
	if err := os.Rename(filepath.Join(data, "member"), filepath.Join(to.Dir, "member")); err != nil {
		return 0, err
	}
	return revision, syncDir(to.Dir)
}

// checkEmpty fails if a directory has content. A new file system has a directory
// lost+found.
func checkEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	if slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() != "lost+found" }) {
		return errors.New("the directory is not empty: restore to a new one, or move its content away first")
	}
	return nil
}

func copyFile(to, from string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}

// mark adds the entry of a target to a database, whose keys it checks, and returns
// the revision that the restored etcd continues from. It is the same for each member.
func mark(ctx context.Context, database string, to Target) (int64, error) {
	be := backend.NewDefaultBackend(zap.NewNop(), database)
	defer func() { _ = be.Close() }()
	kv := mvcc.NewStore(zap.NewNop(), be, &lease.FakeLessor{}, mvcc.StoreConfig{})
	defer func() { _ = kv.Close() }()
	found, err := kv.Range(ctx, []byte(to.Prefix), prefixEnd(to.Prefix), mvcc.RangeOptions{Limit: 1})
	if err != nil {
		return 0, fmt.Errorf("read the backup: %w", err)
	}
	if len(found.KVs) == 0 {
		return 0, fmt.Errorf("it has no keys that begin with %s: it is no backup of Weir, or of a version that this release does not know", to.Prefix)
	}
	revision := found.Rev + 1 + revisionsSkipped
	key, value, err := to.Mark(revision)
	if err != nil {
		return 0, err
	}
	kv.Put([]byte(key), value, lease.NoLease)
	kv.Commit()
	return revision, nil
}

// prefixEnd is the first key after those with a prefix.
func prefixEnd(prefix string) []byte {
	end := []byte(prefix)
	end[len(end)-1]++ // it ends with a slash
	return end
}
