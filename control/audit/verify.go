package audit

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// Report is what verified files contain.
type Report struct {
	Records     int
	First, Last uint64 // sequences
	// Hash is that of the last line, which nothing in the files vouches for.
	Hash string
	// Unfinished are the changes that were accepted in the files and have no outcome
	// there.
	Unfinished int
}

// BrokenError is the first line that does not follow from the one before it.
type BrokenError struct {
	File    string
	Line    int
	Problem string
}

// Error names the line.
func (e *BrokenError) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Problem) }

// Verify verifies the chain of the records of files, which are those of one log in any
// order. The records before the first one may be missing. Its error is a BrokenError,
// or that of reading.
func Verify(paths ...string) (Report, error) {
	paths, err := ordered(paths)
	if err != nil {
		return Report{}, err
	}
	v := verification{unfinished: map[uint64]bool{}}
	for _, path := range paths {
		if err := v.file(path); err != nil {
			return Report{}, err
		}
	}
	v.report.Unfinished = len(v.unfinished)
	return v.report, nil
}

// ordered sorts files by their first record, without those that are empty.
func ordered(paths []string) ([]string, error) {
	first := map[string]uint64{}
	for _, path := range paths {
		handle, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		line, err := newReader(handle).line()
		_ = handle.Close()
		if errors.Is(err, io.EOF) {
			continue
		}
		record, problem := parse(line, err)
		if problem != "" {
			return nil, &BrokenError{path, 1, problem}
		}
		first[path] = record.Sequence
	}
	var out []string
	for path := range first {
		out = append(out, path)
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Compare(first[a], first[b]) })
	return out, nil
}

type verification struct {
	report     Report
	unfinished map[uint64]bool
}

func (v *verification) file(path string) error {
	handle, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = handle.Close() }()
	reader := newReader(handle)
	for number := 1; ; number++ {
		line, err := reader.line()
		if errors.Is(err, io.EOF) {
			return nil
		}
		record, problem := parse(line, err)
		if problem == "" {
			problem = v.next(record)
		}
		if problem != "" {
			return &BrokenError{path, number, problem}
		}
		v.report.Hash = hash(line)
	}
}

// next tells what is wrong with the next record.
func (v *verification) next(record Record) string {
	switch r := &v.report; {
	case r.Records == 0 && record.Sequence == 1 && record.Previous != "":
		return "record 1 refers to a record before it"
	case r.Records == 0:
		r.First = record.Sequence
	case record.Sequence != r.Last+1:
		return fmt.Sprintf("record %d follows record %d: records are missing, or of another log", record.Sequence, r.Last)
	case record.Previous != r.Hash:
		return fmt.Sprintf("record %d does not have the hash of record %d: that one was changed", record.Sequence, r.Last)
	}
	v.report.Records++
	v.report.Last = record.Sequence
	switch record.Phase {
	case Accepted:
		v.unfinished[record.Sequence] = true
	case Outcome:
		delete(v.unfinished, record.Accepted)
	case Opened:
	}
	return ""
}

// parse reads a line, and tells what is wrong with it.
func parse(line []byte, err error) (record Record, problem string) {
	if err != nil {
		return record, err.Error()
	}
	if err := json.Unmarshal(line, &record); err != nil || record.Sequence == 0 {
		return record, "it is no record of an audit log"
	}
	return record, ""
}

type lineReader struct{ *bufio.Reader }

func newReader(from io.Reader) lineReader { return lineReader{bufio.NewReaderSize(from, maxLine)} }

// line returns the next line without its end; io.EOF if there is none.
func (r lineReader) line() ([]byte, error) {
	line, err := r.ReadSlice('\n')
	switch {
	case errors.Is(err, io.EOF) && len(line) > 0:
		return nil, errors.New("the record is incomplete")
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, errors.New("the line is too long for a record")
	case err != nil:
		return nil, err
	}
	return line[:len(line)-1], nil
}
