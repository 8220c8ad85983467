package main

import (
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/openweir/weir/agent"
	"github.com/openweir/weir/agent/flinkendpoint"
	"github.com/openweir/weir/agent/sql"
)

func agentCommand(log func() *slog.Logger) *cobra.Command {
	var (
		config     agent.Config
		kubeconfig string
		localFlink bool
	)
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "Run the agent of a workload cluster",
		Long: "Runs the agent of one workload cluster. It dials out to the control plane and drives the Flink\n" +
			"Kubernetes Operator there; nothing dials in. Inside the cluster it uses its service account,\n" +
			"outside it a kubeconfig.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			kubernetes, err := kubernetesConfig(kubeconfig)
			if err != nil {
				return err
			}
			config.Kubernetes = kubernetes
			flink, err := flinkResolver(kubernetes, localFlink, config.Namespaces)
			if err != nil {
				return err
			}
			config.Flink = flink
			config.Version = buildVersion().Version
			config.Log = log()
			a, err := agent.New(config)
			if err != nil {
				return err
			}
			return a.Run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringVar(&config.ControlPlane, "control", "127.0.0.1:9090", "where the control plane serves gRPC")
	f.StringVar(&config.Cluster, "cluster", "", "name of the workload cluster (required)")
	f.StringVar(&kubeconfig, "kubeconfig", "", "kubeconfig of the workload cluster; without one, the service account of the pod")
	f.BoolVar(&localFlink, "local-flink", false, "Flink clusters are processes of this machine, as a sandbox starts them (default: pods)")
	f.StringSliceVar(&config.Namespaces, "namespaces", nil, "work in these namespaces only (default: all)")
	f.StringToStringVar(&config.Labels, "labels", nil, "labels of the cluster when it is registered, such as region=eu,env=prod")
	f.StringVar(&config.Identity.TokenFile, "token-file", "", "file with the bootstrap token")
	f.StringVar(&config.Identity.CertFile, "tls-cert", "", "client certificate, whose URI SAN is weir://cluster/<name>")
	f.StringVar(&config.Identity.KeyFile, "tls-key", "", "key of the client certificate")
	f.StringVar(&config.Identity.CAFile, "tls-ca", "", "file with the certificates that the control plane's must descend from (default: the system's)")
	f.StringVar(&config.Identity.ServerName, "tls-server-name", "", "name that the control plane's certificate must bear (default: the host dialled)")
	f.BoolVar(&config.Identity.Insecure, "insecure", false, "do not encrypt; for tests on one machine")
	return cmd
}

// flinkResolver returns the resolver of the endpoints of Flink clusters.
func flinkResolver(kubernetes *rest.Config, local bool, namespaces []string) (sql.Endpoints, error) {
	if local {
		return flinkendpoint.NewLocal(kubernetes, namespaces...)
	}
	return flinkendpoint.NewKubernetes(kubernetes, namespaces...)
}

func kubernetesConfig(kubeconfig string) (*rest.Config, error) {
	if kubeconfig == "" {
		config, err := rest.InClusterConfig()
		if err != nil {
			return nil, fmt.Errorf("no --kubeconfig, and not in a pod: %w", err)
		}
		return config, nil
	}
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("--kubeconfig: %w", err)
	}
	return config, nil
}
