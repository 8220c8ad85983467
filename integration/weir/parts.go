// Package weir runs the parts of Weir as processes, as they are run in
// production, and speaks to its REST API.
package weir

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/openweir/weir/integration/process"
)

// Token is the static token of the agent of a cluster.
func Token(cluster string) string { return "integration-token-of-" + cluster }

// Control says how to run a replica of the control plane.
type Control struct {
	Binary string
	// Name is for messages and for the name of the log.
	Name string
	// Dir is where the token file and the log are put.
	Dir string
	// Etcd are the endpoints of etcd; without any, the replica keeps an etcd of
	// its own in a folder below Dir.
	Etcd []string
	// GRPC, Agents and Admin are the addresses to listen on.
	GRPC, Agents, Admin string
	// Clusters are those whose agents may present their Token.
	Clusters []string
	// HTTP is the address to serve REST on; empty for none.
	HTTP string
	// Heartbeat is how often agents report that they live; three missed end a
	// session.
	Heartbeat time.Duration
	// TLS are the files to serve gRPC with; without them it is not encrypted.
	TLS ServerTLS
	// Kafka makes the topics of databases tables. The databases of most tests are
	// at addresses that nobody serves.
	Kafka bool
	// Auth is the configuration of authentication, and RoleBindings a file of them;
	// without them, callers are anonymous.
	Auth, RoleBindings string
	// Flags are added to those that follow from the rest.
	Flags []string
}

// ServerTLS are the files of a server that speaks TLS.
type ServerTLS struct {
	Certificate, Key string
	// AgentAuthority signs the certificates of agents, beside the control plane itself,
	// if it has a keyset; may be empty.
	AgentAuthority string
}

// Start runs the replica and waits until it is ready.
func (c Control) Start(ctx context.Context) (*process.Process, error) {
	tokens := filepath.Join(c.Dir, "agent-tokens")
	var lines strings.Builder
	for _, cluster := range c.Clusters {
		fmt.Fprintln(&lines, Token(cluster), cluster)
	}
	if err := os.WriteFile(tokens, []byte(lines.String()), 0o600); err != nil {
		return nil, fmt.Errorf("write the agents' tokens: %w", err)
	}
	args := []string{
		"control",
		"--auth=" + cmp.Or(c.Auth, "none"),
		"--grpc=" + c.GRPC,
		"--agents=" + c.Agents,
		"--admin=" + c.Admin,
		"--heartbeat=" + c.Heartbeat.String(),
		"--insecure-agent-token-file=" + tokens,
		"--kafka=" + strconv.FormatBool(c.Kafka),
		"--kafka-allow=127.0.0.0/8",
	}
	if len(c.Etcd) > 0 {
		args = append(args, "--etcd-endpoints="+strings.Join(c.Etcd, ","))
	} else {
		args = append(args, "--etcd-dir="+filepath.Join(c.Dir, c.Name+"-etcd"))
	}
	if c.HTTP != "" {
		args = append(args, "--http="+c.HTTP)
	}
	if c.RoleBindings != "" {
		args = append(args, "--role-bindings="+c.RoleBindings)
	}
	args = append(args, c.Flags...)
	if c.TLS != (ServerTLS{}) {
		args = append(args, "--tls-cert="+c.TLS.Certificate, "--tls-key="+c.TLS.Key)
	}
	if c.TLS.AgentAuthority != "" {
		args = append(args, "--agent-ca="+c.TLS.AgentAuthority)
	}
	return start(ctx, process.Spec{Name: c.Name, Path: c.Binary, Args: args, Logs: c.Dir}, "http://"+c.Admin+"/readyz")
}

// Gateway says how to run a gateway.
type Gateway struct {
	Binary string
	Name   string
	Dir    string
	// Control is the control plane's gRPC address.
	Control string
	// HTTP is the address to listen on.
	HTTP string
	// Authority is the file with the control plane's certificate authority;
	// without it the way there is not encrypted.
	Authority string
}

// Start runs the gateway and waits until it is ready.
func (g Gateway) Start(ctx context.Context) (*process.Process, error) {
	args := []string{"gateway", "--http=" + g.HTTP, "--control=" + g.Control}
	if g.Authority != "" {
		args = append(args, "--tls-ca="+g.Authority)
	} else {
		args = append(args, "--insecure")
	}
	return start(ctx, process.Spec{Name: g.Name, Path: g.Binary, Args: args, Logs: g.Dir}, "http://"+g.HTTP+"/readyz")
}

// Agent says how to run an agent.
type Agent struct {
	Binary string
	Name   string
	Dir    string
	// Cluster is the name that the agent registers.
	Cluster string
	// Control is the address that the control plane serves agents on.
	Control string
	// Kubeconfig is the path of the file that reaches the API server.
	Kubeconfig string
	// Namespaces are those that the agent may work in; empty means all.
	Namespaces []string
	// TLS is how the agent and the control plane know each other. Without it
	// the agent presents Token, and nothing is encrypted.
	TLS ClientTLS
	// JoinToken is the path of a file with a token, which the agent exchanges for a
	// certificate; TLS has only the Authority then.
	JoinToken string
	// LocalFlink is for the cluster of a Sandbox that runs Flink.
	LocalFlink bool
	// Flags are further flags.
	Flags []string
}

// ClientTLS are the files of an agent that speaks TLS.
type ClientTLS struct {
	// Authority signed the control plane's certificate.
	Authority string
	// Certificate and Key say who the agent is.
	Certificate, Key string
}

// Start runs the agent. Whether it connects is seen on the cluster's status.
func (a Agent) Start() (*process.Process, error) {
	args := []string{"agent", "--kubeconfig=" + a.Kubeconfig, "--cluster=" + a.Cluster, "--control=" + a.Control}
	switch {
	case a.JoinToken != "":
		args = append(args, "--tls-ca="+a.TLS.Authority, "--join-token-file="+a.JoinToken)
	case a.TLS != (ClientTLS{}):
		args = append(args, "--tls-ca="+a.TLS.Authority, "--tls-cert="+a.TLS.Certificate, "--tls-key="+a.TLS.Key)
	default:
		token := filepath.Join(a.Dir, "agent-token")
		if err := os.WriteFile(token, []byte(Token(a.Cluster)), 0o600); err != nil {
			return nil, fmt.Errorf("write the agent's token: %w", err)
		}
		args = append(args, "--token-file="+token, "--insecure")
	}
	if a.LocalFlink {
		args = append(args, "--local-flink")
	}
	if len(a.Namespaces) > 0 {
		args = append(args, "--namespaces="+strings.Join(a.Namespaces, ","))
	}
	args = append(args, a.Flags...)
	return process.Start(process.Spec{Name: a.Name, Path: a.Binary, Args: args, Logs: a.Dir})
}

// start runs a process and waits until url answers 200.
func start(ctx context.Context, spec process.Spec, url string) (*process.Process, error) {
	p, err := process.Start(spec)
	if err != nil {
		return nil, err
	}
	if err := p.Ready(ctx, func(ctx context.Context) error { return ready(ctx, url) }); err != nil {
		p.Kill()
		return nil, err
	}
	return p, nil
}

func ready(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", url, response.Status)
	}
	return nil
}
