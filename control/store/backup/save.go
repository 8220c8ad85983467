// Package backup saves what etcd has to a file, and makes a data directory of etcd
// from such a file.
package backup

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Save writes a snapshot of etcd to a new file. It has all that was acknowledged
// before the call, as of one revision. The file appears when it is complete and has
// been checked. The client is directed to one member of the cluster.
func Save(ctx context.Context, client *clientv3.Client, path string) (Info, error) {
	info, err := save(ctx, client, path)
	if err != nil {
		return Info{}, fmt.Errorf("back up etcd to %s: %w", path, err)
	}
	return info, nil
}

func save(ctx context.Context, client *clientv3.Client, path string) (Info, error) {
	if _, err := os.Lstat(path); err == nil {
		return Info{}, errors.New("the file exists already")
	}
	if err := selectMember(ctx, client); err != nil {
		return Info{}, err
	}
	// A linearizable read: the member now has everything that was acknowledged.
	if _, err := client.Get(ctx, "/", clientv3.WithCountOnly()); err != nil {
		return Info{}, fmt.Errorf("read the current revision: %w", err)
	}
	partial, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return Info{}, err
	}
	defer func() { _ = os.Remove(partial.Name()) }()
	err = download(ctx, client, partial)
	if err = errors.Join(err, partial.Close()); err != nil {
		return Info{}, err
	}
	info, err := Check(partial.Name())
	if err != nil {
		return Info{}, err
	}
	// Unlike a rename, a link does not replace a file that has appeared meanwhile.
	if err := os.Link(partial.Name(), path); err != nil {
		return Info{}, err
	}
	return info, syncDir(filepath.Dir(path))
}

// selectMember directs the client to the leader of the cluster, or if that is not
// among the endpoints, to the member that has applied most.
func selectMember(ctx context.Context, client *clientv3.Client) error {
	var errs []error
	var selected string
	var applied uint64
	for _, endpoint := range client.Endpoints() {
		status, err := client.Status(ctx, endpoint)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("ask %s for its status: %w", endpoint, err))
			continue
		case status.Leader == status.Header.MemberId:
			client.SetEndpoints(endpoint)
			return nil
		case selected == "" || status.RaftAppliedIndex > applied:
			selected, applied = endpoint, status.RaftAppliedIndex
		}
	}
	if selected != "" {
		client.SetEndpoints(selected)
		return nil
	}
	return errors.Join(errs...)
}

// download writes the snapshot with its hash, which etcd appends to it.
func download(ctx context.Context, client *clientv3.Client, file *os.File) error {
	snapshot, err := client.SnapshotWithVersion(ctx)
	if err != nil {
		return fmt.Errorf("request a snapshot: %w", err)
	}
	defer snapshot.Snapshot.Close()
	size, err := io.Copy(file, snapshot.Snapshot)
	if err != nil {
		return fmt.Errorf("receive the snapshot: %w", err)
	}
	if size <= sha256.Size {
		return errors.New("receive the snapshot: it is empty")
	}
	if err := file.Sync(); err != nil {
		return fmt.Errorf("write the snapshot: %w", err)
	}
	return nil
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
