package seal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// WriteFile replaces a keyset file, so that after a crash it is either the former one or
// the new one: half a keyset would lose every secret.
func WriteFile(path string, keyset []byte) error {
	return writeFile(path, keyset, os.Rename)
}

// CreateFile writes a keyset file as WriteFile does, if there is no file of the name.
func CreateFile(path string, keyset []byte) error {
	return writeFile(path, keyset, os.Link) // which does not replace anything
}

// writeFile writes a file under another name, and then puts it in its place.
func writeFile(path string, content []byte, place func(from, to string) error) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write keyset %s: %w", path, err)
		}
	}()
	folder := filepath.Dir(path)
	file, err := os.CreateTemp(folder, filepath.Base(path)+".new-*") // only its owner can read it
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }() // if it is still there
	_, err = file.Write(content)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := place(file.Name(), path); err != nil {
		return err
	}
	return syncFolder(folder)
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
