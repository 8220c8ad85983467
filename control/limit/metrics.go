package limit

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// refusal is the limit that a request was refused by.
type refusal int

const (
	requestsPerSecond refusal = iota
	requestsInFlight
	bytesPerSecond
	openWatches
	webUIRequests
	failuresPerSecond
	requestSize
	refusalCount
)

// refusals are their names in metrics.
var refusals = [refusalCount]string{
	requestsPerSecond: "requests-per-second", requestsInFlight: "requests-in-flight", bytesPerSecond: "request-bytes-per-second",
	openWatches: "watches", webUIRequests: "web-ui-requests", failuresPerSecond: "failures-per-second", requestSize: "request-size",
}

// RegisterMetrics registers the counter of refused requests.
func (l *Limiter) RegisterMetrics(meters metric.MeterProvider) error {
	_, err := meters.Meter("github.com/openweir/weir/control/limit").Int64ObservableCounter("weir.requests.limited",
		metric.WithDescription("Requests that were refused because of a limit of their caller."),
		metric.WithInt64Callback(func(_ context.Context, observer metric.Int64Observer) error {
			for by, name := range refusals {
				observer.Observe(l.refused[by].Load(), metric.WithAttributes(attribute.String("limit", name)))
			}
			return nil
		}))
	return err
}
