package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/openweir/weir/sandbox"
)

type sandboxFlags struct {
	name, listen  string
	kubeconfigOut string
	dataDir       string
	homes         []string
	namespaces    []string
}

func sandboxCommand(log func() *slog.Logger) *cobra.Command {
	var flags sandboxFlags
	cmd := &cobra.Command{
		Use:   "sandbox",
		Short: "Run a workload cluster that runs Flink as local processes",
		Long: "Runs a simulated Kubernetes API server and a simulated Flink Kubernetes Operator, which runs\n" +
			"FlinkDeployments, FlinkSessionJobs and FlinkStateSnapshots as local processes from Flink\n" +
			"distributions. `weir agent --local-flink` connects to it with its kubeconfig. The processes end with it.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runSandbox(cmd.Context(), flags, cmd.OutOrStdout(), log())
		},
	}
	f := cmd.Flags()
	f.StringVar(&flags.name, "name", "sandbox", "name of the cluster in its log and its kubeconfig")
	f.StringSliceVar(&flags.homes, "flink-home", nil, "directories of Flink distributions; spec.flinkVersion selects one (required)")
	f.StringVar(&flags.kubeconfigOut, "kubeconfig-out", "", "file to write the kubeconfig of the cluster to (required)")
	f.StringVar(&flags.dataDir, "data-dir", "", "directory for the objects of the cluster, and for the state and logs of Flink (required)")
	f.StringSliceVar(&flags.namespaces, "namespaces", devNamespaces, "namespaces to create at startup")
	f.StringVar(&flags.listen, "listen", "127.0.0.1:0", "loopback address to serve the Kubernetes API on")
	for _, name := range []string{"flink-home", "kubeconfig-out", "data-dir"} {
		// It errs only if there is no such flag.
		_ = cmd.MarkFlagRequired(name)
	}
	return cmd
}

func runSandbox(ctx context.Context, flags sandboxFlags, out io.Writer, log *slog.Logger) error {
	unlock, err := lockFolder(flags.dataDir)
	if err != nil {
		return err
	}
	defer unlock()
	token, err := keptToken(filepath.Join(flags.dataDir, "token"))
	if err != nil {
		return err
	}
	certificate, err := keptCertificate(filepath.Join(flags.dataDir, "certificate.pem"))
	if err != nil {
		return err
	}
	supervisor, err := supervisor()
	if err != nil {
		return err
	}
	cluster, err := sandbox.New(sandbox.Config{
		Name: flags.name, Namespaces: flags.namespaces, Dir: filepath.Join(flags.dataDir, "cluster"),
		FlinkHomes: flags.homes, FlinkDir: filepath.Join(flags.dataDir, "flink"), Supervisor: supervisor, Address: flags.listen, Token: token,
		Certificate: &certificate, Log: log,
	})
	if err != nil {
		return err
	}
	if err := writeKubeconfig(flags.kubeconfigOut, flags.name, cluster); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(out, "The cluster %s is served at %s; its kubeconfig is %s.\n",
		flags.name, cluster.RestConfig().Host, flags.kubeconfigOut); err != nil {
		return err
	}
	return cluster.Run(ctx)
}

// keptToken reads the token, or creates one if there is none, so that kubeconfigs
// remain valid when the cluster is restarted.
func keptToken(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err == nil && strings.TrimSpace(string(data)) != "" {
		return strings.TrimSpace(string(data)), nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read the token of the cluster: %w", err)
	}
	token := rand.Text()
	if err := os.WriteFile(path, []byte(token+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("write the token of the cluster: %w", err)
	}
	return token, nil
}

// writeKubeconfig writes the kubeconfig of the cluster. A reader of the file always
// sees the complete content.
func writeKubeconfig(path, name string, cluster *sandbox.Cluster) error {
	at := cluster.RestConfig()
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{Server: at.Host, CertificateAuthorityData: at.CAData}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: at.BearerToken}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name, Namespace: "default"}
	config.CurrentContext = name
	data, err := clientcmd.Write(*config)
	if err != nil {
		return fmt.Errorf("encode the kubeconfig: %w", err)
	}
	next := path + ".new"
	if err := os.WriteFile(next, data, 0o600); err != nil {
		return fmt.Errorf("--kubeconfig-out: %w", err)
	}
	if err := os.Rename(next, path); err != nil {
		return fmt.Errorf("--kubeconfig-out: %w", err)
	}
	return nil
}
