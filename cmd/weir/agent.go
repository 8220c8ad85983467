package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/openweir/weir/agent"
	"github.com/openweir/weir/agent/flinkendpoint"
	"github.com/openweir/weir/agent/sql"
	"github.com/openweir/weir/flink/podsecurity"
)

func agentCommand(log func() *slog.Logger) *cobra.Command {
	var (
		config     agent.Config
		kubeconfig string
		localFlink bool
		admin      string
	)
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "Run the agent of a workload cluster",
		Long: "Runs the agent of one workload cluster. It connects to the control plane and drives the Flink\n" +
			"Kubernetes Operator of the cluster; it accepts no inbound connections. Inside the cluster it uses its\n" +
			"service account, outside of it a kubeconfig.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			kubernetes, err := kubernetesConfig(kubeconfig)
			if err != nil {
				return err
			}
			config.Kubernetes = kubernetes
			if config.FenceNamespace == "" && kubeconfig == "" {
				config.FenceNamespace = podNamespace()
			}
			flink, err := flinkResolver(kubernetes, localFlink, config.Namespaces)
			if err != nil {
				return err
			}
			config.Flink = flink
			config.Version = buildVersion().Version
			config.Log = log()
			telemetry, err := startTelemetry(cmd.Context(), "weir-agent")
			if err != nil {
				return err
			}
			defer telemetry.stop(cmd.Context(), config.Log)
			a, err := agent.New(config)
			if err != nil {
				return err
			}
			return runAgent(cmd.Context(), a, admin, telemetry.metrics, config.Log)
		},
	}
	f := cmd.Flags()
	f.StringVar(&config.ControlPlane, "control", "127.0.0.1:9092", "address that the control plane serves agents on (its --agents)")
	f.StringVar(&config.Cluster, "cluster", "", "name of the workload cluster (required)")
	f.StringVar(&admin, "admin", "", "address to serve /healthz, /readyz and /metrics on; empty to disable")
	f.StringVar(&kubeconfig, "kubeconfig", "", "kubeconfig of the workload cluster (default: the service account of the pod)")
	f.BoolVar(&localFlink, "local-flink", false, "reach Flink clusters as local processes started by a sandbox instead of as pods")
	f.StringSliceVar(&config.Namespaces, "namespaces", nil, "namespaces to manage (default: all)")
	f.StringVar((*string)(&config.PodSecurity), "pod-security", string(podsecurity.Baseline), "level of the Pod Security Standards that Flink clusters are held to, whatever the control plane allows: baseline or privileged")
	f.StringVar(&config.PolicyFile, "policy", "", "YAML file of policies that objects have to comply with, whatever the control plane allows (see docs/policies.md); it is read again when it changes")
	f.StringVar(&config.FenceNamespace, "fence-namespace", "", "namespace of the ConfigMap that records the newest session of the cluster "+
		"(default: that of the pod, else the first of --namespaces, else default)")
	f.StringToStringVar(&config.Labels, "labels", nil, "labels to register the cluster with, such as region=eu,env=prod")
	f.StringVar(&config.Identity.JoinTokenFile, "join-token-file", "", "file with the join token (see weir agent-token), which is exchanged for a client certificate once")
	f.StringVar(&config.Identity.Directory, "identity-dir", "", "directory to keep that certificate in (default: Secret weir-agent-<cluster> in the namespace of --fence-namespace)")
	f.StringVar(&config.Identity.TokenFile, "token-file", "", "file with a static token, for tests")
	f.StringVar(&config.Identity.CertFile, "tls-cert", "", "client certificate with the URI SAN weir://cluster/<name>")
	f.StringVar(&config.Identity.KeyFile, "tls-key", "", "private key of the client certificate")
	f.StringVar(&config.Identity.CAFile, "tls-ca", "", "PEM file with the CA certificates that verify the certificate of the control plane (default: the CAs of the system)")
	f.StringVar(&config.Identity.ServerName, "tls-server-name", "", "server name to verify in the certificate of the control plane (default: the host of --control)")
	f.BoolVar(&config.Identity.Insecure, "insecure", false, "connect to the control plane without TLS; for tests on one machine")
	return cmd
}

// runAgent runs the agent and, unless admin is empty, serves its probes and metrics.
func runAgent(ctx context.Context, a *agent.Agent, admin string, metrics http.Handler, log *slog.Logger) error {
	group, ctx := errgroup.WithContext(ctx)
	if admin != "" {
		listener, err := listen("--admin", admin)
		if err != nil {
			return err
		}
		group.Go(func() error { return serveAdmin(ctx, listener, a.Ready, func() []string { return nil }, metrics, log) })
	}
	group.Go(func() error { return a.Run(ctx) })
	return group.Wait()
}

// flinkResolver returns the resolver of the endpoints of Flink clusters.
func flinkResolver(kubernetes *rest.Config, local bool, namespaces []string) (sql.Endpoints, error) {
	if local {
		return flinkendpoint.NewLocal(kubernetes, namespaces...)
	}
	return flinkendpoint.NewKubernetes(kubernetes, namespaces...)
}

// podNamespace is the namespace of the pod that the process runs in; empty if it
// runs in none.
func podNamespace() string {
	name, err := os.ReadFile("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(name))
}

func kubernetesConfig(kubeconfig string) (*rest.Config, error) {
	if kubeconfig == "" {
		config, err := rest.InClusterConfig()
		if err != nil {
			return nil, fmt.Errorf("--kubeconfig is not set and the agent does not run in a pod: %w", err)
		}
		return config, nil
	}
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("--kubeconfig: %w", err)
	}
	return config, nil
}
