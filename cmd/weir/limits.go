package main

import (
	"fmt"
	"net"

	"github.com/spf13/cobra"
	"go.opentelemetry.io/otel"

	"github.com/openweir/weir/control/limit"
)

// addLimits adds the flags of the limits of each caller.
func addLimits(cmd *cobra.Command, limits *limit.Config) {
	*limits = limit.Default
	f := cmd.Flags()
	for _, flag := range []struct {
		name  string
		value *int
		usage string
	}{
		{"limit-requests-per-second", &limits.RequestsPerSecond, "requests that each caller may send per second"},
		{"limit-requests-in-flight", &limits.RequestsInFlight, "requests that each caller may have in flight"},
		{"limit-request-bytes-per-second", &limits.RequestBytesPerSecond, "bytes of requests that each caller may send per second"},
		{"limit-watches", &limits.Watches, "watches that each caller may have open"},
		{"limit-web-ui-requests", &limits.WebUIRequests, "requests for Flink web UIs that each caller may have open"},
		{"limit-failures-per-second", &limits.FailuresPerSecond, "requests per second from an address whose caller is not authenticated"},
	} {
		f.IntVar(flag.value, flag.name, *flag.value, flag.usage+", of this replica (see docs/limits.md); 0 means no limit")
	}
}

// connectionFlags are the limits of simultaneous connections to each listener.
type connectionFlags struct{ limits limit.Connections }

func (f *connectionFlags) add(cmd *cobra.Command) {
	f.limits = limit.DefaultConnections
	flags := cmd.Flags()
	flags.IntVar(&f.limits.Total, "limit-connections", f.limits.Total, "simultaneous connections to each address that is served; 0 means no limit")
	flags.IntVar(&f.limits.PerAddress, "limit-connections-per-address", f.limits.PerAddress, "of these, those from one address; 0 means no limit")
}

// gate returns what limits the connections of a listener, whose name is that of its
// metrics.
func (f *connectionFlags) gate(listener string) (func(net.Listener) net.Listener, error) {
	if err := f.limits.Validate(); err != nil {
		return nil, fmt.Errorf("--limit-connections, --limit-connections-per-address: %w", err)
	}
	gate, err := limit.NewGate(listener, f.limits, otel.GetMeterProvider())
	if err != nil {
		return nil, err
	}
	return gate.Limit, nil
}
