// Package control is the control plane: one of any number of equal replicas
// over one etcd. New builds everything and listens to nothing; Run serves.
package control

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/openweir/weir/control/access"
	"github.com/openweir/weir/control/audit"
	"github.com/openweir/weir/control/fleet"
	"github.com/openweir/weir/control/kafka"
	"github.com/openweir/weir/control/limit"
	"github.com/openweir/weir/control/resource/agentidentity"
	"github.com/openweir/weir/control/resource/application"
	"github.com/openweir/weir/control/resource/information"
	"github.com/openweir/weir/control/seal"
)

// DefaultHeartbeat is how often agents are asked to beat. A session that misses
// three is over.
const DefaultHeartbeat = 5 * time.Second

// Config is what a control plane replica is made of.
type Config struct {
	// Etcd holds the application. It stays the caller's to close, after Run. Required.
	Etcd *clientv3.Client
	// Listen opens the listener of the public API. Run calls it once the state is
	// loaded, so that nobody connects to a replica that cannot serve yet, and closes
	// the listener. nil where only in-process clients are served.
	Listen func() (net.Listener, error)
	// TLS of the listener; nil serves without encryption. Authenticate looks at the
	// certificates of clients.
	TLS *TLSFiles
	// ListenAgents opens the listener of the agents, as Listen does that of the
	// public API. nil where no agents are served.
	ListenAgents func() (net.Listener, error)
	// AgentTLS is the TLS of that listener. Without it, agents authenticate with
	// AgentTokens alone.
	AgentTLS *TLSFiles
	// Replica names this replica to the others. Required.
	Replica string
	// Authenticate returns who the caller of an RPC of the public API is. Required.
	Authenticate access.Authenticate
	// MachineTokens authenticates callers with machine tokens as well.
	MachineTokens bool
	// RoleBindings is a file of role bindings beside those that are resources, for the
	// first administrator and for emergencies; see docs/authorization.md. It is read
	// again when it changes. Empty for none.
	RoleBindings string
	// Audit records every change that callers request; nil for none. It stays the
	// caller's to close, after Run.
	Audit *audit.Log
	// AgentTokens are the static tokens of agents, for sandboxes and tests.
	AgentTokens fleet.Tokens
	// AgentCertificateLifetime is how long the certificates are valid that agents join
	// for; 0 means agentidentity.DefaultLifetime.
	AgentCertificateLifetime time.Duration
	// Keys seal secrets. Without any, secrets cannot be created or read.
	Keys *seal.Keys
	// IgnoreMissingKeys serves although etcd has values that are sealed with keys which
	// Keys lacks, as after the loss of a keyset.
	IgnoreMissingKeys bool
	// Heartbeat of agents; 0 means DefaultHeartbeat.
	Heartbeat time.Duration
	// HistoryRetention is how long etcd keeps its history before the leader has it
	// compacted; 0 where etcd does that by itself.
	HistoryRetention time.Duration
	// Kafka makes the topics of databases tables, and creates and deletes topics
	// with tables. Without it, tables are those that DDL made, and there are no
	// connections to Kafka.
	Kafka bool
	// KafkaNetwork says which Kafka clusters and schema registries may be connected to.
	KafkaNetwork kafka.Network
	// CallerLimits bound what each caller of the API may use; nil means limit.Default.
	CallerLimits *limit.Config
	// ServiceAccountAllowlist are the service accounts that applications and compute
	// pools may name beside those that users have allowed. If it is nil, they may name
	// every service account.
	ServiceAccountAllowlist []string
	// Limits bound what is kept of each application; zero means DefaultLimits.
	Limits application.Limits
	// Reflection serves gRPC reflection.
	Reflection bool
	// Version is what users and agents see.
	Version information.Version
	// Log receives what happens. Required.
	Log *slog.Logger
}

// TLSFiles are PEM files. They are read again at every handshake, so that
// certificates can be renewed in place.
type TLSFiles struct {
	Cert, Key string
	// ClientCAs verify the certificates of clients. Without any, clients are not asked
	// for one.
	ClientCAs []string
}

// minHeartbeat keeps leases, which count in seconds, meaningful.
const minHeartbeat = time.Second

// DefaultHistoryRetention is what replicas that lost their watch for a while mostly
// need. minHistoryRetention keeps compactions rare.
const (
	DefaultHistoryRetention = 5 * time.Minute
	minHistoryRetention     = time.Minute
)

func (c *Config) complete() error {
	var wrong []error
	if c.Etcd == nil {
		wrong = append(wrong, errors.New("etcd: a client is required"))
	}
	if c.Replica == "" {
		wrong = append(wrong, errors.New("replica: a name is required"))
	}
	if c.Authenticate == nil {
		wrong = append(wrong, errors.New("authenticate: is required"))
	}
	if c.Log == nil {
		wrong = append(wrong, errors.New("log: is required"))
	}
	if c.Heartbeat == 0 {
		c.Heartbeat = DefaultHeartbeat
	}
	if c.AgentCertificateLifetime == 0 {
		c.AgentCertificateLifetime = agentidentity.DefaultLifetime
	}
	if c.AgentCertificateLifetime < 0 {
		wrong = append(wrong, errors.New("agent certificate lifetime: must be greater than 0"))
	}
	if c.Heartbeat < minHeartbeat {
		wrong = append(wrong, fmt.Errorf("heartbeat: must be at least %s, got %s", minHeartbeat, c.Heartbeat))
	}
	if c.HistoryRetention != 0 && c.HistoryRetention < minHistoryRetention {
		wrong = append(wrong, fmt.Errorf("history retention: must be 0 or at least %s, got %s", minHistoryRetention, c.HistoryRetention))
	}
	if c.Limits == (application.Limits{}) {
		c.Limits = application.DefaultLimits
	}
	if c.Limits.Events < 1 || c.Limits.Instances < 1 {
		wrong = append(wrong, errors.New("limits: at least one event and one instance of each application must be kept"))
	}
	if c.CallerLimits == nil {
		c.CallerLimits = &limit.Default
	}
	if err := c.CallerLimits.Validate(); err != nil {
		wrong = append(wrong, err)
	}
	for _, files := range []*TLSFiles{c.TLS, c.AgentTLS} {
		if files == nil {
			continue
		}
		if err := files.Check(); err != nil {
			wrong = append(wrong, err)
		}
	}
	return errors.Join(wrong...)
}

// Check reports what is wrong with the files.
func (f *TLSFiles) Check() error {
	_, err := f.config()
	return err
}

// ServerConfig is for a server of some protocols, such as h2.
func (f *TLSFiles) ServerConfig(protocols ...string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: protocols,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			config, err := f.config()
			if err == nil {
				config.NextProtos = protocols
			}
			return config, err
		},
	}
}

func (f *TLSFiles) config() (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return nil, fmt.Errorf("tls: load certificate: %w", err)
	}
	out := &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{cert},
		// A resumed session would not show its certificate again.
		SessionTicketsDisabled: true,
	}
	for _, file := range f.ClientCAs {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("tls: read client CA: %w", err)
		}
		if out.ClientCAs == nil {
			out.ClientCAs, out.ClientAuth = x509.NewCertPool(), tls.VerifyClientCertIfGiven
		}
		if !out.ClientCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls: %s holds no PEM certificate", file)
		}
	}
	return out, nil
}
