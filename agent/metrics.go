package agent

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// outcomes are those of Acks, with what metrics call them.
var outcomes = map[agentv1.Outcome]string{
	agentv1.Outcome_OUTCOME_APPLIED:  "applied",
	agentv1.Outcome_OUTCOME_DELETED:  "deleted",
	agentv1.Outcome_OUTCOME_RETRYING: "retrying",
	agentv1.Outcome_OUTCOME_REFUSED:  "refused",
}

// registerMetrics registers what is measured of the agent until unregister is
// called. All of it is labelled with the cluster, as metrics of many clusters are
// often stored together.
func (a *Agent) registerMetrics(meters metric.MeterProvider) (unregister func(), err error) {
	meter := meters.Meter("github.com/openweir/weir/agent")
	var (
		failed   []error
		all      []metric.Observable
		observes []func(metric.Observer)
	)
	cluster := attribute.String("cluster", a.config.Cluster)
	gauge := func(name, description string, value func() int64) {
		instrument, err := meter.Int64ObservableGauge(name, metric.WithDescription(description))
		failed, all = append(failed, err), append(all, instrument)
		observes = append(observes, func(o metric.Observer) { o.ObserveInt64(instrument, value(), metric.WithAttributes(cluster)) })
	}
	counter := func(name, description string, observe func(add func(value int64, labels ...attribute.KeyValue))) {
		instrument, err := meter.Int64ObservableCounter(name, metric.WithDescription(description))
		failed, all = append(failed, err), append(all, instrument)
		observes = append(observes, func(o metric.Observer) {
			observe(func(value int64, labels ...attribute.KeyValue) {
				o.ObserveInt64(instrument, value, metric.WithAttributes(append(labels, cluster)...))
			})
		})
	}
	gauge("weir.agent.connected", "1 while the agent has a session with the control plane, else 0.", func() int64 {
		if a.connected.Load() {
			return 1
		}
		return 0
	})
	gauge("weir.agent.reports.waiting", "Reports that wait until they can be sent or, in the case of events, are acknowledged.", func() int64 {
		return int64(a.outbox.Waiting())
	})
	counter("weir.agent.acks", "Outcomes of what the control plane desired, as they were reported.", func(add func(int64, ...attribute.KeyValue)) {
		for outcome, name := range outcomes {
			add(a.outbox.Acks(outcome), attribute.String("outcome", name))
		}
	})
	counter("weir.agent.drift.repairs", "Changes by other clients that were reverted.", func(add func(int64, ...attribute.KeyValue)) {
		add(a.repairs())
	})
	counter("weir.agent.events.dropped", "Events that were dropped because too many were not acknowledged.", func(add func(int64, ...attribute.KeyValue)) {
		add(int64(a.outbox.DroppedEvents()))
	})
	counter("weir.agent.kubernetes.requests", "Requests to the API server by the status code of the response, which is 0 where none came.",
		func(add func(int64, ...attribute.KeyValue)) {
			a.requests.each(func(code int, count int64) { add(count, attribute.String("code", strconv.Itoa(code))) })
		})
	if err := errors.Join(failed...); err != nil {
		return func() {}, err
	}
	registration, err := meter.RegisterCallback(func(_ context.Context, observer metric.Observer) error {
		for _, observe := range observes {
			observe(observer)
		}
		return nil
	}, all...)
	if err != nil {
		return func() {}, err
	}
	return func() { _ = registration.Unregister() }, nil
}

// requests counts requests to the API server by status code.
type requests struct {
	mu     sync.Mutex
	counts map[int]int64
}

// noResponse stands for the status code where no response came.
const noResponse = 0

func newRequests() *requests { return &requests{counts: map[int]int64{noResponse: 0}} }

func (r *requests) each(visit func(code int, count int64)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for code, count := range r.counts {
		visit(code, count)
	}
}

// count wraps a transport so that what it sends is counted.
func (r *requests) count(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		response, err := next.RoundTrip(request)
		code := noResponse
		if err == nil {
			code = response.StatusCode
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.counts[code]++
		return response, err
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }
