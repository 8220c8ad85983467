package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// telemetry is metrics for Prometheus, and traces if the standard
// OTEL_EXPORTER_OTLP_ENDPOINT is set.
type telemetry struct {
	metrics http.Handler
	// traces is nil if traces are not exported.
	traces   oteltrace.TracerProvider
	shutdown []func(context.Context) error
}

func startTelemetry(ctx context.Context, service string) (*telemetry, error) {
	identity := resource.NewSchemaless(
		attribute.String("service.name", service),
		attribute.String("service.version", buildVersion().Version),
	)
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(registry))
	if err != nil {
		return nil, fmt.Errorf("export metrics: %w", err)
	}
	meters := metric.NewMeterProvider(metric.WithReader(exporter), metric.WithResource(identity))
	otel.SetMeterProvider(meters)
	t := &telemetry{
		metrics:  promhttp.HandlerFor(registry, promhttp.HandlerOpts{}),
		shutdown: []func(context.Context) error{meters.Shutdown},
	}
	if os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "" {
		return t, nil
	}
	spans, err := otlptracegrpc.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("export traces: %w", err)
	}
	traces := trace.NewTracerProvider(trace.WithBatcher(spans), trace.WithResource(identity))
	otel.SetTracerProvider(traces)
	otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}))
	t.traces = traces
	t.shutdown = append(t.shutdown, traces.Shutdown)
	return t, nil
}

// stop flushes for up to a second, though ctx has ended.
func (t *telemetry) stop(ctx context.Context, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	var failed []error
	for _, shutdown := range t.shutdown {
		failed = append(failed, shutdown(ctx))
	}
	if err := errors.Join(failed...); err != nil {
		log.Warn("failed to flush telemetry", "error", err)
	}
}
