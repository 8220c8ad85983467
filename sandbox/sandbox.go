// Package sandbox is a workload cluster inside the process: a simulated Kubernetes
// API server and a simulated Flink Kubernetes Operator, for `weir dev`, `weir
// sandbox` and tests. An agent connects to it as to any cluster, over HTTP on the
// loopback interface. Without Flink homes no Flink runs, and objects are marked as
// simulated; with them, Flink runs as local processes.
package sandbox

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"

	"github.com/openweir/weir/sandbox/apiserver"
	"github.com/openweir/weir/sandbox/localflink"
	"github.com/openweir/weir/sandbox/operator"
	"github.com/openweir/weir/sandbox/sqlcluster"
)

// DefaultPace is how long a step of the simulated operator takes.
const DefaultPace = 300 * time.Millisecond

// Config is what a cluster is made with.
type Config struct {
	// Name is the cluster's name, for the log.
	Name string
	// Namespaces are there from the beginning; more can be made through the
	// API.
	Namespaces []string
	// Dir is the folder in which the cluster keeps its objects, so that its
	// jobs continue when a later cluster uses the folder. Only one
	// cluster may use a folder at a time. Empty keeps nothing.
	Dir string
	// Pace is how long each step of the simulated operator takes, zero is
	// DefaultPace.
	Pace time.Duration
	// FlinkHomes are folders of Flink distributions, out of which Flink runs as
	// processes; none has it simulated.
	FlinkHomes []string
	// FlinkDir is the folder for the processes' state, configuration and logs.
	FlinkDir string
	// Supervisor is the command line of a program that ends in supervise.Main,
	// under which the processes run.
	Supervisor []string
	// Address is where the API is served, on the loopback interface; empty
	// leaves the port to the machine.
	Address string
	// Token is what clients show; empty makes one up.
	Token string
	// Certificate is what the API is served with, and signs itself; without
	// one it is not encrypted.
	Certificate *tls.Certificate
	// Log is where failures are logged; nil discards them.
	Log *slog.Logger

	// start starts processes in place of the supervisor; for tests.
	start localflink.Starter
}

// Cluster is a simulated workload cluster.
type Cluster struct {
	listener net.Listener
	token    string
	// authority is the certificate as clients have to know it; nil without one.
	authority []byte
	server    *apiserver.Server
	operator  *operator.Operator
	sql       *sqlcluster.Cluster
	log       *slog.Logger
}

// New returns a cluster that has its address but answers only once it runs.
func New(config Config) (*Cluster, error) {
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	if config.Pace == 0 {
		config.Pace = DefaultPace
	}
	if config.Address == "" {
		config.Address = "127.0.0.1:0"
	}
	if config.Token == "" {
		config.Token = rand.Text()
	}
	c := &Cluster{token: config.Token, sql: sqlcluster.New(), log: config.Log.With("sandbox", config.Name)}
	flink, err := processes(config, c.log)
	if err != nil {
		return nil, fmt.Errorf("create sandbox %s: %w", config.Name, err)
	}
	c.server, err = apiserver.New(apiserver.Config{
		Dir: config.Dir, Namespaces: config.Namespaces, Token: c.token, Log: c.log,
	})
	if err != nil {
		return nil, fmt.Errorf("create the API server of sandbox %s: %w", config.Name, err)
	}
	if c.listener, err = net.Listen("tcp", config.Address); err != nil {
		return nil, fmt.Errorf("find an address for sandbox %s: %w", config.Name, err)
	}
	if config.Certificate != nil {
		c.authority = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: config.Certificate.Certificate[0]})
		c.listener = tls.NewListener(c.listener, &tls.Config{Certificates: []tls.Certificate{*config.Certificate}, MinVersion: tls.VersionTLS13})
	}
	c.operator, err = operator.New(operator.Config{Rest: c.RestConfig(), Pace: config.Pace, Flink: flink, Log: c.log})
	if err != nil {
		return nil, fmt.Errorf("create the operator of sandbox %s: %w", config.Name, err)
	}
	return c, nil
}

// RestConfig returns how to reach the cluster. The caller may change it.
func (c *Cluster) RestConfig() *rest.Config {
	scheme := "http://"
	if c.authority != nil {
		scheme = "https://"
	}
	return &rest.Config{
		Host:            scheme + c.listener.Addr().String(),
		TLSClientConfig: rest.TLSClientConfig{CAData: c.authority},
		BearerToken:     c.token,
		// No rate limit: client and server are one process.
		QPS: -1,
	}
}

// SQL makes up the rows of the queries that are said to run on the cluster.
func (c *Cluster) SQL() *sqlcluster.Cluster { return c.sql }

// Run runs the cluster until the context ends, and returns when nothing of it
// runs any more. It can be called once.
func (c *Cluster) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return serve(ctx, c.listener, c.server) })
	group.Go(func() error { return c.operator.Run(ctx) })
	return group.Wait()
}
