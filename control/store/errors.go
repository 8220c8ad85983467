package store

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// What operations fail with; test for them with errors.Is.
var (
	// ErrNotFound says that there is no object of that key.
	ErrNotFound = errors.New("not found")
	// ErrExists says that there is an object of that key already.
	ErrExists = errors.New("exists already")
	// ErrConflict says that the object, or whatever a transaction was
	// conditional on, is not as it was when it was read.
	ErrConflict = errors.New("changed meanwhile")
	// ErrTooOld says that changes since the revision are no longer known in
	// full, so that the reader has to list again.
	ErrTooOld = errors.New("revision is too old")
	// ErrUnavailable says that etcd did not answer in time or has no quorum. A
	// write that ends with it may or may not have happened.
	ErrUnavailable = errors.New("etcd is unavailable")
	// ErrNoSpace says that etcd's space quota is used up: it takes no writes
	// until someone makes room and disarms the alarm.
	ErrNoSpace = errors.New("etcd is out of space")
	// ErrTooLarge says that the value or the transaction exceeds etcd's limits.
	ErrTooLarge = errors.New("too large for etcd")
	// ErrLeaseLost says that the lease to write under has expired or was revoked.
	ErrLeaseLost = errors.New("lease is lost")
)

// translate makes of what the etcd client returns one of the errors above, with
// the cause inside. Only a cancellation, and what has no name here, stay bare.
func translate(err error) error {
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, rpctypes.ErrNoSpace):
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	case errors.Is(err, rpctypes.ErrRequestTooLarge), errors.Is(err, rpctypes.ErrTooManyOps):
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	case errors.Is(err, rpctypes.ErrKeyNotFound): // keeping the lease of a key that is not there
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	case errors.Is(err, rpctypes.ErrLeaseNotFound):
		return fmt.Errorf("%w: %w", ErrLeaseLost, err)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	switch code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.ResourceExhausted:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}

func code(err error) codes.Code {
	var etcd rpctypes.EtcdError
	if errors.As(err, &etcd) {
		return etcd.Code()
	}
	return status.Code(err)
}
