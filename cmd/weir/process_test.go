package main

import (
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/openweir/weir/gateway"
	"github.com/openweir/weir/internal/await"
	"github.com/openweir/weir/internal/logbuffer"
)

// process is a running weir.
type process struct {
	cmd   *exec.Cmd
	ended chan error
	// printed is what the process has printed.
	printed logbuffer.Buffer
}

func command(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), runAsWeir+"=1")
	// A test that is killed takes its processes with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

func start(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{cmd: command(args...), ended: make(chan error, 1)}
	p.cmd.Stdout, p.cmd.Stderr = &p.printed, &p.printed
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- p.cmd.Wait() }()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		if t.Failed() {
			t.Logf("weir %s printed:\n%s", strings.Join(args, " "), p.printed.String())
		}
	})
	return p
}

// signalled sends a signal and returns how the process ended.
func (p *process) signalled(t *testing.T, signal os.Signal) error {
	t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	return await.Receive(t, "weir to end on "+signal.String(), p.ended)
}

// endsInTime sends a signal, and checks that weir ends by itself and has not waited for
// anything until it had to be cut off.
func (p *process) endsInTime(t *testing.T, signal os.Signal) {
	t.Helper()
	sent := time.Now()
	if err := p.signalled(t, signal); err != nil {
		t.Errorf("after %s: %v", signal, err)
	}
	if took := time.Since(sent); took >= gateway.ShutdownGrace {
		t.Errorf("after %s: ended in %s, want less than the grace of %s", signal, took, gateway.ShutdownGrace)
	}
}

// anyPort makes weir choose its ports. One that the test had found unused could be
// taken by another process before weir listens.
const anyPort = "127.0.0.1:0"

// ownAddress is an address for a process that does not print the port it has chosen.
// The host is of this test's process alone, so that no other process is given the port.
func ownAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort(ownHost().String(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// ownHost is the loopback address of this process.
func ownHost() net.IP {
	pid := os.Getpid()
	return net.IPv4(127, byte(1+pid>>16%254), byte(pid>>8), byte(1+pid%254))
}

// addresses are those of REST and gRPC in what weir dev prints.
var addresses = regexp.MustCompile(`(?s)REST +http://(\S+)/cmf.*gRPC +(\S+)\n`)

// dev is a running `weir dev` that is ready.
type dev struct {
	*process
	rest, grpc string
}

func startDev(t *testing.T, args ...string) *dev {
	t.Helper()
	d := &dev{process: start(t, append([]string{"dev", "--http", anyPort, "--grpc", anyPort, "--pace", "10ms"}, args...)...)}
	await.Until(t, "weir dev prints its addresses", func() bool {
		printed := addresses.FindStringSubmatch(d.printed.String())
		if printed == nil {
			return false
		}
		d.rest, d.grpc = printed[1], printed[2]
		return true
	})
	return d
}

// call makes a REST request.
func (d *dev) call(t *testing.T, method, path, contentType, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(method, "http://"+d.rest+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}
