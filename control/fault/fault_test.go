package fault_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/openweir/weir/control/fault"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func told(messages ...string) *cmfv1.RestError {
	body := &cmfv1.RestError{}
	for _, m := range messages {
		body.Errors = append(body.Errors, &cmfv1.Error{Message: m})
	}
	return body
}

// TestToStatus: what a client is told of each kind of error. The gateway makes
// the REST status code from the gRPC code, unless the details say another.
func TestToStatus(t *testing.T) {
	cause := errors.New("dial 10.0.0.1: refused")
	for name, test := range map[string]struct {
		err  error
		code codes.Code
		text string
		http int32
		body *cmfv1.RestError
	}{
		"invalid":        {fault.Invalid("a: wrong", "b: wrong"), codes.InvalidArgument, "a: wrong; b: wrong", 0, told("a: wrong", "b: wrong")},
		"unprocessable":  {fault.Unprocessable("a: wrong"), codes.InvalidArgument, "a: wrong", 422, told("a: wrong")},
		"not found":      {fault.NotFound("No '%s'.", "x"), codes.NotFound, "No 'x'.", 0, told("No 'x'.")},
		"already exists": {fault.AlreadyExists("A '%s'.", "x"), codes.AlreadyExists, "A 'x'.", 0, told("A 'x'.")},
		"in use":         {fault.InUse("Of '%s'.", "x"), codes.FailedPrecondition, "Of 'x'.", 409, told("Of 'x'.")},
		"conflict":       {fault.Conflict("By %d.", 2), codes.Aborted, "By 2.", 0, told("By 2.")},
		"gone":           {fault.Gone("Was '%s'.", "x"), codes.FailedPrecondition, "Was 'x'.", 410, told("Was 'x'.")},
		"too large":      {fault.TooLarge("Over %d.", 2), codes.ResourceExhausted, "Over 2.", 0, told("Over 2.")},
		"unavailable, whose cause is kept back": {
			fault.Unavailable(cause, "Not now."), codes.Unavailable, "Not now.", 0, told("Not now."),
		},
		"a fault in another error": {
			fmt.Errorf("create: %w", fault.NotFound("None.")), codes.NotFound, "None.", 0, told("None."),
		},
		"a deadline":     {fmt.Errorf("read: %w", context.DeadlineExceeded), codes.DeadlineExceeded, "The request took too long.", 0, told("The request took too long.")},
		"a cancellation": {fmt.Errorf("read: %w", context.Canceled), codes.Canceled, "The request was cancelled.", 0, told("The request was cancelled.")},
		"a status":       {status.Error(codes.Unauthenticated, "Who are you?"), codes.Unauthenticated, "Who are you?", 0, nil},
		"a status that Weir was answered with": {
			fmt.Errorf("read key: %w", status.Error(codes.InvalidArgument, "no such key")), codes.Internal, "Internal error.", 0, told("Internal error."),
		},
		"anything else": {cause, codes.Internal, "Internal error.", 0, told("Internal error.")},
	} {
		t.Run(name, func(t *testing.T) {
			got := fault.ToStatus(test.err)
			if got.Code() != test.code || got.Message() != test.text {
				t.Errorf("it is %s: %q, want %s: %q", got.Code(), got.Message(), test.code, test.text)
			}
			want := []any{}
			if test.body != nil {
				want = append(want, proto.Message(test.body))
			}
			if test.http != 0 {
				want = append(want, proto.Message(&cmfv1.HttpStatus{Code: test.http}))
			}
			if difference := cmp.Diff(want, got.Details(), protocmp.Transform()); difference != "" {
				t.Errorf("the details: want -, got +:\n%s", difference)
			}
		})
	}
	if got := fault.ToStatus(nil); got != nil {
		t.Errorf("no error is %v", got)
	}
}

func TestTheCauseOfAFaultIsForTheLog(t *testing.T) {
	cause := errors.New("cause")
	if err := fault.Unavailable(cause, "Not now."); !errors.Is(err, cause) || err.Error() != "Not now." {
		t.Errorf("the error is %v", err)
	}
}

func TestViolations(t *testing.T) {
	var v fault.Violations
	if err := v.Invalid(); err != nil {
		t.Errorf("none are %v", err)
	}
	if err := v.Unprocessable(); err != nil {
		t.Errorf("none are %v", err)
	}
	v.Addf("%s: must not be empty", "name")
	v.Addf("kind: must be %q", "X")
	for _, err := range []error{v.Invalid(), v.Unprocessable()} {
		var f *fault.Fault
		if !errors.As(err, &f) {
			t.Fatalf("%v is no fault", err)
		}
		if difference := cmp.Diff([]string{"name: must not be empty", `kind: must be "X"`}, f.Messages()); difference != "" {
			t.Errorf("want -, got +:\n%s", difference)
		}
	}
}
