//go:build flink

// Package session runs session clusters of real Flink, with a SQL gateway
// beside each, as processes of the test.
package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/openweir/weir/integration/process"
)

// starting bounds how long a cluster may take to start.
const starting = 3 * time.Minute

// Homes are the Flink distributions to test with, from WEIR_FLINK_HOMES. A test
// that was asked for and has none fails.
func Homes(t *testing.T) []string {
	t.Helper()
	homes, err := NamedHomes()
	if err != nil {
		t.Fatal(err)
	}
	return homes
}

// NamedHomes is Homes for what runs before any test.
func NamedHomes() ([]string, error) {
	homes := filepath.SplitList(os.Getenv("WEIR_FLINK_HOMES"))
	if len(homes) == 0 {
		return nil, errors.New("WEIR_FLINK_HOMES names no Flink distribution; make e2e makes some and sets it")
	}
	return homes, nil
}

// Cluster is a session cluster of one TaskManager.
type Cluster struct {
	// REST is the JobManager's REST API, SQLGateway that of the gateway.
	REST, SQLGateway *url.URL
	// Dir is a folder that all of its processes can write to.
	Dir string

	home    string
	logs    string
	env     []string
	gateway *process.Process
	// test is the one that the cluster ends with, above those that use it.
	test *testing.T
}

// Start starts a cluster of a Flink distribution, which ends with the test.
// Settings are lines of its configuration.
func Start(t *testing.T, home string, settings ...string) *Cluster {
	t.Helper()
	dir := t.TempDir()
	c := &Cluster{test: t, home: home, Dir: dir, logs: filepath.Join(dir, "logs")}
	conf := filepath.Join(dir, "conf")
	for _, folder := range []string{conf, c.logs, filepath.Join(dir, "tmp")} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	rest, sql, rpc, blob := port(t), port(t), port(t), port(t)
	c.REST, c.SQLGateway = local(rest), local(sql)
	lines := append([]string{
		"jobmanager.rpc.address: 127.0.0.1", "jobmanager.bind-host: 127.0.0.1", "jobmanager.rpc.port: " + rpc,
		"blob.server.port: " + blob, "rest.address: 127.0.0.1", "rest.bind-address: 127.0.0.1", "rest.port: " + rest,
		"jobmanager.memory.process.size: 768m", "taskmanager.memory.process.size: 1g",
		"taskmanager.memory.network.min: 64m", "taskmanager.memory.network.max: 64m", "taskmanager.memory.managed.size: 64m",
		"taskmanager.host: 127.0.0.1", "taskmanager.bind-host: 127.0.0.1", "taskmanager.numberOfTaskSlots: 8",
		"execution.target: remote",
		"sql-gateway.endpoint.rest.address: 127.0.0.1", "sql-gateway.endpoint.rest.bind-address: 127.0.0.1",
		"sql-gateway.endpoint.rest.port: " + sql,
		"io.tmp.dirs: " + filepath.Join(dir, "tmp"),
	}, settings...)
	write(t, filepath.Join(conf, "config.yaml"), strings.Join(lines, "\n")+"\n")
	log, err := os.ReadFile(filepath.Join(home, "conf", "log4j-console.properties"))
	if err != nil {
		t.Fatalf("read the logging of the Flink distribution: %v", err)
	}
	write(t, filepath.Join(conf, "log4j-console.properties"), string(log))
	c.env = []string{"FLINK_HOME=" + home, "FLINK_CONF_DIR=" + conf, "FLINK_LOG_DIR=" + c.logs, "JVM_ARGS=-Xmx512m"}

	t.Cleanup(func() { c.tell(t) })
	job := c.run(t, "jobmanager")
	c.run(t, "taskmanager")
	c.gateway = c.run(t, "sql-gateway")
	c.ready(t, job, c.REST, "/overview", `"taskmanagers":1`)
	c.ready(t, c.gateway, c.SQLGateway, "/v2/info", `"version"`)
	return c
}

// RestartGateway kills the gateway, with all of its sessions, and starts it
// again.
func (c *Cluster) RestartGateway(t *testing.T) {
	t.Helper()
	c.gateway.Kill()
	c.gateway = c.run(t, "sql-gateway")
	c.ready(t, c.gateway, c.SQLGateway, "/v2/info", `"version"`)
}

func (c *Cluster) run(t *testing.T, program string) *process.Process {
	t.Helper()
	p, err := process.Start(process.Spec{
		Name: program, Path: filepath.Join(c.home, "bin", program+".sh"), Args: []string{"start-foreground"}, Env: c.env, Logs: c.logs,
	})
	if err != nil {
		t.Fatal(err)
	}
	c.test.Cleanup(p.Kill)
	return p
}

// ready waits until an endpoint answers with some text.
func (c *Cluster) ready(t *testing.T, p *process.Process, at *url.URL, path, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), starting)
	defer cancel()
	err := p.Ready(ctx, func(ctx context.Context) error {
		answer, err := Get(ctx, at, path)
		if err == nil && !strings.Contains(answer, text) {
			err = fmt.Errorf("%s answers %s", path, answer)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// tell shows the ends of the logs of a cluster whose test has failed.
func (c *Cluster) tell(t *testing.T) {
	if !t.Failed() {
		return
	}
	for _, program := range []string{"jobmanager", "taskmanager", "sql-gateway"} {
		text, err := os.ReadFile(filepath.Join(c.logs, program+".log"))
		if err != nil {
			continue
		}
		const end = 1500
		t.Logf("the end of the log of the %s:\n%s", program, text[max(0, len(text)-end):])
	}
}

// Get reads what an endpoint answers.
func Get(ctx context.Context, at *url.URL, path string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String()+path, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers with status %d: %s", path, response.StatusCode, text)
	}
	return string(text), err
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// port is one that was free a moment ago.
func port(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
}

func local(port string) *url.URL { return &url.URL{Scheme: "http", Host: "127.0.0.1:" + port} }
