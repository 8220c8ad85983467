package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
)

// maxLine bounds a record, in bytes. What Call and Result hold is smaller.
const maxLine = 64 << 10

// file is a sink of files that replace one another. The complete ones are named after
// the current one and the sequence of their last record.
type file struct {
	path     string
	maxBytes int64
	maxFiles int
	log      *slog.Logger

	handle *os.File // nil while closed
	size   int64
}

func (f *file) open() (last []byte, dropped int64, err error) {
	if err := f.Close(); err != nil {
		f.log.Warn("a file of the audit log could not be closed", "error", err)
	}
	handle, err := os.OpenFile(f.path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, 0, err
	}
	f.handle = handle
	last, complete, err := lastLine(handle)
	if err != nil {
		return nil, 0, err
	}
	info, err := handle.Stat()
	if err != nil {
		return nil, 0, err
	}
	f.size = complete
	if dropped = info.Size() - complete; dropped > 0 {
		if err := handle.Truncate(complete); err != nil {
			return nil, 0, err
		}
	}
	if last == nil {
		// The replica may have stopped between the end of a file and the first record
		// of the next one.
		last, err = f.lastOfFormer()
	}
	return last, dropped, err
}

func (f *file) lastOfFormer() ([]byte, error) {
	former, err := f.former()
	if err != nil || len(former) == 0 {
		return nil, err
	}
	handle, err := os.Open(former[len(former)-1])
	if err != nil {
		return nil, err
	}
	defer func() { _ = handle.Close() }()
	last, _, err := lastLine(handle)
	return last, err
}

// former are the complete files, the oldest first.
func (f *file) former() ([]string, error) {
	directory, base := filepath.Split(f.path)
	entries, err := os.ReadDir(filepath.Clean(directory))
	var paths []string
	for _, entry := range entries { // in the order of their names
		if number, ok := strings.CutPrefix(entry.Name(), base+"."); ok && len(number) == 20 && strings.Trim(number, "0123456789") == "" {
			paths = append(paths, directory+entry.Name())
		}
	}
	return paths, err
}

// lastLine returns the last complete line, nil if there is none, and where it ends.
func lastLine(handle *os.File) (line []byte, end int64, err error) {
	size, err := handle.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, 0, err
	}
	from := max(0, size-2*maxLine) // a complete one and an incomplete one
	tail := make([]byte, size-from)
	if _, err := handle.ReadAt(tail, from); err != nil && !errors.Is(err, io.EOF) {
		return nil, 0, err
	}
	last := bytes.LastIndexByte(tail, '\n')
	if last < 0 {
		if from > 0 {
			return nil, 0, fmt.Errorf("the end of %s is no audit log; move the file away, or use another path", handle.Name())
		}
		return nil, 0, nil
	}
	begin := bytes.LastIndexByte(tail[:last], '\n') + 1
	return tail[begin:last], from + int64(last) + 1, nil
}

func (f *file) write(line []byte, sequence uint64) error {
	if f.size > 0 && f.size+int64(len(line)) > f.maxBytes {
		if err := f.rotate(sequence - 1); err != nil {
			return fmt.Errorf("begin the next file: %w", err)
		}
	}
	n, err := f.handle.Write(line)
	f.size += int64(n)
	return err
}

// rotate puts a new file in the place of the current one, and removes the oldest ones.
func (f *file) rotate(last uint64) error {
	if err := errors.Join(f.handle.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.path, fmt.Sprintf("%s.%020d", f.path, last)); err != nil {
		return err
	}
	var err error
	f.size = 0
	if f.handle, err = os.OpenFile(f.path, os.O_CREATE|os.O_EXCL|os.O_RDWR|os.O_APPEND, 0o600); err != nil {
		return err
	}
	former, err := f.former()
	for len(former) >= f.maxFiles && err == nil {
		err = os.Remove(former[0])
		former = former[1:]
	}
	if err != nil {
		f.log.Warn("an old file of the audit log could not be removed", "error", err)
	}
	return syncDirectory(filepath.Dir(f.path))
}

func syncDirectory(path string) error {
	directory, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(directory.Sync(), directory.Close())
}

func (f *file) sync() error { return f.handle.Sync() }

// Close closes the current file.
func (f *file) Close() error {
	if f.handle == nil {
		return nil
	}
	err := f.handle.Close()
	f.handle = nil
	return err
}
