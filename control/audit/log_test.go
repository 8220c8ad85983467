package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/openweir/weir/control/audit"
)

func open(t *testing.T, config audit.Config) *audit.Log {
	t.Helper()
	config.Replica, config.Log = "replica-1", slog.New(slog.DiscardHandler)
	log, err := audit.Open(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	return log
}

// record makes a number of changes, each of which is two records.
func record(t *testing.T, log *audit.Log, changes int) {
	t.Helper()
	for i := range changes {
		ctx, change, err := log.Begin(t.Context(), call(fmt.Sprint("trace-", i)))
		if err != nil {
			t.Fatal(err)
		}
		change.End(ctx, audit.Result{Code: "OK"}, "")
	}
}

func call(trace string) audit.Call {
	return audit.Call{TraceID: trace, Caller: "User:alice", Source: "192.0.2.1:4711", Method: "/test", Resource: &audit.Resource{Type: "Test"}}
}

func read(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(strings.Lines(string(text)))
}

func decode(t *testing.T, line string) (record audit.Record) {
	t.Helper()
	if err := json.Unmarshal([]byte(line), &record); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return record
}

func verify(t *testing.T, want audit.Report, paths ...string) {
	t.Helper()
	got, err := audit.Verify(paths...)
	if err != nil {
		t.Fatal(err)
	}
	if got.Hash = ""; got != want {
		t.Errorf("the report is %+v, want %+v", got, want)
	}
}

func TestAChangeIsAPairOfRecords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	record(t, open(t, audit.Config{Path: path}), 1)
	lines := read(t, path)
	if len(lines) != 3 {
		t.Fatalf("there are %d records: %q", len(lines), lines)
	}
	opened, accepted, outcome := decode(t, lines[0]), decode(t, lines[1]), decode(t, lines[2])
	if opened.Phase != audit.Opened || opened.Sequence != 1 || opened.Previous != "" {
		t.Errorf("the log begins with %+v", opened)
	}
	if accepted.Phase != audit.Accepted || accepted.Caller != "User:alice" || accepted.Result != nil {
		t.Errorf("the acceptance is %s", lines[1])
	}
	if outcome.Phase != audit.Outcome || outcome.Accepted != accepted.Sequence || outcome.TraceID != accepted.TraceID || outcome.Code != "OK" {
		t.Errorf("the outcome is %s", lines[2])
	}
	verify(t, audit.Report{Records: 3, First: 1, Last: 3}, path)
}

func TestVerificationFindsTheFirstLineThatIsWrong(t *testing.T) {
	for name, test := range map[string]struct {
		tamper func(lines []string) []string
		want   string
	}{
		"a changed record": {func(lines []string) []string {
			lines[3] = strings.Replace(lines[3], "alice", "mallory", 1)
			return lines
		}, ":5: record 5 does not have the hash of record 4: that one was changed"},
		"a removed record": {func(lines []string) []string { return append(lines[:2], lines[3:]...) }, ":3: record 4 follows record 2"},
		"a removed record and new numbers": {func(lines []string) []string {
			lines[3] = strings.Replace(lines[3], `"sequence":4`, `"sequence":3`, 1)
			return append(lines[:2], lines[3:]...)
		}, ":3: record 3 does not have the hash of record 2"},
		"another order":        {func(lines []string) []string { lines[2], lines[3] = lines[3], lines[2]; return lines }, ":3: record 4 follows record 2"},
		"a record twice":       {func(lines []string) []string { return append(lines[:3], lines[2:]...) }, ":4: record 3 follows record 3"},
		"something else":       {func(lines []string) []string { lines[3] = "{}\n"; return lines }, ":4: it is no record of an audit log"},
		"an incomplete record": {func(lines []string) []string { lines[4] = lines[4][:20]; return lines }, ":5: the record is incomplete"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "audit.jsonl")
			record(t, open(t, audit.Config{Path: path}), 2)
			lines := read(t, path)
			if err := os.WriteFile(path, []byte(strings.Join(test.tamper(lines), "")), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := audit.Verify(path)
			var broken *audit.BrokenError
			if !errors.As(err, &broken) || !strings.HasPrefix(err.Error(), path+test.want) {
				t.Errorf("the error is %v, want %s", err, test.want)
			}
		})
	}
}

func TestTheChainContinuesAfterARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	for range 3 {
		log := open(t, audit.Config{Path: path})
		record(t, log, 1)
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
	}
	verify(t, audit.Report{Records: 9, First: 1, Last: 9}, path)
}

func TestAnIncompleteRecordOfACrashIsRemovedAndReported(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	log := open(t, audit.Config{Path: path})
	_, change, err := log.Begin(t.Context(), call("crashed"))
	if err != nil {
		t.Fatal(err)
	}
	change.End(t.Context(), audit.Result{Code: "OK"}, "")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, int64(len(text)-7)); err != nil { // a part of the outcome
		t.Fatal(err)
	}
	open(t, audit.Config{Path: path})
	lines := read(t, path)
	if opened := decode(t, lines[len(lines)-1]); opened.Sequence != 3 || !strings.Contains(opened.Message, "An incomplete record of") {
		t.Errorf("the log continues with %s", lines[len(lines)-1])
	}
	verify(t, audit.Report{Records: 3, First: 1, Last: 3, Unfinished: 1}, path)
}

func TestAnythingElseIsNotContinued(t *testing.T) {
	for name, text := range map[string]string{
		"a text": "hello\n", "a long line": strings.Repeat("x", 1<<20), "other JSON": "{\"level\":\"INFO\"}\n",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "audit.jsonl")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := audit.Open(audit.Config{Path: path, Replica: "replica-1", Log: slog.New(slog.DiscardHandler)}); err == nil {
				t.Error("it is opened")
			}
			if after, err := os.ReadFile(path); err != nil || string(after) != text {
				t.Errorf("the file was changed: %v", err)
			}
		})
	}
}

func TestRotationKeepsTheChainAndTheNewestFiles(t *testing.T) {
	directory := t.TempDir()
	path := filepath.Join(directory, "audit.jsonl")
	config := audit.Config{Path: path, MaxBytes: 64 << 10, MaxFiles: 3}
	record(t, open(t, config), 600)
	paths, err := filepath.Glob(path + "*")
	if err != nil || len(paths) != 3 {
		t.Fatalf("there are %v, %v", paths, err)
	}
	for _, path := range paths {
		if info, err := os.Stat(path); err != nil || info.Size() > config.MaxBytes {
			t.Errorf("%s has %d bytes, %v", path, info.Size(), err)
		}
	}
	report, err := audit.Verify(paths...)
	if err != nil || report.Last != 1201 || report.First == 1 || report.Records != int(report.Last-report.First)+1 {
		t.Errorf("the report is %+v, %v", report, err)
	}
	if _, err := audit.Verify(paths[0], paths[1]); err == nil {
		t.Error("a file is missing between the others, and that is not found")
	}

	// The replica stopped before the first record of the next file.
	if err := os.Rename(path, fmt.Sprintf("%s.%020d", path, report.Last)); err != nil {
		t.Fatal(err)
	}
	open(t, config)
	if first := decode(t, read(t, path)[0]); first.Sequence != report.Last+1 || first.Previous != report.Hash {
		t.Errorf("the next file begins with %+v", first)
	}
}

// output fails as told, after a part of the line.
type output struct {
	bytes.Buffer
	fails bool
}

func (o *output) Write(p []byte) (int, error) {
	if o.fails {
		n, _ := o.Buffer.Write(p[:len(p)/2])
		return n, io.ErrShortWrite
	}
	return o.Buffer.Write(p)
}

func TestFailuresToWrite(t *testing.T) {
	for name, required := range map[string]bool{"required": true, "best effort": false} {
		t.Run(name, func(t *testing.T) {
			to := &output{}
			log := open(t, audit.Config{Output: to, Required: required})
			to.fails = true
			_, change, err := log.Begin(t.Context(), call("lost"))
			if (err != nil) != required {
				t.Fatalf("the error is %v", err)
			}
			if change != nil {
				change.End(t.Context(), audit.Result{Code: "OK"}, "")
			}
			to.fails = false
			record(t, log, 1)
			lines := strings.Split(strings.TrimSpace(to.String()), "\n")
			opened := decode(t, lines[len(lines)-3])
			if opened.Phase != audit.Opened || opened.Sequence != 2 || !strings.Contains(opened.Message, "could not be written") {
				t.Errorf("the failure is not recorded: %q", lines)
			}
		})
	}
}

// A file is opened again after a failure, which leaves no incomplete record behind.
func TestAFileIsOpenedAgainAfterAFailure(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	log := open(t, audit.Config{Path: path, Required: true})
	if err := log.Close(); err != nil { // so that the next write has to open it
		t.Fatal(err)
	}
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, _, err := log.Begin(t.Context(), call("refused")); err == nil {
		t.Error("the change is accepted")
	}
	if err := errors.Join(os.Remove(path), os.Rename(path+".away", path)); err != nil {
		t.Fatal(err)
	}
	record(t, log, 1)
	verify(t, audit.Report{Records: 4, First: 1, Last: 4}, path)
}

func TestRecordsAreBounded(t *testing.T) {
	to := &output{}
	log := open(t, audit.Config{Output: to})
	long := strings.Repeat("é", 1<<20)
	_, change, err := log.Begin(t.Context(), audit.Call{TraceID: long, Caller: long, Source: long, Resource: &audit.Resource{Environment: long, Name: long}})
	if err != nil {
		t.Fatal(err)
	}
	change.End(context.WithoutCancel(t.Context()), audit.Result{Code: "OK", ReturnedName: long}, long)
	for _, line := range strings.Split(to.String(), "\n") {
		if len(line) > 8<<10 {
			t.Errorf("a record has %d bytes", len(line))
		}
	}
}

func TestConfigurationsThatMakeNoSense(t *testing.T) {
	for name, config := range map[string]audit.Config{
		"nowhere":      {},
		"two places":   {Path: "audit.jsonl", Output: io.Discard},
		"tiny files":   {Path: "audit.jsonl", MaxBytes: 1},
		"a single one": {Path: "audit.jsonl", MaxFiles: 1},
	} {
		if _, err := audit.Open(config); err == nil {
			t.Errorf("%s: it is opened", name)
		}
	}
}

func BenchmarkChange(b *testing.B) {
	for name, required := range map[string]bool{"required": true, "best effort": false} {
		b.Run(name, func(b *testing.B) {
			log, err := audit.Open(audit.Config{Path: filepath.Join(b.TempDir(), "audit.jsonl"), Required: required, Replica: "replica-1", Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = log.Close() }()
			for b.Loop() {
				_, change, err := log.Begin(b.Context(), call("trace"))
				if err != nil {
					b.Fatal(err)
				}
				change.End(b.Context(), audit.Result{Code: "OK"}, "")
			}
		})
	}
}
