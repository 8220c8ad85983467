package scenario

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/openweir/weir/integration/etcd"
	"github.com/openweir/weir/integration/process"
	"github.com/openweir/weir/integration/weir"
	"github.com/openweir/weir/internal/await"
)

// heartbeat is short, so that a lost agent is soon known as such.
const heartbeat = time.Second

// startLimit bounds the start of a server with those that it needs. Several start at
// once, on a machine that may have few processors.
const startLimit = 5 * time.Minute

// plane is a control plane with its etcd and a gateway, each a process.
type plane struct {
	t testing.TB
	weir.Client
	dir     string
	etcd    *etcd.Server
	control *process.Process
	config  weir.Control
}

// startPlane runs a control plane for one test.
func startPlane(t testing.TB) *plane {
	t.Helper()
	return startPlaneWith(t, t.TempDir(), weir.ServerTLS{}, "")
}

// startPlaneWith runs a control plane whose keys and logs are in dir. Where
// there are keys, authority signed them.
func startPlaneWith(t testing.TB, dir string, keys weir.ServerTLS, authority string, flags ...string) *plane {
	t.Helper()
	p := &plane{t: t, dir: dir}
	t.Cleanup(p.printLogs)
	ctx, cancel := context.WithTimeout(t.Context(), startLimit)
	defer cancel()
	var err error
	if p.etcd, err = etcd.Start(ctx, etcd.Config{Binary: programs.etcd, Name: "etcd", Dir: p.dir}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.etcd.Kill)
	p.config = weir.Control{
		Binary: programs.weir, Name: "control", Dir: p.dir, Etcd: []string{p.etcd.Endpoint},
		GRPC: freeAddress(t), Agents: freeAddress(t), Admin: freeAddress(t), Clusters: clusters, Heartbeat: heartbeat, TLS: keys, Flags: flags,
	}
	p.startControl()
	t.Cleanup(func() { p.control.Kill() })
	address := freeAddress(t)
	gateway, err := weir.Gateway{
		Binary: programs.weir, Name: "gateway", Dir: p.dir, Control: p.config.GRPC, HTTP: address, Authority: authority,
	}.Start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(gateway.Kill)
	p.Base = "http://" + address
	return p
}

// startControl runs the control plane, at the address that it had before.
func (p *plane) startControl() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), startLimit)
	defer cancel()
	var err error
	if p.control, err = p.config.Start(ctx); err != nil {
		p.t.Fatal(err)
	}
}

// startReplica runs another replica of the control plane, and returns it with
// the address that it serves agents on.
func (p *plane) startReplica() (replica *process.Process, address string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), startLimit)
	defer cancel()
	config := p.config
	config.Name, config.GRPC, config.Agents, config.Admin = "control-replica", freeAddress(p.t), freeAddress(p.t), freeAddress(p.t)
	replica, err := config.Start(ctx)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(replica.Kill)
	return replica, config.Agents
}

// object sends a request that must be answered with the status.
func (p *plane) object(method, path, body string, status int) weir.Object {
	p.t.Helper()
	object, err := p.Object(p.t.Context(), method, path, body, status)
	if err != nil {
		p.t.Fatal(err)
	}
	return object
}

// get is object for a GET.
func (p *plane) get(path string) weir.Object {
	p.t.Helper()
	return p.object(http.MethodGet, path, "", http.StatusOK)
}

// printLogs shows the end of every log of a test that failed.
func (p *plane) printLogs() {
	if !p.t.Failed() {
		return
	}
	logs, _ := filepath.Glob(filepath.Join(p.dir, "*.log"))
	for _, log := range logs {
		content, err := os.ReadFile(log)
		if err != nil {
			continue
		}
		lines := bytes.Split(bytes.TrimSpace(content), []byte("\n"))
		p.t.Logf("the last lines of %s:\n%s", filepath.Base(log), bytes.Join(lines[max(0, len(lines)-60):], []byte("\n")))
	}
}

func freeAddress(t testing.TB) string {
	t.Helper()
	address, err := process.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// slug makes a name for Kubernetes of the name of the test.
func slug(t testing.TB) string {
	name := strings.ToLower(strings.TrimPrefix(t.Name(), "Test"))
	name = regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(name, "-")
	return strings.Trim(name[:min(len(name), 40)], "-")
}

// await waits until a condition holds.
func (p *plane) await(what string, condition func(context.Context) error) {
	p.t.Helper()
	await.Within(p.t, await.Patience, what, condition)
}
