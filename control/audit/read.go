package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// Errors of Read, apart from those of the files.
var (
	// ErrNoFiles is the error for a log that is written to an output.
	ErrNoFiles = errors.New("the audit log is not kept in files")
	// ErrTooOld is the error for records that are no longer kept.
	ErrTooOld = errors.New("the records are no longer kept")
	// ErrBeyond is the error for records that are not written yet.
	ErrBeyond = errors.New("the records are not written yet")
)

// Cursor is a place in the audit log of a replica: after the record that the replica
// wrote with the sequence. The zero value is the oldest record that is kept.
type Cursor struct {
	Replica  string
	Sequence uint64
}

// String is the form that callers see.
func (c Cursor) String() string { return c.Replica + ":" + strconv.FormatUint(c.Sequence, 10) }

// ParseCursor parses what String returns; an empty text is the zero value.
func ParseCursor(text string) (Cursor, error) {
	if text == "" {
		return Cursor{}, nil
	}
	colon := strings.LastIndexByte(text, ':')
	sequence, err := strconv.ParseUint(text[colon+1:], 10, 64)
	if colon < 1 || err != nil || sequence == 0 {
		return Cursor{}, errors.New("must be a replica and the sequence of a record, such as weir-control-0:41")
	}
	return Cursor{text[:colon], sequence}, nil
}

// OtherReplicaError is the error for the cursor of another replica, whose log is
// elsewhere.
type OtherReplicaError struct{ Wanted, Replica string }

// Error names both replicas.
func (e *OtherReplicaError) Error() string {
	return fmt.Sprintf("it is of the replica '%s', and this one is '%s'", e.Wanted, e.Replica)
}

// Replica is the one whose log this is.
func (l *Log) Replica() string { return l.config.Replica }

// Grown returns a channel that is closed when the next record is written.
func (l *Log) Grown() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.grown
}

// written is the sequence of the last record.
func (l *Log) written() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sequence
}

// Reader reads the records of a log in their order, also while others are written. It
// has to be closed.
type Reader struct {
	log *Log
	// next is the sequence of the next record; 0 for the oldest one.
	next uint64
	// known is a sequence up to which records are written.
	known  uint64
	cursor Cursor
	read   int

	handle *os.File // nil while no file is open
	fresh  bool     // nothing was read of the file
	lines  lineReader
}

// Read returns a reader of the records after a cursor.
func (l *Log) Read(after Cursor) (*Reader, error) {
	if l.config.Path == "" {
		return nil, ErrNoFiles
	}
	// The record of the cursor comes first, since it tells whether it is of this log.
	r := &Reader{log: l, next: after.Sequence, cursor: after}
	if after == (Cursor{}) {
		return r, nil
	}
	record, found, err := r.Next()
	switch {
	case err == nil && found && record.Replica != after.Replica,
		(errors.Is(err, ErrTooOld) || err == nil && !found) && after.Replica != l.config.Replica:
		err = &OtherReplicaError{after.Replica, l.config.Replica}
	case err == nil && !found:
		err = ErrBeyond
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// Close closes the file that is being read.
func (r *Reader) Close() {
	if r.handle != nil {
		_ = r.handle.Close()
		r.handle = nil
	}
}

// Cursor is after the last record that was read.
func (r *Reader) Cursor() Cursor { return r.cursor }

// BytesRead is the size of the records that were read.
func (r *Reader) BytesRead() int { return r.read }

// Next returns the next record; false if there is none at present.
func (r *Reader) Next() (Record, bool, error) {
	for {
		if r.next > r.known || r.known == 0 {
			if r.known = r.log.written(); r.next > r.known || r.known == 0 {
				return Record{}, false, nil
			}
		}
		if r.handle == nil {
			if err := r.open(); err != nil {
				return Record{}, false, err
			}
		}
		record, end, err := r.one()
		switch {
		case (end || err != nil) && !r.fresh:
			// The log goes on in another file, or a record that could not be written
			// completely was replaced.
			r.Close()
			continue
		case err != nil:
			return Record{}, false, fmt.Errorf("read %s: %w", r.handle.Name(), err)
		case end, r.next != 0 && record.Sequence > r.next:
			return Record{}, false, ErrTooOld
		case record.Sequence < r.next:
			continue
		}
		r.fresh = false
		r.next = record.Sequence + 1
		r.cursor = Cursor{record.Replica, record.Sequence}
		return record, true, nil
	}
}

// one reads a record of the file; end is true if there is none.
func (r *Reader) one() (record Record, end bool, err error) {
	line, err := r.lines.line()
	if errors.Is(err, io.EOF) {
		return record, true, nil
	}
	r.read += len(line)
	record, problem := parse(line, err)
	if problem != "" {
		return record, false, errors.New(problem)
	}
	return record, false, nil
}

// open opens the file that has the next record, at a place before the record.
func (r *Reader) open() error {
	handle, err := r.log.openFor(r.next)
	if err != nil {
		return fmt.Errorf("read the audit log: %w", err)
	}
	if err := seek(handle, r.next); err != nil {
		return errors.Join(fmt.Errorf("read %s: %w", handle.Name(), err), handle.Close())
	}
	r.handle, r.fresh, r.lines = handle, true, newReader(handle)
	return nil
}

// openFor opens the file with the record of a sequence, or the oldest file if the record
// is older.
func (l *Log) openFor(sequence uint64) (*os.File, error) {
	l.mu.Lock() // so that no file is replaced meanwhile
	defer l.mu.Unlock()
	former, err := (&file{path: l.config.Path}).former()
	if err != nil {
		return nil, err
	}
	path := l.config.Path
	for _, complete := range former {
		last, err := strconv.ParseUint(complete[strings.LastIndexByte(complete, '.')+1:], 10, 64)
		if err != nil {
			return nil, err
		}
		if sequence <= last {
			path = complete
			break
		}
	}
	return os.Open(path)
}

// seek moves to the beginning of a line at or before the record of a sequence, not far
// from it.
func seek(handle *os.File, sequence uint64) error {
	info, err := handle.Stat()
	if err != nil {
		return err
	}
	from, to := int64(0), info.Size()
	buffer := make([]byte, 2*maxLine)
	for to-from > 2*maxLine {
		middle := from + (to-from)/2
		n, err := handle.ReadAt(buffer, middle)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		begin := bytes.IndexByte(buffer[:n], '\n') + 1
		end := bytes.IndexByte(buffer[begin:n], '\n')
		var record struct{ Sequence uint64 }
		switch {
		case end < 0: // the last record is being written
			to = middle
		case begin == 0 || json.Unmarshal(buffer[begin:begin+end], &record) != nil:
			return errors.New("it is no audit log")
		case record.Sequence <= sequence:
			from = middle + int64(begin)
		default:
			to = middle
		}
	}
	_, err = handle.Seek(from, io.SeekStart)
	return err
}
