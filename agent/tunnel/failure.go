package tunnel

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/openweir/weir/agent/flinkendpoint"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// failure is why there is no response, or not all of it.
type failure struct {
	kind    agentv1.TunnelFailure
	message string // for the client
	cause   error  // for the log; may be nil
}

func (f *failure) Error() string {
	if f.cause != nil {
		return f.message + " " + f.cause.Error()
	}
	return f.message
}

func (f *failure) Unwrap() error { return f.cause }

func refuse(kind agentv1.TunnelFailure, format string, args ...any) error {
	return &failure{kind: kind, message: fmt.Sprintf(format, args...)}
}

// Why a fetch is cancelled.
var (
	errCancelled = refuse(agentv1.TunnelFailure_TUNNEL_FAILURE_CANCELLED, "The request was cancelled.")
	errHead      = refuse(agentv1.TunnelFailure_TUNNEL_FAILURE_TIMEOUT, "Flink did not respond in time.")
	errStalled   = refuse(agentv1.TunnelFailure_TUNNEL_FAILURE_TIMEOUT, "The response made no progress for too long.")
	errLong      = refuse(agentv1.TunnelFailure_TUNNEL_FAILURE_TIMEOUT, "The response took too long.")
)

// failureOf turns an error into one for clients. Network errors contain addresses,
// which must not leave the workload cluster.
func failureOf(ctx context.Context, err error) *failure {
	var known *failure
	if errors.As(context.Cause(ctx), &known) || errors.As(err, &known) {
		return known
	}
	f := &failure{kind: agentv1.TunnelFailure_TUNNEL_FAILURE_UNREACHABLE, message: "The Flink cluster is unreachable, or its response was interrupted.", cause: err}
	var dns *net.DNSError
	var operation *net.OpError
	switch {
	case errors.Is(err, flinkendpoint.ErrNotReady):
		f.message = "The Flink cluster is not running."
	case errors.As(err, &dns):
		f.message = "The Flink cluster has no service yet, or its service was deleted."
	case errors.As(err, &operation) && operation.Op == "dial":
		f.message = "The Flink cluster does not respond."
	}
	return f
}
