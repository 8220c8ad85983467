package gateway

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"
)

// answering makes a client of a gateway that gives one answer.
func answering(t *testing.T, status int, file string) *Client {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(status)
		_, _ = w.Write(text)
	}))
	t.Cleanup(server.Close)
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return New(base, server.Client())
}

// TestErrors has the answers of a real gateway, with most of their stacks taken
// out.
func TestErrors(t *testing.T) {
	for _, test := range []struct {
		file                        string
		sentence                    string
		lost, transient, unwritable bool
	}{
		{file: "parse", sentence: "SQL parse failed. Incorrect syntax near the keyword 'EXECUTE' at line 1, column 24."},
		{file: "parse-end", sentence: `Encountered "<EOF>" at line 1, column 13.`},
		{file: "validation", sentence: "SQL validation failed. From line 1, column 15 to line 1, column 18: Object 'nope' not found"},
		{file: "unbounded", sentence: "Querying an unbounded table 'default_catalog.default_database.g' in batch mode is not allowed. The table source is unbounded."},
		{file: "job-failed", sentence: "Could not acquire the minimum required resources."},
		{file: "session-lost", sentence: "Session '44f868aa-428c-994a-3376-c95d3855b3c5' does not exist.", lost: true},
		{file: "unreachable", sentence: "Connection refused", transient: true},
		{file: "unwritable", sentence: "Internal server error. Could not map response to JSON.", unwritable: true},
	} {
		t.Run(test.file, func(t *testing.T) {
			_, err := answering(t, http.StatusInternalServerError, test.file+".json").OpenSession(t.Context(), "s", nil)
			var failure *Error
			if !errors.As(err, &failure) || failure.Error() != test.sentence {
				t.Fatalf("the error is %v", err)
			}
			if !IsFailure(err) || IsLost(err) != test.lost || IsTransient(err) != test.transient || IsUnwritable(err) != test.unwritable {
				t.Errorf("lost %v, transient %v, unwritable %v", IsLost(err), IsTransient(err), IsUnwritable(err))
			}
		})
	}
}

func TestAnUnreachableGatewayIsNotAFailure(t *testing.T) {
	base := &url.URL{Scheme: "http", Host: "127.0.0.1:1"}
	if _, err := New(base, http.DefaultClient).Version(t.Context()); err == nil || IsFailure(err) {
		t.Errorf("the error is %v", err)
	}
}

func TestMessagesOfJobFailures(t *testing.T) {
	for trace, want := range map[string]string{
		"java.lang.NumberFormatException: For input string: 'x'. Invalid character found.\n\tat org.apache.flink.table.data.binary.BinaryStringDataUtil.toLong(BinaryStringDataUtil.java:1)": "For input string: 'x'. Invalid character found.",
		"java.lang.NullPointerException\n\tat a.b.C.d(C.java:1)": "NullPointerException",
		"":                "",
		"no stack at all": "no stack at all",
		"a.b.C$D: outer\nCaused by: e.f.G: inner\n\tat x": "inner",
		"a.b.CException: first line\nsecond line\n\tat x": "first line\nsecond line",
	} {
		if got := UserMessage(trace); got != want {
			t.Errorf("%q says %q, want %q", trace, got, want)
		}
	}
	if class, sentence := Cause("a.b.CException: outer\nCaused by: e.f.GException: inner"); class != "e.f.GException" || sentence != "inner" {
		t.Errorf("the cause is %q, %q", class, sentence)
	}
}
