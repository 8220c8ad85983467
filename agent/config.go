package agent

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"

	"google.golang.org/grpc"
	"k8s.io/client-go/rest"

	"github.com/openweir/weir/agent/flinkendpoint"
)

// Config is all that an agent needs to know.
type Config struct {
	// ControlPlane is where the control plane serves gRPC, as host:port or any
	// other target that gRPC can resolve.
	ControlPlane string
	// Cluster is the name of the workload cluster that the agent acts for.
	Cluster string
	// Identity is how the agent and the control plane know each other.
	Identity Identity
	// Kubernetes reaches the API server of the workload cluster.
	Kubernetes *rest.Config
	// Namespaces are the only ones that the agent looks at. Where there are
	// none, it watches them all, which takes a ClusterRole.
	Namespaces []string
	// Labels describe the cluster when it registers for the first time.
	Labels map[string]string
	// SQL hands out the rows of interactive statements, and runs statements if it
	// is a StatementDriver too, such as sql.Driver. Where it is nil, there are
	// none to be had.
	SQL RowSource
	// Flink tells where Flink clusters answer. Where it is nil, the agent reaches
	// into none.
	Flink flinkendpoint.Resolver
	// Version is the agent's release.
	Version string
	// Log receives what the agent has to say; slog.Default where nil.
	Log *slog.Logger
	// DialOptions are added to those that Identity makes.
	DialOptions []grpc.DialOption
	// Timing is for tests; production leaves it zero.
	Timing Timing
}

// dnsLabel is what Kubernetes allows as the name of a namespace.
var dnsLabel = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// Validate names everything that is wrong with the configuration.
func (c Config) Validate() error {
	var problems []error
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }

	if strings.TrimSpace(c.ControlPlane) == "" {
		wrong("control plane: an address such as weir.example.com:9090 is needed")
	}
	if strings.TrimSpace(c.Cluster) == "" {
		wrong("cluster: the name of the workload cluster is needed")
	}
	if c.Kubernetes == nil {
		wrong("kubernetes: the configuration of a client is needed")
	}
	seen := make(map[string]bool)
	for _, n := range c.Namespaces {
		switch {
		case !dnsLabel.MatchString(n):
			wrong("namespaces: %q is no name of a namespace", n)
		case seen[n]:
			wrong("namespaces: %q is there twice", n)
		}
		seen[n] = true
	}
	problems = append(problems, c.Identity.problems()...)
	return errors.Join(problems...)
}
