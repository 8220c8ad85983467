package access

import (
	"context"
	"errors"
)

// ErrWouldWait is the error of an Authenticate that would have to wait for somebody
// else, such as an issuer whose keys are needed, where it may not.
var ErrWouldWait = errors.New("authentication would have to wait")

type withoutWaitingKey struct{}

// WithoutWaiting returns a context for an Authenticate that holds up others, who share
// the connection.
func WithoutWaiting(ctx context.Context) context.Context {
	return context.WithValue(ctx, withoutWaitingKey{}, true)
}

// MayWait is false for contexts that WithoutWaiting has made.
func MayWait(ctx context.Context) bool { return ctx.Value(withoutWaitingKey{}) == nil }

// ErrNotVerified is the error of an Authenticate that would have to verify credentials
// where it may not.
var ErrNotVerified = errors.New("the credentials are not verified: too many of the same address were not valid")

type withoutVerifyingKey struct{}

// WithoutVerifying returns a context for an Authenticate that accepts only credentials
// which it has verified before.
func WithoutVerifying(ctx context.Context) context.Context {
	return context.WithValue(ctx, withoutVerifyingKey{}, true)
}

// MayVerify is false for contexts that WithoutVerifying has made.
func MayVerify(ctx context.Context) bool { return ctx.Value(withoutVerifyingKey{}) == nil }
