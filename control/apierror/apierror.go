// Package apierror is the one place where what goes wrong in the control plane
// becomes a gRPC code and an HTTP status. Everything else makes its errors
// with the constructors here, or returns plain errors, which are internal.
package apierror

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Error is an error whose messages the caller reads.
type Error struct {
	code     codes.Code
	http     int // 0 where the gRPC code implies it
	messages []string
	cause    error
	retry    time.Duration // after which to try again; 0 if that is not said
}

// Error joins the messages.
func (e *Error) Error() string { return strings.Join(e.messages, "; ") }

// Unwrap gives what the error was made from, if anything.
func (e *Error) Unwrap() error { return e.cause }

// Messages are the sentences that the caller reads.
func (e *Error) Messages() []string { return e.messages }

// GRPCStatus makes the error's code and details those of the RPC.
func (e *Error) GRPCStatus() *status.Status {
	body := &cmfv1.RestError{}
	for _, m := range e.messages {
		body.Errors = append(body.Errors, &cmfv1.Error{Message: m})
	}
	details := []protoadapt.MessageV1{protoadapt.MessageV1Of(body)}
	if e.http != 0 {
		details = append(details, protoadapt.MessageV1Of(&cmfv1.HttpStatus{Code: int32(e.http)}))
	}
	if e.retry != 0 {
		details = append(details, protoadapt.MessageV1Of(&errdetails.RetryInfo{RetryDelay: durationpb.New(e.retry)}))
	}
	s := status.New(e.code, e.Error())
	if detailed, err := s.WithDetails(details...); err == nil {
		return detailed
	}
	return s
}

// Invalid says that the request breaks the rules named: INVALID_ARGUMENT, 400.
func Invalid(messages ...string) error {
	return &Error{code: codes.InvalidArgument, messages: messages}
}

// Unprocessable says that the request is well formed but its content cannot
// be, such as a change of an immutable field: INVALID_ARGUMENT, 422.
func Unprocessable(messages ...string) error {
	return &Error{code: codes.InvalidArgument, http: 422, messages: messages}
}

// NotFound says that the resource is not there: NOT_FOUND, 404.
func NotFound(format string, args ...any) error {
	return &Error{code: codes.NotFound, messages: []string{fmt.Sprintf(format, args...)}}
}

// AlreadyExists says that the name is taken: ALREADY_EXISTS, 409.
func AlreadyExists(format string, args ...any) error {
	return &Error{code: codes.AlreadyExists, messages: []string{fmt.Sprintf(format, args...)}}
}

// InUse says that other resources stand in the way: FAILED_PRECONDITION, 409.
func InUse(format string, args ...any) error {
	return &Error{code: codes.FailedPrecondition, http: 409, messages: []string{fmt.Sprintf(format, args...)}}
}

// Conflict says that the resource changed while the request was at work and
// that trying again may succeed: ABORTED, 409.
func Conflict(format string, args ...any) error {
	return &Error{code: codes.Aborted, messages: []string{fmt.Sprintf(format, args...)}}
}

// PreconditionFailed is an error for a request whose precondition does not hold:
// ABORTED, 412.
func PreconditionFailed(format string, args ...any) error {
	return &Error{code: codes.Aborted, http: 412, messages: []string{fmt.Sprintf(format, args...)}}
}

// Gone says that what was asked for existed once: FAILED_PRECONDITION, 410.
func Gone(format string, args ...any) error {
	return &Error{code: codes.FailedPrecondition, http: 410, messages: []string{fmt.Sprintf(format, args...)}}
}

// TooOld says that a version is from before what is still known:
// OUT_OF_RANGE, 410.
func TooOld(format string, args ...any) error {
	return &Error{code: codes.OutOfRange, http: 410, messages: []string{fmt.Sprintf(format, args...)}}
}

// Unavailable says that something Weir depends on does not answer now:
// UNAVAILABLE, 503. The cause is for the log, not for the caller.
func Unavailable(cause error, format string, args ...any) error {
	return &Error{code: codes.Unavailable, messages: []string{fmt.Sprintf(format, args...)}, cause: cause}
}

// Forbidden is an error for what no client is permitted to do: PERMISSION_DENIED,
// 403.
func Forbidden(format string, args ...any) error {
	return &Error{code: codes.PermissionDenied, messages: []string{fmt.Sprintf(format, args...)}}
}

// BadGateway says that something Weir asked for the caller gave an answer that
// cannot be passed on: UNAVAILABLE, 502.
func BadGateway(format string, args ...any) error {
	return &Error{code: codes.Unavailable, http: 502, messages: []string{fmt.Sprintf(format, args...)}}
}

// Timeout says that something Weir asked for the caller took too long:
// DEADLINE_EXCEEDED, 504.
func Timeout(format string, args ...any) error {
	return &Error{code: codes.DeadlineExceeded, messages: []string{fmt.Sprintf(format, args...)}}
}

// TooLarge says that the request is more than can be stored:
// RESOURCE_EXHAUSTED, 413.
func TooLarge(format string, args ...any) error {
	return &Error{code: codes.ResourceExhausted, http: 413, messages: []string{fmt.Sprintf(format, args...)}}
}

// Limited says that the caller has reached a limit, and when to try again:
// RESOURCE_EXHAUSTED, 429.
func Limited(retry time.Duration, format string, args ...any) error {
	return &Error{code: codes.ResourceExhausted, http: 429, messages: []string{fmt.Sprintf(format, args...)}, retry: retry}
}

// OutOfSpace says that nothing can be stored until space is freed:
// RESOURCE_EXHAUSTED, 507.
func OutOfSpace(cause error, format string, args ...any) error {
	return &Error{code: codes.ResourceExhausted, http: 507, messages: []string{fmt.Sprintf(format, args...)}, cause: cause}
}

// ToStatus gives any error its status. Errors that are neither of this package nor
// statuses themselves are internal, and their text stays in the log: a status
// inside of another error is an answer to Weir, not to its caller.
func ToStatus(err error) *status.Status {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return e.GRPCStatus()
	}
	own, isStatus := err.(interface{ GRPCStatus() *status.Status })
	switch {
	case isStatus:
		return own.GRPCStatus()
	case errors.Is(err, context.DeadlineExceeded):
		e = &Error{code: codes.DeadlineExceeded, messages: []string{"The request took too long."}}
	case errors.Is(err, context.Canceled):
		e = &Error{code: codes.Canceled, messages: []string{"The request was cancelled."}}
	default:
		e = &Error{code: codes.Internal, messages: []string{"Internal error."}}
	}
	return e.GRPCStatus()
}

// Violations collects everything that is wrong with a request.
type Violations []string

// Addf notes one violation.
func (v *Violations) Addf(format string, args ...any) { *v = append(*v, fmt.Sprintf(format, args...)) }

// Invalid is nil if there are no violations, otherwise all of them as one 400.
func (v Violations) Invalid() error {
	if len(v) == 0 {
		return nil
	}
	return Invalid(v...)
}

// Unprocessable is nil if there are no violations, otherwise all of them as one
// 422.
func (v Violations) Unprocessable() error {
	if len(v) == 0 {
		return nil
	}
	return Unprocessable(v...)
}
