// Package process runs the programs under test as children that cannot
// outlive the test: each has a process group of its own, which is killed when
// the process is, and the kernel kills the child when the test's process dies.
package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// Spec says what to run.
type Spec struct {
	// Name is for messages and for the name of the log file.
	Name string
	// Path is the executable.
	Path string
	// Args do not include the executable itself.
	Args []string
	// Env is added to the environment of the test.
	Env []string
	// Logs is the folder that the log file is written to.
	Logs string
}

// Process is a child that was started.
type Process struct {
	name string
	log  string
	cmd  *exec.Cmd
	done chan struct{}
	err  error // valid once done is closed
}

// Start runs the program. Its output is appended to Logs/Name.log, so that a
// process started again under its name goes on in the same file.
func Start(spec Spec) (*Process, error) {
	log := filepath.Join(spec.Logs, spec.Name+".log")
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", spec.Name, err)
	}
	cmd := exec.Command(spec.Path, spec.Args...)
	cmd.Env = append(os.Environ(), spec.Env...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p := &Process{name: spec.Name, log: log, cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go p.run(out, started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	return p, nil
}

// run holds on to its thread until the child ends: the kernel sends Pdeathsig
// when the thread that forked dies, not when the process does.
func (p *Process) run(out *os.File, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer func() { _ = out.Close() }()
	err := p.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	p.err = p.cmd.Wait()
	close(p.done)
}

// Name is the Spec's name.
func (p *Process) Name() string { return p.name }

// PID is the process id, which is the id of its group too.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Log is the path of the log file.
func (p *Process) Log() string { return p.log }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err is how the process ended. It may be called once Done is closed.
func (p *Process) Err() error { return p.err }

// Kill ends the process and all its children at once, and waits.
func (p *Process) Kill() {
	p.signal(syscall.SIGKILL)
	<-p.done
}

// Terminate asks the process to end and waits until it does. It is killed when
// ctx ends first, which is an error, and so is an exit code other than 0.
func (p *Process) Terminate(ctx context.Context) error {
	p.signal(syscall.SIGTERM)
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		p.Kill()
		return fmt.Errorf("%s did not end when asked to: %w", p.name, ctx.Err())
	}
}

// Pause stops the process without its knowledge, as a frozen machine would.
func (p *Process) Pause() { p.signal(syscall.SIGSTOP) }

// Resume undoes Pause.
func (p *Process) Resume() { p.signal(syscall.SIGCONT) }

func (p *Process) signal(s syscall.Signal) {
	select {
	case <-p.done:
	default:
		_ = syscall.Kill(-p.PID(), s)
	}
}

// Ready waits until probe succeeds. It gives up when ctx ends or the process
// does, and then says the probe's last error and where the log is.
func (p *Process) Ready(ctx context.Context, probe func(context.Context) error) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := probe(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended before it was ready (log: %s): %w", p.name, p.log, errors.Join(p.err, err))
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready (log: %s): %w", p.name, p.log, errors.Join(ctx.Err(), err))
		case <-tick.C:
		}
	}
}
