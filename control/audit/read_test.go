package audit_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/openweir/weir/control/audit"
	"github.com/openweir/weir/internal/await"
)

// readAll returns the sequences of the records that a reader finds.
func readAll(t *testing.T, reader *audit.Reader) (sequences []uint64) {
	t.Helper()
	for {
		record, found, err := reader.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !found {
			return sequences
		}
		if got, want := reader.Cursor(), (audit.Cursor{Replica: record.Replica, Sequence: record.Sequence}); got != want {
			t.Errorf("after record %d, the cursor is %s", record.Sequence, got)
		}
		sequences = append(sequences, record.Sequence)
	}
}

func readFrom(t *testing.T, log *audit.Log, cursor audit.Cursor) *audit.Reader {
	t.Helper()
	reader, err := log.Read(cursor)
	if err != nil {
		t.Fatalf("read after %s: %v", cursor, err)
	}
	t.Cleanup(reader.Close)
	return reader
}

// sequence are the numbers from one to another.
func sequence(from, to uint64) (all []uint64) {
	for n := from; n <= to; n++ {
		all = append(all, n)
	}
	return all
}

// rotated is a log whose records are in several files, of which the oldest is gone.
func rotated(t *testing.T) (log *audit.Log, path string, first, last uint64) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "audit.jsonl")
	log = open(t, audit.Config{Path: path, MaxBytes: 64 << 10, MaxFiles: 3})
	record(t, log, 500)
	files, err := filepath.Glob(path + ".*")
	if err != nil || len(files) != 2 {
		t.Fatalf("the files are %v, %v", files, err)
	}
	lines := read(t, files[0])
	return log, path, decode(t, lines[0]).Sequence, 1001
}

func TestRecordsAreReadOverAllFiles(t *testing.T) {
	log, path, first, last := rotated(t)
	if first == 1 {
		t.Fatal("no file is gone")
	}
	if got := readAll(t, readFrom(t, log, audit.Cursor{})); !slices.Equal(got, sequence(first, last)) {
		t.Errorf("%d records are read, from %d, want those from %d to %d", len(got), got[0], first, last)
	}
	for _, after := range []uint64{first, first + 1, (first + last) / 2, last - 1, last} {
		if got := readAll(t, readFrom(t, log, audit.Cursor{Replica: "replica-1", Sequence: after})); !slices.Equal(got, sequence(after+1, last)) {
			t.Errorf("after record %d, %d records are read", after, len(got))
		}
	}
	// The end of each file, too.
	files, _ := filepath.Glob(path + ".*")
	for _, file := range files {
		lines := read(t, file)
		end := decode(t, lines[len(lines)-1]).Sequence
		if got := readAll(t, readFrom(t, log, audit.Cursor{Replica: "replica-1", Sequence: end})); !slices.Equal(got, sequence(end+1, last)) {
			t.Errorf("after record %d, the last of its file, %d records are read", end, len(got))
		}
	}
}

func TestCursorsThatLeadNowhere(t *testing.T) {
	log, _, first, last := rotated(t)
	for name, test := range map[string]struct {
		cursor audit.Cursor
		want   error
	}{
		"a record that is gone":       {audit.Cursor{Replica: "replica-1", Sequence: first - 1}, audit.ErrTooOld},
		"the first record, gone":      {audit.Cursor{Replica: "replica-1", Sequence: 1}, audit.ErrTooOld},
		"a record that is yet to be":  {audit.Cursor{Replica: "replica-1", Sequence: last + 1}, audit.ErrBeyond},
		"another replica":             {audit.Cursor{Replica: "replica-2", Sequence: last}, nil},
		"another replica, with more":  {audit.Cursor{Replica: "replica-2", Sequence: last + 10}, nil},
		"another replica, long since": {audit.Cursor{Replica: "replica-2", Sequence: 1}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			reader, err := log.Read(test.cursor)
			if err == nil {
				reader.Close()
				t.Fatal("it is read")
			}
			other, is := errors.AsType[*audit.OtherReplicaError](err)
			if test.want != nil && !errors.Is(err, test.want) || test.want == nil && (!is || other.Wanted != "replica-2" || other.Replica != "replica-1") {
				t.Errorf("the error is %v", err)
			}
		})
	}
	if _, err := open(t, audit.Config{Output: &strings.Builder{}}).Read(audit.Cursor{}); !errors.Is(err, audit.ErrNoFiles) {
		t.Errorf("a log without files: %v", err)
	}
}

func TestCursorsAreParsed(t *testing.T) {
	for text, want := range map[string]audit.Cursor{
		"": {}, "weir-0:41": {Replica: "weir-0", Sequence: 41}, "host:9-123:7": {Replica: "host:9-123", Sequence: 7},
	} {
		if got, err := audit.ParseCursor(text); err != nil || got != want {
			t.Errorf("%q is %v, %v", text, got, err)
		} else if text != "" && got.String() != text {
			t.Errorf("%q becomes %q", text, got)
		}
	}
	for _, text := range []string{"41", ":41", "weir-0:", "weir-0:0", "weir-0:-1", "weir-0:x"} {
		if _, err := audit.ParseCursor(text); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

// TestALogIsFollowed: over the end of a file, and over one that was removed.
func TestALogIsFollowed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	log := open(t, audit.Config{Path: path, MaxBytes: 64 << 10, MaxFiles: 2})
	reader := readFrom(t, log, audit.Cursor{})
	if got := readAll(t, reader); !slices.Equal(got, sequence(1, 1)) {
		t.Fatalf("the log begins with %v", got)
	}
	next := uint64(2)
	for range 30 {
		grown := log.Grown()
		record(t, log, 20)
		await.Closed(t, "the log to grow", grown)
		if got := readAll(t, reader); !slices.Equal(got, sequence(next, next+39)) {
			t.Fatalf("from record %d on, these are read: %v", next, got)
		}
		next += 40
	}
	record(t, log, 1000) // so that what comes next is gone
	if _, _, err := reader.Next(); !errors.Is(err, audit.ErrTooOld) {
		// The file that it reads may be there a while longer.
		for err == nil {
			_, _, err = reader.Next()
		}
		if !errors.Is(err, audit.ErrTooOld) {
			t.Errorf("a reader that is too slow gets %v", err)
		}
	}
}

// TestARecordThatIsBeingWrittenIsNotRead: nor does it disturb others, when it then is
// replaced.
func TestARecordThatIsBeingWrittenIsNotRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	log := open(t, audit.Config{Path: path})
	record(t, log, 1)
	reader := readFrom(t, log, audit.Cursor{})
	torn, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := torn.WriteString(`{"sequence":4,"prev`); err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, reader); !slices.Equal(got, sequence(1, 3)) {
		t.Errorf("these are read: %v", got)
	}
	if err := errors.Join(torn.Close(), log.Close()); err != nil {
		t.Fatal(err)
	}
	record(t, log, 1) // which removes the torn record first
	if got := readAll(t, reader); !slices.Equal(got, sequence(4, 6)) {
		t.Errorf("these are read then: %v", got)
	}
}
