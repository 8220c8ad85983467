package interceptor_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/openweir/weir/control/audit"
	"github.com/openweir/weir/control/interceptor"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func auditTo(t *testing.T, to io.Writer, required bool) func(*interceptor.Config) {
	t.Helper()
	log, err := audit.Open(audit.Config{Output: to, Required: required, Replica: "replica-1", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return func(config *interceptor.Config) { config.Audit = log }
}

func change(t *testing.T, conn *grpc.ClientConn) error {
	t.Helper()
	ctx := metadata.AppendToOutgoingContext(t.Context(), "x-request-id", "request-7", "x-forwarded-for", "203.0.113.9")
	_, err := cmfv1.NewEnvironmentServiceClient(conn).CreateOrUpdateEnvironment(ctx,
		&cmfv1.CreateOrUpdateEnvironmentRequest{Environment: &cmfv1.Environment{Name: "prod1"}})
	return err
}

// TestEveryChangeHasAnOutcome: whatever happens to it.
func TestEveryChangeHasAnOutcome(t *testing.T) {
	for name, test := range map[string]struct {
		do      func() error
		code    codes.Code
		message string
	}{
		"a success":  {func() error { return nil }, codes.OK, ""},
		"an error":   {func() error { return status.Error(codes.NotFound, "None.") }, codes.NotFound, "None."},
		"a timeout":  {func() error { return status.Error(codes.DeadlineExceeded, "Too late.") }, codes.DeadlineExceeded, "Too late."},
		"a panic":    {func() error { panic("boom") }, codes.Internal, "panic"},
		"a detail":   {func() error { return errors.New("secret detail") }, codes.Internal, "Internal error."},
		"long texts": {func() error { return status.Error(codes.Aborted, strings.Repeat("x", 1<<16)) }, codes.Aborted, strings.Repeat("x", 1024) + "…"},
	} {
		t.Run(name, func(t *testing.T) {
			to := &bytes.Buffer{}
			conn, _ := serve(t, test.do, auditTo(t, to, true))
			if err := unary(t.Context(), conn); test.code == codes.OK && err != nil { // a view
				t.Fatal(err)
			}
			if err := change(t, conn); status.Code(err) != test.code {
				t.Errorf("the change ended with %v", err)
			}
			lines := strings.Split(strings.TrimSpace(to.String()), "\n")
			if len(lines) != 3 {
				t.Fatalf("there are %d records: %q", len(lines), lines)
			}
			for i, line := range lines[1:] {
				var got audit.Record
				if err := json.Unmarshal([]byte(line), &got); err != nil {
					t.Fatal(err)
				}
				if got.TraceID != "request-7" || got.Caller != "User:ANONYMOUS" || got.Source != "bufconn" || got.Resource.Name != "prod1" {
					t.Errorf("the record is %s", line)
				}
				if i == 1 && (got.Phase != audit.Outcome || got.Code != test.code.String() || got.Message != test.message) {
					t.Errorf("the outcome is %s", line)
				}
			}
		})
	}
}

type broken struct{ fails bool }

func (b *broken) Write(p []byte) (int, error) {
	if b.fails {
		return 0, errors.New("no space left on device")
	}
	return len(p), nil
}

func TestAChangeThatCannotBeRecordedDoesNotHappen(t *testing.T) {
	for name, test := range map[string]struct {
		required bool
		want     codes.Code
		calls    int
	}{
		"where that is required": {true, codes.Unavailable, 0},
		"unless it may":          {false, codes.OK, 1},
	} {
		t.Run(name, func(t *testing.T) {
			to, calls := &broken{}, 0
			conn, _ := serve(t, func() error { calls++; return nil }, auditTo(t, to, test.required))
			to.fails = true
			if err := change(t, conn); status.Code(err) != test.want {
				t.Errorf("the change ended with %v", err)
			}
			if calls != test.calls {
				t.Errorf("the service was called %d times", calls)
			}
		})
	}
}
