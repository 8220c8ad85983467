package interceptor

import (
	"errors"

	"google.golang.org/grpc/status"

	"github.com/openweir/weir/control/fault"
	"github.com/openweir/weir/control/store"
)

// toStatus is fault.ToStatus for errors that may be the store's.
func toStatus(err error) *status.Status {
	switch {
	case errors.Is(err, store.ErrNoSpace):
		err = fault.Unavailable(err, "etcd has no space left and takes no writes. Reads go on.")
	case errors.Is(err, store.ErrUnavailable):
		err = fault.Unavailable(err, "etcd does not answer. Try again.")
	case errors.Is(err, store.ErrTooLarge):
		err = fault.TooLarge("The request is too large to be stored: etcd takes about 1.5 MB at a time.")
	case errors.Is(err, store.ErrConflict):
		err = fault.Conflict("The resource was changed by others at the same time. Try again.")
	}
	return fault.ToStatus(err)
}
