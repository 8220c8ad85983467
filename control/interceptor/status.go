package interceptor

import (
	"errors"

	"google.golang.org/grpc/status"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/store"
)

// toStatus is apierror.ToStatus for errors that may be the store's.
func toStatus(err error) *status.Status {
	switch {
	case errors.Is(err, store.ErrNoSpace):
		err = apierror.OutOfSpace(err, "etcd's space quota is used up, so nothing can be stored. Reads are not affected. Delete resources, "+
			"or free space in etcd: compact, defragment, and disarm the alarm NOSPACE.")
	case errors.Is(err, store.ErrUnavailable):
		err = apierror.Unavailable(err, "etcd is not available. Try again.")
	case errors.Is(err, store.ErrTooLarge):
		err = apierror.TooLarge("The request is too large to be stored: etcd accepts about 1.5 MB.")
	case errors.Is(err, store.ErrConflict):
		err = apierror.Conflict("The resource was changed concurrently. Try again.")
	}
	return apierror.ToStatus(err)
}
