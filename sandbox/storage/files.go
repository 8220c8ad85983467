package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/json"
)

// reserve is how many revisions are reserved at a time, so that the file that
// holds the ceiling is written seldom.
const reserve = 10_000

// clusterScope stands for the namespace in the path of an object that has
// none; no namespace can be called so.
const clusterScope = "_"

// files keeps objects in a folder, as objects/<resource>/<namespace>/<name>.
// A file is replaced by renaming, so it is whole even if the process dies. It
// is not forced to the disk: a sandbox has to outlive its process, not a power
// cut.
type files struct {
	dir string
	// ceiling is above every revision that was ever handed out.
	ceiling uint64
}

func openFiles(dir string) (*files, error) {
	f := &files{dir: dir}
	// What a process left half written is of no use.
	if err := os.RemoveAll(filepath.Join(dir, "unfinished")); err != nil {
		return nil, fmt.Errorf("clean the directory of the sandbox: %w", err)
	}
	for _, name := range []string{"objects", "unfinished"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			return nil, fmt.Errorf("create the directory of the sandbox: %w", err)
		}
	}
	data, err := os.ReadFile(f.ceilingPath())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return f, nil
	case err != nil:
		return nil, fmt.Errorf("read the revision of the sandbox: %w", err)
	}
	f.ceiling, err = strconv.ParseUint(strings.TrimSpace(string(data)), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("read the revision of the sandbox from %s: %w", f.ceilingPath(), err)
	}
	return f, nil
}

func (f *files) ceilingPath() string { return filepath.Join(f.dir, "revision") }

func (f *files) path(key Key) string {
	namespace := key.Namespace
	if namespace == "" {
		namespace = clusterScope
	}
	return filepath.Join(f.dir, "objects", key.Resource, namespace, key.Name)
}

// load hands every object in the folder to a function.
func (f *files) load(add func(key Key, value map[string]any, data []byte, written time.Time)) error {
	root := filepath.Join(f.dir, "objects")
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		relative, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		parts := strings.Split(relative, string(filepath.Separator))
		if len(parts) != 3 {
			return nil
		}
		key := Key{Resource: parts[0], Namespace: parts[1], Name: parts[2]}
		if key.Namespace == clusterScope {
			key.Namespace = ""
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("read %s: %w", key, err)
		}
		var value map[string]any
		if err := json.Unmarshal(data, &value); err != nil {
			return fmt.Errorf("the file %s of the sandbox is corrupt; remove it to continue: %w", path, err)
		}
		info, err := entry.Info()
		if err != nil {
			return fmt.Errorf("read %s: %w", key, err)
		}
		add(key, value, data, info.ModTime())
		return nil
	})
}

// save writes what the events of one transaction made, and keeps the ceiling
// above its revision.
func (f *files) save(revision uint64, events []Event) error {
	if revision >= f.ceiling {
		ceiling := revision + reserve
		if err := f.replace(f.ceilingPath(), []byte(strconv.FormatUint(ceiling, 10)+"\n")); err != nil {
			return err
		}
		f.ceiling = ceiling
	}
	for _, event := range events {
		path := f.path(event.Object.Key)
		if event.Type == Deleted {
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("remove %s: %w", event.Object.Key, err)
			}
			continue
		}
		if event.Type == Added {
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				return fmt.Errorf("create the directory of %s: %w", event.Object.Key, err)
			}
		}
		if err := f.replace(path, event.Object.JSON); err != nil {
			return err
		}
	}
	return nil
}

// replace writes a file as a whole.
func (f *files) replace(path string, data []byte) error {
	file, err := os.CreateTemp(filepath.Join(f.dir, "unfinished"), "")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = file.Write(data)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(file.Name()))
	}
	return nil
}
