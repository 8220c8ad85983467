package tunnel

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/openweir/weir/agent/flinkendpoint"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// failure is why there is no answer, or not all of it.
type failure struct {
	kind    agentv1.TunnelFailure
	message string // for the client
	cause   error  // for the log; nil where the message says it all
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

// Why a fetch is given up.
var (
	errCancelled = refuse(agentv1.TunnelFailure_TUNNEL_FAILURE_CANCELLED, "Nobody waits for the answer any more.")
	errSlow      = refuse(agentv1.TunnelFailure_TUNNEL_FAILURE_TIMEOUT, "Flink took too long to answer.")
	errStalled   = refuse(agentv1.TunnelFailure_TUNNEL_FAILURE_TIMEOUT, "The answer has stood still for too long.")
	errLong      = refuse(agentv1.TunnelFailure_TUNNEL_FAILURE_TIMEOUT, "The answer took too long as a whole.")
)

// failureOf makes any error one that can be told. The addresses in errors of
// the network are nobody's business outside of the workload cluster.
func failureOf(ctx context.Context, err error) *failure {
	var known *failure
	if errors.As(context.Cause(ctx), &known) || errors.As(err, &known) {
		return known
	}
	f := &failure{kind: agentv1.TunnelFailure_TUNNEL_FAILURE_UNREACHABLE, message: "The Flink cluster cannot be reached, or its answer broke off.", cause: err}
	var dns *net.DNSError
	var dialled *net.OpError
	switch {
	case errors.Is(err, flinkendpoint.ErrNotReady):
		f.message = "The Flink cluster does not run."
	case errors.As(err, &dns):
		f.message = "The Flink cluster has no service yet, or no more."
	case errors.As(err, &dialled) && dialled.Op == "dial":
		f.message = "The Flink cluster does not answer."
	}
	return f
}
