package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/openweir/weir/agent"
	"github.com/openweir/weir/agent/driver"
	"github.com/openweir/weir/agent/flinkendpoint"
	"github.com/openweir/weir/control"
	"github.com/openweir/weir/control/access"
	"github.com/openweir/weir/control/fleet"
	"github.com/openweir/weir/control/kafka"
	"github.com/openweir/weir/control/seal"
	"github.com/openweir/weir/control/store/embedded"
	"github.com/openweir/weir/gateway"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/sandbox"
)

// devNamespaces are there in every sandbox cluster.
var devNamespaces = []string{"default", "flink"}

type devFlags struct {
	http, grpc string
	dataDir    string
	clusters   int
	pace       time.Duration
	flinkHomes []string
	kafka      bool
}

func devCommand(log func() *slog.Logger) *cobra.Command {
	var flags devFlags
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run the whole system in one process, with sandbox workload clusters",
		Long: "Runs the whole system in one process without installing anything: etcd, the control plane, the\n" +
			"REST gateway, and sandbox workload clusters, each with a real agent. The API servers and Flink\n" +
			"operators of the sandboxes are simulated and no Flink runs, unless --flink-home names Flink\n" +
			"distributions. Then Flink runs as local processes, which end with this one.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if flags.clusters < 1 || flags.clusters > 100 {
				return fmt.Errorf("--clusters: must be between 1 and 100, got %d", flags.clusters)
			}
			if flags.pace <= 0 {
				return fmt.Errorf("--pace: must be greater than 0, got %s", flags.pace)
			}
			return runDev(cmd.Context(), flags, cmd.OutOrStdout(), log())
		},
	}
	f := cmd.Flags()
	f.StringVar(&flags.http, "http", "127.0.0.1:8080", "address to serve REST on")
	f.StringVar(&flags.grpc, "grpc", "127.0.0.1:9090", "address to serve gRPC on")
	f.StringVar(&flags.dataDir, "data-dir", "", "directory to keep the state in across restarts (default: a temporary directory)")
	f.IntVar(&flags.clusters, "clusters", 2, "number of sandbox workload clusters")
	f.StringSliceVar(&flags.flinkHomes, "flink-home", nil, "directories of Flink distributions to run Flink from; spec.flinkVersion selects one")
	f.DurationVar(&flags.pace, "pace", sandbox.DefaultPace, "duration of each step of the simulated operator")
	f.BoolVar(&flags.kafka, "kafka", false, "read the topics and schemas of databases as tables, and create and delete topics with tables; if false, tables are only declared")
	return cmd
}

// devCluster names the n-th sandbox cluster, from 0.
func devCluster(n int) string {
	switch n {
	case 0:
		return "default-k8s-cluster"
	case 1:
		return "edge-k8s-cluster"
	default:
		return fmt.Sprintf("edge-k8s-cluster-%d", n)
	}
}

func runDev(ctx context.Context, flags devFlags, out io.Writer, log *slog.Logger) error {
	restListener, err := listen("--http", flags.http)
	if err != nil {
		return err
	}
	defer restListener.Close()
	grpcListener, err := listen("--grpc", flags.grpc)
	if err != nil {
		return err
	}
	defer grpcListener.Close()
	// Only the agents of this process connect here.
	agentListener, err := listen("agents", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer agentListener.Close()
	unlock, err := lockFolder(flags.dataDir)
	if err != nil {
		return err
	}
	defer unlock()
	flinkDir, removeFlink, err := flags.flinkDir()
	if err != nil {
		return err
	}
	defer removeFlink()
	etcd, err := embedded.Start(ctx, embedded.Config{Dir: within(flags.dataDir, "etcd"), Log: log})
	if err != nil {
		return fmt.Errorf("start etcd: %w", err)
	}
	defer etcd.Close()
	telemetry, err := startTelemetry(ctx, "weir-dev")
	if err != nil {
		return err
	}
	defer telemetry.stop(ctx, log)

	keys, err := devKeys(flags.dataDir)
	if err != nil {
		return err
	}
	token := rand.Text()
	tokens := fleet.Tokens{}
	tokens.Add(token, "")
	var network kafka.Network
	if err := network.Allow("127.0.0.0/8", "::1"); err != nil {
		return err
	}
	replica, err := control.New(control.Config{
		KafkaNetwork: network,
		Etcd:         etcd.Client(), Listen: func() (net.Listener, error) { return grpcListener, nil },
		ListenAgents: func() (net.Listener, error) { return agentListener, nil }, Replica: "dev", Authenticate: access.AllowAnonymous, AgentTokens: tokens, Keys: keys, Kafka: flags.kafka,
		Version: buildVersion(), Log: log,
	})
	if err != nil {
		return err
	}
	local := localConn(replica, log)
	defer local.Close()
	handler, err := gateway.New(gateway.Config{Conn: local, SharedReplies: true, Log: log, Ready: replica.Ready, Warnings: replica.Warnings, Metrics: telemetry.metrics, TracerProvider: telemetry.traces})
	if err != nil {
		return err
	}
	clusters, err := sandboxes(flags, flinkDir, token, agentListener.Addr().String(), log)
	if err != nil {
		return err
	}

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return replica.Run(ctx) })
	group.Go(func() error { return gateway.Serve(ctx, restListener, handler, log) })
	for _, cluster := range clusters {
		group.Go(func() error { return cluster.sandbox.Run(ctx) })
		group.Go(func() error { return cluster.agent.Run(ctx) })
	}
	group.Go(func() error {
		if err := connected(ctx, local, len(clusters)); err != nil {
			return err
		}
		return welcome(out, restListener.Addr(), grpcListener.Addr(), flags, len(clusters))
	})
	return group.Wait()
}

// devKeys returns the keys that are stored with the state, or new ones if the state
// is temporary.
func devKeys(dir string) (*seal.Keys, error) {
	if dir != "" {
		return seal.FromFile(within(dir, "keyset.json"), true)
	}
	keyset, err := seal.Generate()
	if err != nil {
		return nil, err
	}
	return seal.Parse(keyset)
}

// devMember is a sandbox cluster with its agent.
type devMember struct {
	sandbox *sandbox.Cluster
	agent   *agent.Agent
}

func sandboxes(flags devFlags, flinkDir, token, controlPlane string, log *slog.Logger) ([]devMember, error) {
	supervisor, err := supervisor()
	if err != nil {
		return nil, err
	}
	members := make([]devMember, flags.clusters)
	for n := range members {
		name := devCluster(n)
		cluster, err := sandbox.New(sandbox.Config{
			Name: name, Namespaces: devNamespaces, Dir: within(flags.dataDir, "sandbox", name), Pace: flags.pace, Log: log,
			FlinkHomes: flags.flinkHomes, FlinkDir: within(flinkDir, name), Supervisor: supervisor,
		})
		if err != nil {
			return nil, err
		}
		config := agent.Config{
			ControlPlane: controlPlane, Cluster: name, Kubernetes: cluster.RestConfig(), Results: cluster.SQL(),
			Identity:  agent.Identity{Token: token, Insecure: true},
			Labels:    map[string]string{"weir.sandbox": "true"},
			Simulated: len(flags.flinkHomes) == 0,
			Version:   buildVersion().Version, Log: log,
			// The simulated operator writes each status once.
			Timing: agent.Timing{Driver: driver.Timing{Settle: flags.pace / 10}},
		}
		if len(flags.flinkHomes) > 0 {
			flink, err := flinkendpoint.NewLocal(cluster.RestConfig())
			if err != nil {
				return nil, err
			}
			config.Flink = flink
		}
		a, err := agent.New(config)
		if err != nil {
			return nil, err
		}
		members[n] = devMember{sandbox: cluster, agent: a}
	}
	return members, nil
}

// flinkDir is the folder for what Flink's processes write, and what removes it
// where nothing is to be kept.
func (f devFlags) flinkDir() (dir string, remove func(), err error) {
	if len(f.flinkHomes) == 0 {
		return "", func() {}, nil
	}
	if f.dataDir != "" {
		return within(f.dataDir, "flink"), func() {}, nil
	}
	dir, err = os.MkdirTemp("", "weir-flink-")
	if err != nil {
		return "", nil, fmt.Errorf("create a directory for Flink: %w", err)
	}
	return dir, func() { _ = os.RemoveAll(dir) }, nil
}

// connected waits until every sandbox cluster is registered and connected.
func connected(ctx context.Context, conn grpc.ClientConnInterface, want int) error {
	client := cmfv1.NewKubernetesClusterServiceClient(conn)
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		page, err := client.ListKubernetesClusters(ctx, &cmfv1.ListKubernetesClustersRequest{Filter: "state=CONNECTED"})
		if err == nil && page.GetMetadata().GetSize() >= int64(want) {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// welcome prints the addresses and some commands to try.
func welcome(out io.Writer, rest, grpc net.Addr, flags devFlags, clusters int) error {
	url := "http://" + rest.String()
	state := "a temporary directory, removed on exit (use --data-dir to keep it)"
	if flags.dataDir != "" {
		state = flags.dataDir
	}
	flink := "Their API servers and operators are simulated; no Flink runs in them."
	if len(flags.flinkHomes) > 0 {
		flink = "Flink runs as local processes from " + strings.Join(flags.flinkHomes, ", ") + "."
	}
	_, err := fmt.Fprintf(out, `
Weir is running.

  REST      %[1]s/cmf/api/v1
  gRPC      %[2]s
  state     %[3]s
  clusters  %[4]d sandbox clusters, the first is default-k8s-cluster; namespaces default and flink.
            %[5]s

Try:

  curl -H 'Content-Type: application/json' %[1]s/cmf/api/v1/environments \
    -d '{"name":"test","kubernetesNamespace":"default"}'

  curl -H 'Content-Type: application/yaml' --data-binary @docs/examples/flink-application.yaml \
    %[1]s/cmf/api/v1/environments/test/applications

  curl %[1]s/cmf/api/v1/environments/test/applications/curl-example

Press Ctrl-C to stop.
`, url, grpc, state, clusters, flink)
	return err
}

// within is a path in the data folder, empty if there is none.
func within(dir string, elements ...string) string {
	if dir == "" {
		return ""
	}
	return filepath.Join(append([]string{dir}, elements...)...)
}

// lockFolder prevents a second process from using the same data directory, in which
// etcd would block without a message until the first one exits.
func lockFolder(dir string) (unlock func(), err error) {
	if dir == "" {
		return func() {}, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("--data-dir: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("--data-dir: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("--data-dir: %s is in use by another process", dir), file.Close())
	}
	return func() { _ = file.Close() }, nil
}
