package agent

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"google.golang.org/grpc"
	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/client-go/rest"

	"github.com/openweir/weir/agent/sql"
	"github.com/openweir/weir/flink/podsecurity"
)

// Config configures an agent.
type Config struct {
	// ControlPlane is the address that the control plane serves agents on: host:port or
	// any other target that gRPC can resolve.
	ControlPlane string
	// Cluster is the name of the workload cluster that the agent acts for.
	Cluster string
	// Identity authenticates the agent and the control plane to each other.
	Identity Identity
	// Kubernetes is how to reach the API server of the workload cluster.
	Kubernetes *rest.Config
	// Namespaces restricts the agent to these namespaces. If empty, it watches
	// all, which requires a ClusterRole.
	Namespaces []string
	// PodSecurity is the level of the Pod Security Standards that Flink clusters are
	// held to, whatever the control plane allows. Empty means podsecurity.Baseline.
	PodSecurity podsecurity.Level
	// PolicyFile is a file of policies that objects have to comply with, whatever the
	// control plane allows; see docs/policies.md. It is read again when it changes. Empty
	// for none.
	PolicyFile string
	// FenceNamespace is the namespace of the ConfigMap that records the newest session
	// of the cluster. If empty, it is the first of Namespaces, or else "default".
	FenceNamespace string
	// Labels are the cluster's labels when it registers for the first time.
	Labels map[string]string
	// Flink resolves the endpoints of Flink clusters. If nil, the agent runs no
	// statements and serves no web UIs.
	Flink sql.Endpoints
	// Results has the rows of statements that run without the agent, as in a
	// simulated cluster. It is used only if Flink is nil.
	Results ResultSource
	// Simulated is set if the cluster simulates Flink's operator and runs no Flink.
	Simulated bool
	// Version is the agent's release.
	Version string
	// Nothing is logged if Log is nil.
	Log *slog.Logger
	// MeterProvider receives the metrics. Nil means OpenTelemetry's global one.
	MeterProvider metric.MeterProvider
	// DialOptions are added to those of Identity.
	DialOptions []grpc.DialOption
	// Timing is for tests and sandboxes; production leaves it zero.
	Timing Timing
}

func (c Config) fenceNamespace() string {
	if c.FenceNamespace == "" && len(c.Namespaces) > 0 {
		return c.Namespaces[0]
	}
	return cmp.Or(c.FenceNamespace, "default")
}

func (c Config) meters() metric.MeterProvider {
	if c.MeterProvider == nil {
		return otel.GetMeterProvider()
	}
	return c.MeterProvider
}

// Validate returns every error of the configuration.
func (c Config) Validate() error {
	var problems []error
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }

	if strings.TrimSpace(c.ControlPlane) == "" {
		wrong("control plane: an address such as weir.example.com:9092 is required")
	}
	if strings.TrimSpace(c.Cluster) == "" {
		wrong("cluster: the name of the workload cluster is required")
	}
	if c.Kubernetes == nil {
		wrong("kubernetes: a client configuration is required")
	}
	seen := make(map[string]bool)
	for _, n := range c.Namespaces {
		switch {
		case len(validation.ValidateNamespaceName(n, false)) > 0:
			wrong("namespaces: %q is not a valid namespace name", n)
		case seen[n]:
			wrong("namespaces: %q is listed twice", n)
		}
		seen[n] = true
	}
	if n := c.FenceNamespace; n != "" && len(validation.ValidateNamespaceName(n, false)) > 0 {
		wrong("fence namespace: %q is not a valid namespace name", n)
	}
	if _, err := podsecurity.ParseLevel(string(c.PodSecurity)); err != nil {
		wrong("pod security: %w", err)
	}
	problems = append(problems, c.Identity.problems()...)
	return errors.Join(problems...)
}
