// Package supervise runs processes that cannot outlive the one that started
// them, not even when that is killed: each runs under a supervisor, a process
// of the same program, that holds the reading end of a pipe. Only the starting
// process holds the writing end, so the pipe closes with it in any case, and
// the supervisor then kills the whole process group.
package supervise

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

// Command is a process to start.
type Command struct {
	// Path is the executable.
	Path string
	// Args do not include the executable itself.
	Args []string
	// Env is the whole environment.
	Env []string
	// Dir is the working folder.
	Dir string
	// Output is what standard output and standard error are appended to.
	Output string
}

// Process is a process that was started.
type Process struct {
	cmd   *exec.Cmd
	alive io.Closer
	done  chan struct{}
	err   error // valid once done is closed
	kill  sync.Once
}

// Start starts a process under the supervisor, which is a command line of the
// running program that ends in Main with the arguments that follow it.
func Start(supervisor []string, command Command) (*Process, error) {
	out, err := os.OpenFile(command.Output, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the output of %s: %w", command.Path, err)
	}
	defer func() { _ = out.Close() }()
	args := append(append([]string{}, supervisor[1:]...), command.Path)
	cmd := exec.Command(supervisor[0], append(args, command.Args...)...)
	cmd.Env, cmd.Dir = command.Env, command.Dir
	cmd.Stdout, cmd.Stderr = out, out
	// The supervisor leads a group of its own: a Ctrl-C in the terminal does
	// not reach it, and what it starts can be killed as a whole.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	alive, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("create the pipe to the supervisor of %s: %w", command.Path, err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", command.Path, err)
	}
	p := &Process{cmd: cmd, alive: alive, done: make(chan struct{})}
	go p.wait()
	return p, nil
}

// wait ends what the supervisor may have left, should it have been killed
// itself.
func (p *Process) wait() {
	p.err = p.cmd.Wait()
	p.killGroup()
	close(p.done)
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err is how the process ended, nil with exit code 0. It may be called once
// Done is closed.
func (p *Process) Err() error {
	var exit *exec.ExitError
	if !errors.As(p.err, &exit) {
		return p.err
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	switch {
	case ok && status.Signaled():
		return Killed(status.Signal())
	case exit.ExitCode() > signalled && exit.ExitCode() <= signalled+lastSignal:
		return Killed(exit.ExitCode() - signalled)
	}
	return fmt.Errorf("exit code %d", exit.ExitCode())
}

// Killed is how a process ended that a signal did.
type Killed syscall.Signal

// Error names the signal.
func (k Killed) Error() string {
	return fmt.Sprintf("killed by signal %d (%s)", int(k), syscall.Signal(k))
}

// Kill ends the process and all that it started, and waits.
func (p *Process) Kill() {
	select {
	case <-p.done:
	default:
		p.killGroup()
		<-p.done
	}
}

func (p *Process) killGroup() {
	p.kill.Do(func() { _ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) })
}
