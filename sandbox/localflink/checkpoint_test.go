package localflink

import (
	"os"
	"path/filepath"
	"testing"
)

func TestRetainedCheckpoint(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"job/chk-9/_metadata", "job/chk-10/_metadata", "job/chk-11/unfinished", "job/shared/_metadata", "other/chk-99/_metadata"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tests := map[string]struct{ folder, job, want string }{
		"the newest that is complete": {"file://" + dir, "job", "file://" + dir + "/job/chk-10"},
		"a folder without a scheme":   {dir, "job", "file://" + dir + "/job/chk-10"},
		"a job without checkpoints":   {"file://" + dir, "none", ""},
		"a folder elsewhere":          {"s3://bucket", "job", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := RetainedCheckpoint(test.folder, test.job)
			if got != test.want || err != nil {
				t.Errorf("got %q and %v, want %q", got, err, test.want)
			}
		})
	}
}
