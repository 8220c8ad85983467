package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"

	"github.com/openweir/weir/gateway/metadataservice"
	"github.com/openweir/weir/gen/openapi"
)

// Defaults of Config.
const (
	DefaultMaxBodyBytes = 4 << 20
	DefaultTimeout      = 60 * time.Second
)

// Config is what a gateway is made from.
type Config struct {
	// Conn leads to the control plane. Required. The gateway only reads its
	// responses, so that an in-process connection may share them.
	Conn grpc.ClientConnInterface
	// SharedReplies says that Conn hands on messages that are in use elsewhere and
	// never change, so that an item of a list which comes again is known.
	SharedReplies bool
	// PassCertificates passes the certificates that clients authenticate with on to a
	// control plane in another process. One in the same process learns of them anyway.
	PassCertificates bool
	// MetadataService is where users log in; nil if they cannot.
	MetadataService *metadataservice.Client
	// Log receives what goes wrong. Required.
	Log *slog.Logger
	// Ready reports whether requests can be served; nil means always. Its error
	// is shown at /readyz?verbose.
	Ready func(context.Context) error
	// Warnings are shown at /readyz?verbose while requests can be served; nil for
	// none.
	Warnings func() []string
	// MaxBodyBytes bounds request bodies. 0 means DefaultMaxBodyBytes.
	MaxBodyBytes int64
	// Timeout bounds a call of the control plane. 0 means DefaultTimeout.
	Timeout time.Duration
	// Metrics is served at /metrics, if there is one.
	Metrics http.Handler
	// OpenAPI is the document served at /openapi.json, as JSON. Nil means the
	// one that was generated with this build.
	OpenAPI []byte
	// TracerProvider receives a trace of each request. Nil means that requests
	// are not traced, which spares them the instrumentation.
	TracerProvider trace.TracerProvider
	// MeterProvider receives metrics of requests. Nil means OpenTelemetry's
	// global one.
	MeterProvider metric.MeterProvider
}

// complete fills in defaults and reports everything that is wrong.
func (c *Config) complete() error {
	var problems []error
	if c.Conn == nil {
		problems = append(problems, errors.New("config.Conn is required"))
	}
	if c.Log == nil {
		problems = append(problems, errors.New("config.Log is required"))
	}
	if c.MaxBodyBytes < 0 {
		problems = append(problems, errors.New("config.MaxBodyBytes must not be negative"))
	}
	if c.Timeout < 0 {
		problems = append(problems, errors.New("config.Timeout must not be negative"))
	}
	if c.OpenAPI == nil {
		c.OpenAPI = openapi.JSON
	}
	if !json.Valid(c.OpenAPI) {
		problems = append(problems, errors.New("the OpenAPI document is not valid JSON"))
	}
	if c.Ready == nil {
		c.Ready = func(context.Context) error { return nil }
	}
	if c.Warnings == nil {
		c.Warnings = func() []string { return nil }
	}
	if c.MaxBodyBytes == 0 {
		c.MaxBodyBytes = DefaultMaxBodyBytes
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.MeterProvider == nil {
		c.MeterProvider = otel.GetMeterProvider()
	}
	return errors.Join(problems...)
}
