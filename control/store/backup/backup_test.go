package backup_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/store/backup"
	"github.com/openweir/weir/control/store/embedded"
	"github.com/openweir/weir/control/store/storetest"
)

const prefix = "/test/v1/"

// client is one of another process.
func client(t *testing.T, server *embedded.Server) *clientv3.Client {
	t.Helper()
	c, err := store.Dial(store.DialConfig{Endpoints: server.Endpoints()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func put(t *testing.T, c *clientv3.Client, key, value string) int64 {
	t.Helper()
	response, err := c.Put(t.Context(), prefix+key, value)
	if err != nil {
		t.Fatal(err)
	}
	return response.Header.Revision
}

// all is what an etcd has under the prefix, and its revision.
func all(t *testing.T, c *clientv3.Client) (map[string]string, int64) {
	t.Helper()
	response, err := c.Get(t.Context(), prefix, clientv3.WithPrefix())
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, kv := range response.Kvs {
		out[strings.TrimPrefix(string(kv.Key), prefix)] = string(kv.Value)
	}
	return out, response.Header.Revision
}

func target(dir string) backup.Target {
	return backup.Target{
		Dir: embedded.DataDir(dir), Member: embedded.Member(), Prefix: prefix,
		Mark: func(int64) (string, []byte, error) { return prefix + "restored", []byte("yes"), nil },
	}
}

// saved makes a backup of an etcd, which it also returns.
func saved(t *testing.T) (path string, etcd *clientv3.Client, revision int64) {
	t.Helper()
	etcd = client(t, storetest.Server(t, embedded.Config{Listen: "127.0.0.1:0"}))
	put(t, etcd, "a", "1")
	revision = put(t, etcd, "b", "1")
	path = filepath.Join(t.TempDir(), "backup")
	info, err := backup.Save(t.Context(), etcd, path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Revision != revision || info.Keys != 2 || info.SHA256 == "" {
		t.Errorf("the backup is %+v, of revision %d", info, revision)
	}
	return path, etcd, revision
}

func TestARestoredEtcdHasWhatWasSavedAndGreaterRevisions(t *testing.T) {
	path, etcd, revision := saved(t)
	put(t, etcd, "a", "2")
	later := put(t, etcd, "c", "1")

	dir := t.TempDir()
	continues, err := backup.Restore(t.Context(), path, target(dir))
	if err != nil {
		t.Fatal(err)
	}
	restored := storetest.Server(t, embedded.Config{Dir: dir}).Client()
	got, now := all(t, restored)
	if len(got) != 3 || got["a"] != "1" || got["b"] != "1" || got["restored"] != "yes" {
		t.Errorf("restored: %v", got)
	}
	if now != continues || continues <= later {
		t.Errorf("etcd is at revision %d, Restore returned %d, and revision %d has been in use", now, continues, later)
	}
	if next := put(t, restored, "d", "1"); next <= continues {
		t.Errorf("the next revision is %d", next)
	}
	// Who watches from a revision of the former history has to read everything again.
	watch := <-restored.Watch(t.Context(), prefix, clientv3.WithPrefix(), clientv3.WithRev(revision+1))
	if watch.CompactRevision == 0 {
		t.Errorf("a watch from revision %d goes on: %+v", revision+1, watch)
	}
}

func TestABackupDoesNotReplaceAFile(t *testing.T) {
	path, etcd, _ := saved(t)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := backup.Save(t.Context(), etcd, path); err == nil || !strings.Contains(err.Error(), "exists already") {
		t.Errorf("the error is %v", err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Error("the file has changed")
	}
}

func TestABackupThatFailsLeavesNoFile(t *testing.T) {
	_, etcd, _ := saved(t)
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := backup.Save(ctx, etcd, filepath.Join(dir, "backup")); err == nil {
		t.Error("it succeeded")
	}
	if left := names(t, dir); len(left) > 0 {
		t.Errorf("it left %v", left)
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, entry := range entries {
		out = append(out, entry.Name())
	}
	return out
}

// sealed appends the hash of a content.
func sealed(content []byte) []byte {
	sum := sha256.Sum256(content)
	return append(slices.Clone(content), sum[:]...)
}

func TestWhatIsNoBackupIsNotRestored(t *testing.T) {
	path, _, _ := saved(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	flipped := slices.Clone(whole)
	flipped[len(flipped)/2] ^= 1
	for name, test := range map[string]struct {
		content []byte
		change  func(*backup.Target)
		want    string
	}{
		"a damaged file":                {content: flipped, want: "the file is damaged: the SHA-256 of its content is"},
		"a file that is cut off":        {content: whole[:len(whole)-4096], want: "the file is damaged"},
		"a file without a hash":         {content: whole[:len(whole)-sha256.Size], want: "does not end with a hash"},
		"an empty file":                 {content: nil, want: "does not end with a hash (0 bytes)"},
		"another file, with its hash":   {content: sealed(bytes.Repeat([]byte("text"), 4096)), want: "the file is damaged, or no backup of etcd"},
		"the state of something else":   {content: whole, change: func(to *backup.Target) { to.Prefix = "/test/v2/" }, want: "no keys that begin with /test/v2/"},
		"a member that is not declared": {content: whole, change: func(to *backup.Target) { to.Member.Name = "other" }, want: "other"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, file := t.TempDir(), filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(file, test.content, 0o600); err != nil {
				t.Fatal(err)
			}
			to := target(dir)
			if test.change != nil {
				test.change(&to)
			}
			_, err := backup.Restore(t.Context(), file, to)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("the error is %v, want %q", err, test.want)
			}
			if left := names(t, dir); len(left) > 0 {
				t.Errorf("it left %v", left)
			}
		})
	}
}

func TestARestoreReplacesNothing(t *testing.T) {
	path, _, _ := saved(t)
	dir := t.TempDir()
	if _, err := backup.Restore(t.Context(), path, target(dir)); err != nil {
		t.Fatal(err)
	}
	if _, err := backup.Restore(t.Context(), path, target(dir)); err == nil || !strings.Contains(err.Error(), "the directory is not empty") {
		t.Errorf("the error is %v", err)
	}
	if got := names(t, embedded.DataDir(dir)); !slices.Equal(got, []string{"member"}) {
		t.Errorf("the directory has %v", got)
	}
}

// Each member of a cluster is restored by itself, and they must be equal.
func TestMembersOfOneClusterAreRestoredAlike(t *testing.T) {
	path, _, _ := saved(t)
	var revisions []int64
	for _, name := range []string{"etcd-0", "etcd-1"} {
		to := target(t.TempDir())
		to.Dir = filepath.Join(t.TempDir(), "data")
		to.Member = backup.Member{
			Name: name, PeerURL: "http://" + name + ":2380", Token: "restored",
			Cluster: "etcd-0=http://etcd-0:2380,etcd-1=http://etcd-1:2380",
		}
		revision, err := backup.Restore(t.Context(), path, to)
		if err != nil {
			t.Fatal(err)
		}
		revisions = append(revisions, revision)
		if got := names(t, to.Dir); !slices.Equal(got, []string{"member"}) {
			t.Errorf("the directory has %v", got)
		}
	}
	if revisions[0] != revisions[1] {
		t.Errorf("the members continue from %v", revisions)
	}
}
