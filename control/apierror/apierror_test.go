package apierror_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/openweir/weir/control/apierror"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func told(messages ...string) *cmfv1.RestError {
	body := &cmfv1.RestError{}
	for _, m := range messages {
		body.Errors = append(body.Errors, &cmfv1.Error{Message: m})
	}
	return body
}

// TestToStatus tests the response for each kind of error. The gateway derives the
// REST status code from the gRPC code, unless the details contain another.
func TestToStatus(t *testing.T) {
	cause := errors.New("dial 10.0.0.1: refused")
	for name, test := range map[string]struct {
		err  error
		code codes.Code
		text string
		http int32
		body *cmfv1.RestError
	}{
		"invalid":        {apierror.Invalid("a: wrong", "b: wrong"), codes.InvalidArgument, "a: wrong; b: wrong", 0, told("a: wrong", "b: wrong")},
		"unprocessable":  {apierror.Unprocessable("a: wrong"), codes.InvalidArgument, "a: wrong", 422, told("a: wrong")},
		"not found":      {apierror.NotFound("No '%s'.", "x"), codes.NotFound, "No 'x'.", 0, told("No 'x'.")},
		"already exists": {apierror.AlreadyExists("A '%s'.", "x"), codes.AlreadyExists, "A 'x'.", 0, told("A 'x'.")},
		"in use":         {apierror.InUse("Of '%s'.", "x"), codes.FailedPrecondition, "Of 'x'.", 409, told("Of 'x'.")},
		"conflict":       {apierror.Conflict("By %d.", 2), codes.Aborted, "By 2.", 0, told("By 2.")},
		"precondition":   {apierror.PreconditionFailed("Is %d.", 2), codes.Aborted, "Is 2.", 412, told("Is 2.")},
		"gone":           {apierror.Gone("Was '%s'.", "x"), codes.FailedPrecondition, "Was 'x'.", 410, told("Was 'x'.")},
		"too large":      {apierror.TooLarge("Over %d.", 2), codes.ResourceExhausted, "Over 2.", 413, told("Over 2.")},
		"out of space, without the cause": {
			apierror.OutOfSpace(cause, "Full."), codes.ResourceExhausted, "Full.", 507, told("Full."),
		},
		"unavailable, without the cause": {
			apierror.Unavailable(cause, "Not now."), codes.Unavailable, "Not now.", 0, told("Not now."),
		},
		"an error in another error": {
			fmt.Errorf("create: %w", apierror.NotFound("None.")), codes.NotFound, "None.", 0, told("None."),
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
			got := apierror.ToStatus(test.err)
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
	if got := apierror.ToStatus(nil); got != nil {
		t.Errorf("no error is %v", got)
	}
}

func TestTheCauseOfAnErrorIsOnlyLogged(t *testing.T) {
	cause := errors.New("cause")
	if err := apierror.Unavailable(cause, "Not now."); !errors.Is(err, cause) || err.Error() != "Not now." {
		t.Errorf("the error is %v", err)
	}
}

func TestViolations(t *testing.T) {
	var v apierror.Violations
	if err := v.Invalid(); err != nil {
		t.Errorf("none are %v", err)
	}
	if err := v.Unprocessable(); err != nil {
		t.Errorf("none are %v", err)
	}
	v.Addf("%s: must not be empty", "name")
	v.Addf("kind: must be %q", "X")
	for _, err := range []error{v.Invalid(), v.Unprocessable()} {
		var e *apierror.Error
		if !errors.As(err, &e) {
			t.Fatalf("%v is no apierror.Error", err)
		}
		if difference := cmp.Diff([]string{"name: must not be empty", `kind: must be "X"`}, e.Messages()); difference != "" {
			t.Errorf("want -, got +:\n%s", difference)
		}
	}
}

func TestLimitedSaysWhenToTryAgain(t *testing.T) {
	got := apierror.ToStatus(apierror.Limited(1500*time.Millisecond, "Over %d a second.", 2))
	want := []any{
		&cmfv1.RestError{Errors: []*cmfv1.Error{{Message: "Over 2 a second."}}}, &cmfv1.HttpStatus{Code: 429},
		&errdetails.RetryInfo{RetryDelay: durationpb.New(1500 * time.Millisecond)},
	}
	if difference := cmp.Diff(want, got.Details(), protocmp.Transform()); got.Code() != codes.ResourceExhausted || difference != "" {
		t.Errorf("it is %s, and the details: want -, got +:\n%s", got.Code(), difference)
	}
}
