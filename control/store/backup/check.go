package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"

	"github.com/coreos/go-semver/semver"
	"go.etcd.io/etcd/api/v3/version"
	"go.etcd.io/etcd/etcdutl/v3/snapshot"
	"go.uber.org/zap"
)

// Info describes a backup.
type Info struct {
	// Revision is that of etcd at the time of the backup.
	Revision int64
	Keys     int
	// Size is in bytes.
	Size int64
	// SHA256 is that of the content, which the file ends with.
	SHA256 string
}

// Check reads a backup as a whole. Its error says that the file is damaged, is no
// backup, or was written by a version of etcd that is not known.
func Check(path string) (Info, error) {
	digest, err := checkDigest(path)
	if err != nil {
		return Info{}, err
	}
	status, err := snapshot.NewV3(zap.NewNop()).Status(path)
	if err != nil {
		return Info{}, fmt.Errorf("the file is damaged, or no backup of etcd: %w", err)
	}
	if err := checkVersion(status.Version); err != nil {
		return Info{}, err
	}
	return Info{Revision: status.Revision, Keys: status.TotalKey, Size: status.TotalSize, SHA256: digest}, nil
}

// checkDigest compares the content of a backup with the hash at its end.
func checkDigest(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	stat, err := file.Stat()
	if err != nil {
		return "", err
	}
	content := stat.Size() - sha256.Size
	// The pages of the database are multiples of this.
	if content <= 0 || content%512 != 0 {
		return "", fmt.Errorf("the file is incomplete, or no backup of etcd: it does not end with a hash (%d bytes)", stat.Size())
	}
	hash := sha256.New()
	if _, err := io.CopyN(hash, file, content); err != nil {
		return "", err
	}
	want, err := io.ReadAll(file)
	if err != nil {
		return "", err
	}
	if sum := hash.Sum(nil); !bytes.Equal(sum, want) {
		return "", fmt.Errorf("the file is damaged: the SHA-256 of its content is %x, and it ends with %x", sum, want)
	}
	return hex.EncodeToString(want), nil
}

// checkVersion accepts the storage versions up to that of the etcd in this release.
// Those before 3.6 are not stored.
func checkVersion(stored string) error {
	if stored == "" {
		return nil
	}
	has, err := semver.NewVersion(stored)
	if err != nil {
		return fmt.Errorf("the version of its storage is %q: %w", stored, err)
	}
	known := semver.Must(semver.NewVersion(version.Version))
	if has.Major > known.Major || has.Major == known.Major && has.Minor > known.Minor {
		return fmt.Errorf("it was written by etcd %d.%d, and this release of Weir knows etcd up to %d.%d", has.Major, has.Minor, known.Major, known.Minor)
	}
	return nil
}
