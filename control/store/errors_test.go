package store

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestTranslate(t *testing.T) {
	other := errors.New("other")
	for _, test := range []struct{ from, want error }{
		{rpctypes.ErrNoSpace, ErrNoSpace},
		{rpctypes.ErrRequestTooLarge, ErrTooLarge},
		{rpctypes.ErrTooManyOps, ErrTooLarge},
		{rpctypes.ErrKeyNotFound, ErrNotFound},
		{rpctypes.ErrLeaseNotFound, ErrLeaseLost},
		{rpctypes.ErrNoLeader, ErrUnavailable},
		{rpctypes.ErrLeaderChanged, ErrUnavailable},
		{rpctypes.ErrTimeout, ErrUnavailable},
		{rpctypes.ErrStopped, ErrUnavailable},
		{rpctypes.ErrTooManyRequests, ErrUnavailable},
		{context.DeadlineExceeded, ErrUnavailable},
		{status.Error(codes.Unavailable, "connection refused"), ErrUnavailable},
		{context.Canceled, context.Canceled},
		{other, other},
		{nil, nil},
	} {
		got := translate(test.from)
		if !errors.Is(got, test.want) {
			t.Errorf("%v becomes %v, want %v", test.from, got, test.want)
		}
		if !errors.Is(got, test.from) {
			t.Errorf("%v becomes %v and is lost", test.from, got)
		}
	}
}

func TestOperationsAlwaysHaveADeadline(t *testing.T) {
	ctx, cancel := withDeadline(context.Background())
	defer cancel()
	if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) > operationTimeout {
		t.Errorf("without one of the caller's, the deadline is %v", deadline)
	}
	caller, cancelCaller := context.WithTimeout(context.Background(), time.Hour)
	defer cancelCaller()
	if ctx, cancel := withDeadline(caller); ctx != caller {
		cancel()
		t.Error("the caller's deadline is not kept")
	}
}

func TestRetryingBeginsAtOnceAndIsBounded(t *testing.T) {
	if got := retryDelay(0); got != 0 {
		t.Errorf("the first retry waits %s", got)
	}
	for _, retries := range []int{1, 2, 10, 1000} {
		if got := retryDelay(retries); got < minBackoff/2 || got > maxBackoff {
			t.Errorf("retry %d waits %s", retries, got)
		}
	}
}
