package main

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/openweir/weir/internal/await"
)

// process is a running weir.
type process struct {
	cmd    *exec.Cmd
	ended  chan error
	mu     sync.Mutex
	output bytes.Buffer
}

// Write takes what the process prints.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.Write(b)
}

func (p *process) printed() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.String()
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
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- p.cmd.Wait() }()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		if t.Failed() {
			t.Logf("weir %s printed:\n%s", strings.Join(args, " "), p.printed())
		}
	})
	return p
}

// signalled sends a signal and tells how long the process took to end.
func (p *process) signalled(t *testing.T, signal os.Signal) (time.Duration, error) {
	t.Helper()
	sent := time.Now()
	if err := p.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	err := await.Receive(t, "weir to end on "+signal.String(), p.ended)
	return time.Since(sent), err
}

// freeAddress is an unused loopback address.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// dev is a running `weir dev` that is ready.
type dev struct {
	*process
	rest, grpc string
}

func startDev(t *testing.T, args ...string) *dev {
	t.Helper()
	d := &dev{rest: freeAddress(t), grpc: freeAddress(t)}
	d.process = start(t, append([]string{"dev", "--http", d.rest, "--grpc", d.grpc, "--pace", "10ms"}, args...)...)
	await.Until(t, "weir dev says what is running", func() bool { return strings.Contains(d.printed(), "Weir is running.") })
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
