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
