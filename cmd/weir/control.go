package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/spf13/cobra"
	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/openweir/weir/control"
	"github.com/openweir/weir/control/access"
	"github.com/openweir/weir/control/fleet"
	"github.com/openweir/weir/control/limit"
	"github.com/openweir/weir/control/resource/agentidentity"
	"github.com/openweir/weir/control/resource/application"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/store/embedded"
	"github.com/openweir/weir/gateway"
	"github.com/openweir/weir/gateway/inprocess"
)

// minAgentLifetime leaves agents time to renew their certificates, also while a control
// plane is restarted.
const minAgentLifetime = 10 * time.Minute

// controlFlags are the flags of `weir control`.
type controlFlags struct {
	grpc, agents, admin, http string
	etcd                      store.DialConfig
	etcdDir                   string
	history                   time.Duration
	insecureTokenFile         string
	keyset                    string
	ignoreMissingKeys         bool
	tlsCert, tlsKey           string
	agentCA                   string
	roleBindings              string
	replica                   string
	heartbeat                 time.Duration
	eventsPerResource         int
	agentLifetime             time.Duration
	kafka                     bool
	kafkaAllow                []string
	serviceAccounts           []string
	auth                      string
	audit                     auditFlags
	limits                    limit.Config
	connections               connectionFlags
	rest                      httpFlags
	reflection                bool
}

func controlCommand(log func() *slog.Logger) *cobra.Command {
	var flags controlFlags
	cmd := &cobra.Command{
		Use:   "control",
		Short: "Run a replica of the control plane",
		Long: "Runs a replica of the control plane, which serves gRPC to gateways and clients, and on an address\n" +
			"of its own to agents. Its state is in etcd: an external cluster (--etcd-endpoints) shared by any\n" +
			"number of replicas, or an embedded etcd (--etcd-dir) for installations with a single replica.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runControl(cmd.Context(), flags, log())
		},
	}
	f := cmd.Flags()
	f.StringVar(&flags.grpc, "grpc", "127.0.0.1:9090", "address to serve gRPC on")
	f.StringVar(&flags.agents, "agents", "127.0.0.1:9092", "address to serve agents on")
	f.StringVar(&flags.http, "http", "", "address to serve REST on from this process, without a separate gateway; empty to disable")
	f.StringVar(&flags.admin, "admin", "127.0.0.1:9091", "address to serve /healthz, /readyz and /metrics on; empty to disable")
	f.StringVar(&flags.etcdDir, "etcd-dir", "", "data directory of an etcd embedded in this process")
	addEtcdFlags(cmd, &flags.etcd)
	f.DurationVar(&flags.history, "etcd-history-retention", control.DefaultHistoryRetention, "how long an external etcd keeps its history before it is compacted; 0 leaves that to the --auto-compaction-retention of etcd")
	f.StringVar(&flags.insecureTokenFile, "insecure-agent-token-file", "", "file with static tokens of agents, for tests: one per line, followed by the cluster that it is valid for")
	f.StringVar(&flags.keyset, "keyset", "", "file with the keys that encrypt secrets (see weir keyset); its content can be given in WEIR_KEYSET instead")
	f.BoolVar(&flags.ignoreMissingKeys, "ignore-missing-keys", false, "serve although etcd has values that are encrypted with keys which the keyset lacks; for when they are lost")
	f.StringVar(&flags.tlsCert, "tls-cert", "", "certificate to serve gRPC and agents with; if not set, both are served without TLS")
	f.StringVar(&flags.tlsKey, "tls-key", "", "private key of the certificate")
	f.StringVar(&flags.agentCA, "agent-ca", "", "PEM file with the CA certificates that verify the client certificates of agents")
	f.DurationVar(&flags.agentLifetime, "agent-certificate-lifetime", agentidentity.DefaultLifetime, "lifetime of the certificates that agents join for; they are renewed at two thirds of it")
	f.StringVar(&flags.roleBindings, "role-bindings", "", "YAML file of role bindings beside those that are resources, for the first administrator (see docs/authorization.md); it is read again when it changes")
	f.StringVar(&flags.replica, "replica", "", "name of this replica (default: host name and process id)")
	f.DurationVar(&flags.heartbeat, "heartbeat", control.DefaultHeartbeat, "interval of the heartbeats of agents; a session ends after three missed heartbeats")
	f.IntVar(&flags.eventsPerResource, "events-per-application", application.DefaultLimits.Events, "number of events to keep of each application")
	f.BoolVar(&flags.kafka, "kafka", true, "read the topics and schemas of databases as tables, and create and delete topics with tables; if false, tables are only declared")
	f.StringSliceVar(&flags.kafkaAllow, "kafka-allow", nil, "Kafka clusters and schema registries to connect to although they are on this machine, link-local, or services of the Kubernetes cluster: addresses, networks in CIDR notation, and host names (.example.com matches every name that ends with it)")
	f.StringSliceVar(&flags.serviceAccounts, "service-account-allowlist", nil, "Kubernetes service accounts that applications and compute pools may name, beside those in use when the flag is set first and those that are allowed through the API (default: all); see docs/policies.md")
	f.StringVar(&flags.auth, "auth", "", "how callers of the API are authenticated: the path of a configuration file, see docs/security.md, "+
		"or none, with which everybody who can connect is an administrator (required)")
	f.BoolVar(&flags.reflection, "reflection", false, "serve gRPC reflection, which lists the methods of the API to everybody who can connect")
	flags.rest.add(cmd)
	flags.audit.add(cmd)
	addLimits(cmd, &flags.limits)
	flags.connections.add(cmd)
	cmd.MarkFlagsRequiredTogether("tls-cert", "tls-key")
	return cmd
}

// addEtcdFlags adds the flags that say how to reach an external etcd, to a command that
// has --etcd-dir for an embedded one.
func addEtcdFlags(cmd *cobra.Command, etcd *store.DialConfig) {
	f := cmd.Flags()
	f.StringSliceVar(&etcd.Endpoints, "etcd-endpoints", nil, "endpoints of an external etcd, such as https://etcd-0:2379,https://etcd-1:2379")
	f.StringVar(&etcd.CAFile, "etcd-ca", "", "PEM file with the CA certificates that verify the certificates of etcd")
	f.StringVar(&etcd.CertFile, "etcd-cert", "", "client certificate for etcd")
	f.StringVar(&etcd.KeyFile, "etcd-key", "", "private key of the client certificate for etcd")
	f.StringVar(&etcd.Username, "etcd-username", "", "user name for etcd; the password is read from the environment variable WEIR_ETCD_PASSWORD")
	cmd.MarkFlagsRequiredTogether("etcd-cert", "etcd-key")
	cmd.MarkFlagsMutuallyExclusive("etcd-endpoints", "etcd-dir")
	cmd.MarkFlagsOneRequired("etcd-endpoints", "etcd-dir")
}

func runControl(ctx context.Context, flags controlFlags, log *slog.Logger) error {
	authenticate, userCAs, err := openAuth(flags.auth, log)
	if err != nil {
		return err
	}
	config, err := flags.config(authenticate, userCAs, log)
	if err != nil {
		return err
	}
	secure, err := flags.rest.secure(userCAs)
	if err != nil {
		return err
	}
	login, err := flags.rest.metadataService(log)
	if err != nil {
		return err
	}
	if flags.auth != noAuth {
		warnOfPlainTokens("--grpc", flags.grpc, flags.tlsCert, log)
		warnOfPlainTokens("--http", flags.http, flags.rest.cert, log)
	}
	etcd, closeEtcd, err := openEtcd(ctx, flags, log)
	if err != nil {
		return err
	}
	defer closeEtcd()
	config.Etcd = etcd
	telemetry, err := startTelemetry(ctx, "weir-control")
	if err != nil {
		return err
	}
	defer telemetry.stop(ctx, log)
	gates := map[string]func(net.Listener) net.Listener{}
	for _, name := range []string{"grpc", "agents", "http"} {
		if gates[name], err = flags.connections.gate(name); err != nil {
			return err
		}
	}
	restListener := make(chan net.Listener, 1)
	config.Listen = func() (net.Listener, error) {
		if flags.http != "" {
			listener, err := listen("--http", flags.http)
			if err != nil {
				return nil, err
			}
			restListener <- secure(gates["http"](listener))
		}
		return listenWithin("--grpc", flags.grpc, gates["grpc"])
	}
	config.ListenAgents = func() (net.Listener, error) { return listenWithin("--agents", flags.agents, gates["agents"]) }
	var closeAudit func()
	if config.Audit, closeAudit, err = flags.audit.open(config.Replica, log); err != nil {
		return err
	}
	defer closeAudit()
	replica, err := control.New(config)
	if err != nil {
		return err
	}
	local := localConn(replica, log)
	defer local.Close()
	rest, err := gateway.New(gateway.Config{
		Conn: local, Log: log, Ready: replica.Ready, Warnings: replica.Warnings, Metrics: telemetry.metrics, TracerProvider: telemetry.traces,
		SharedReplies: true, MetadataService: login,
	})
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return replica.Run(ctx) })
	group.Go(func() error {
		tuneGC(ctx)
		return nil
	})
	if flags.admin != "" {
		group.Go(func() error {
			// From the start, as it says that the replica is not ready yet.
			listener, err := listen("--admin", flags.admin)
			if err != nil {
				return err
			}
			return serveAdmin(ctx, listener, replica.Ready, replica.Warnings, telemetry.metrics, log)
		})
	}
	if flags.http != "" {
		group.Go(func() error {
			select {
			case listener := <-restListener:
				return gateway.Serve(ctx, listener, rest, flags.rest.allowedHosts, log)
			case <-ctx.Done():
				return nil
			}
		})
	}
	log.Info("control plane started", "grpc", flags.grpc, "agents", flags.agents, "replica", config.Replica)
	return group.Wait()
}

// config is the part of the configuration that comes from the flags alone.
func (f controlFlags) config(authenticate access.Authenticate, userCAs []string, log *slog.Logger) (control.Config, error) {
	if len(userCAs) > 0 && f.tlsCert == "" && f.rest.cert == "" {
		return control.Config{}, errors.New("--auth: certificates need TLS: set --tls-cert, or --http-tls-cert")
	}
	tokens := fleet.Tokens{}
	if f.insecureTokenFile != "" {
		var err error
		if tokens, err = fleet.ReadTokens(f.insecureTokenFile); err != nil {
			return control.Config{}, fmt.Errorf("--insecure-agent-token-file: %w", err)
		}
		log.Warn("static tokens of agents neither expire nor can they be revoked: use them for tests only", "file", f.insecureTokenFile)
	}
	if len(tokens) == 0 && f.tlsCert == "" {
		return control.Config{}, errors.New("no agent could connect: set --tls-cert and --tls-key")
	}
	if f.agentCA != "" && f.tlsCert == "" {
		return control.Config{}, errors.New("--agent-ca needs --tls-cert and --tls-key: client certificates come with TLS")
	}
	if f.tlsCert != "" {
		if err := (&control.TLSFiles{Cert: f.tlsCert, Key: f.tlsKey}).Check(); err != nil {
			return control.Config{}, fmt.Errorf("--tls-cert: %w", err)
		}
	}
	if f.agentCA != "" {
		if _, err := readCAs("--agent-ca", f.agentCA); err != nil {
			return control.Config{}, err
		}
	}
	if f.roleBindings != "" {
		if _, err := access.ReadFile(f.roleBindings); err != nil {
			return control.Config{}, fmt.Errorf("--role-bindings: %w", err)
		}
	}
	if f.agentLifetime < minAgentLifetime {
		return control.Config{}, fmt.Errorf("--agent-certificate-lifetime: must be at least %s, got %s", minAgentLifetime, f.agentLifetime)
	}
	keys, err := openKeyset(f.keyset)
	if err != nil {
		return control.Config{}, err
	}
	if keys == nil {
		log.Warn("no keyset: secrets cannot be stored. Make one with `weir keyset new`")
	}
	if err := f.limits.Validate(); err != nil {
		return control.Config{}, fmt.Errorf("limits of callers (--limit-…): %w", err)
	}
	config := control.Config{
		Replica:                  replicaName(f.replica),
		RoleBindings:             f.roleBindings,
		Authenticate:             authenticate,
		MachineTokens:            f.auth != noAuth,
		AgentTokens:              tokens,
		AgentCertificateLifetime: f.agentLifetime,
		Keys:                     keys,
		IgnoreMissingKeys:        f.ignoreMissingKeys,
		Heartbeat:                f.heartbeat,
		Kafka:                    f.kafka,
		CallerLimits:             &f.limits,
		ServiceAccountAllowlist:  f.serviceAccounts,
		Limits:                   application.Limits{Events: f.eventsPerResource, Instances: application.DefaultLimits.Instances},
		Version:                  buildVersion(),
		Reflection:               f.reflection,
		Log:                      log,
	}
	for _, name := range f.serviceAccounts {
		if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
			return control.Config{}, fmt.Errorf("--service-account-allowlist: %q: %s", name, problems[0])
		}
	}
	config.KafkaNetwork.KubernetesService = os.Getenv("KUBERNETES_SERVICE_HOST")
	if err := config.KafkaNetwork.Allow(f.kafkaAllow...); err != nil {
		return control.Config{}, fmt.Errorf("--kafka-allow: %w", err)
	}
	if f.etcdDir == "" {
		config.HistoryRetention = f.history // the embedded etcd compacts by itself
	}
	if f.tlsCert != "" {
		config.TLS = &control.TLSFiles{Cert: f.tlsCert, Key: f.tlsKey, ClientCAs: userCAs}
		config.AgentTLS = &control.TLSFiles{Cert: f.tlsCert, Key: f.tlsKey}
		if f.agentCA != "" {
			config.AgentTLS.ClientCAs = []string{f.agentCA}
		}
	}
	return config, nil
}

// localConn returns a connection to the services of a replica in the same process.
func localConn(replica *control.Control, log *slog.Logger) *inprocess.Conn {
	local := inprocess.New(inprocess.Config{
		Unary:  replica.UnaryInterceptors(),
		Stream: replica.StreamInterceptors(),
		Log:    log,
		// The gateway writes replies out and keeps nothing of them.
		SharedReplies: true,
	})
	replica.Services(local)
	return local
}

// openEtcd dials the external etcd or starts the embedded one.
func openEtcd(ctx context.Context, flags controlFlags, log *slog.Logger) (*clientv3.Client, func(), error) {
	if flags.etcdDir != "" {
		server, err := embedded.Start(ctx, embedded.Config{Dir: flags.etcdDir, Listen: backupListener(flags.etcdDir, log), Log: log})
		if err != nil {
			return nil, nil, fmt.Errorf("start etcd in %s: %w", flags.etcdDir, err)
		}
		return server.Client(), server.Close, nil
	}
	client, err := dialEtcd(flags.etcd)
	if err != nil {
		return nil, nil, err
	}
	return client, func() {
		if err := client.Close(); err != nil {
			log.Debug("failed to close the connection to etcd", "error", err)
		}
	}, nil
}

// dialEtcd makes a client of the external etcd.
func dialEtcd(etcd store.DialConfig) (*clientv3.Client, error) {
	etcd.Password = os.Getenv("WEIR_ETCD_PASSWORD")
	client, err := store.Dial(etcd)
	if err != nil {
		return nil, fmt.Errorf("dial etcd: %w", err)
	}
	return client, nil
}

// replicaName is the name given, or one that no other live process has.
func replicaName(given string) string {
	if given != "" {
		return given
	}
	host, err := os.Hostname()
	if err != nil {
		host = "weir"
	}
	return fmt.Sprintf("%s-%d", host, os.Getpid())
}

// listenWithin is listen with a limit of connections.
func listenWithin(flag, address string, gate func(net.Listener) net.Listener) (net.Listener, error) {
	listener, err := listen(flag, address)
	if err != nil {
		return nil, err
	}
	return gate(listener), nil
}

// listen opens an address, and names the flag that it came from if it cannot.
func listen(flag, address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	return listener, nil
}
