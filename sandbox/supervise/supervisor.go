package supervise

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// signalled is what an exit code exceeds by the signal that ended a process,
// as shells have it.
const signalled = 128

// lastSignal is the highest number of a signal. Java machines end with codes
// above 128 that mean something else.
const lastSignal = 64

// Main is the supervisor: it runs a command and returns its exit code. When
// standard input closes it kills its whole process group, itself included.
func Main(command []string) int {
	if len(command) == 0 {
		fmt.Fprintln(os.Stderr, "weir: nothing to supervise")
		return 2
	}
	if syscall.Getpgrp() != os.Getpid() {
		// Somebody typed it: killing the group would end their shell.
		fmt.Fprintln(os.Stderr, "weir: the supervisor must lead its process group")
		return 2
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = syscall.Kill(0, syscall.SIGKILL)
	}()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case !errors.As(err, &exit):
		fmt.Fprintln(os.Stderr, "weir:", err)
		return 127
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return signalled + int(status.Signal())
	}
	return exit.ExitCode()
}
