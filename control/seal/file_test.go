package seal

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestKeysetFilesAreWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keyset.json")
	expect := func(content string) {
		t.Helper()
		text, err := os.ReadFile(path)
		if err != nil || string(text) != content {
			t.Errorf("the file has %q, %v, want %q", text, err, content)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the file is %v, %v", info, err)
		}
		files, err := os.ReadDir(filepath.Dir(path))
		if err != nil || len(files) != 1 {
			t.Errorf("the folder has %v, %v", files, err)
		}
	}
	if err := CreateFile(path, []byte("one")); err != nil {
		t.Fatal(err)
	}
	expect("one")
	if err := CreateFile(path, []byte("two")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a file of the name: %v", err)
	}
	expect("one")
	if err := WriteFile(path, []byte("two")); err != nil {
		t.Fatal(err)
	}
	expect("two")
	// A write that fails leaves the former file, and nothing else.
	failed := errors.New("no")
	if err := writeFile(path, []byte("three"), func(string, string) error { return failed }); !errors.Is(err, failed) {
		t.Errorf("the error is %v", err)
	}
	expect("two")
	if err := WriteFile(filepath.Join(t.TempDir(), "absent", "keyset.json"), nil); err == nil {
		t.Error("a file in a folder that does not exist is written")
	}
}
