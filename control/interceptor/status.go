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
		err = apierror.Unavailable(err, "etcd has no space left and takes no writes. Reads go on.")
	case errors.Is(err, store.ErrUnavailable):
		err = apierror.Unavailable(err, "etcd does not answer. Try again.")
	case errors.Is(err, store.ErrTooLarge):
		err = apierror.TooLarge("The request is too large to be stored: etcd takes about 1.5 MB at a time.")
	case errors.Is(err, store.ErrConflict):
		err = apierror.Conflict("The resource was changed by others at the same time. Try again.")
	}
	return apierror.ToStatus(err)
}
