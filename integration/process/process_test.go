package process_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/openweir/weir/integration/process"
	"github.com/openweir/weir/internal/await"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestKillEndsTheProcessGroup(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "child")
	p := shell(t, dir, "sleep 600 & echo $! > "+file+"; wait")
	var child int
	await.Success(t, "the child to start", func() error {
		text, err := os.ReadFile(file)
		if err == nil {
			child, err = strconv.Atoi(strings.TrimSpace(string(text)))
		}
		return err
	})
	p.Kill()
	// The child is nobody's now, and is gone once init has waited for it.
	await.Success(t, "the child to end", func() error {
		status, err := os.ReadFile("/proc/" + strconv.Itoa(child) + "/stat")
		if errors.Is(err, os.ErrNotExist) || strings.Contains(string(status), ") Z ") {
			return nil
		}
		return errors.New("it is still there")
	})
}

func TestTerminateReturnsTheExitStatus(t *testing.T) {
	t.Run("well", func(t *testing.T) {
		p := shell(t, t.TempDir(), "trap 'exit 0' TERM; echo ready; while :; do sleep 0.01; done")
		said(t, p, "ready")
		if err := p.Terminate(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("with a failure", func(t *testing.T) {
		p := shell(t, t.TempDir(), "trap 'exit 3' TERM; echo ready; while :; do sleep 0.01; done")
		said(t, p, "ready")
		if err := p.Terminate(t.Context()); err == nil || !strings.Contains(err.Error(), "exit status 3") {
			t.Fatalf("got %v, want exit status 3", err)
		}
	})
	t.Run("not at all", func(t *testing.T) {
		p := shell(t, t.TempDir(), "trap '' TERM; echo ready; while :; do sleep 0.01; done")
		said(t, p, "ready")
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if err := p.Terminate(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v, want a deadline that is exceeded", err)
		}
		<-p.Done()
	})
}

func TestReadyFailsIfTheProcessHasExited(t *testing.T) {
	p := shell(t, t.TempDir(), "exit 7")
	never := errors.New("nobody answers")
	err := p.Ready(t.Context(), func(context.Context) error { return never })
	if !errors.Is(err, never) || !strings.Contains(err.Error(), "exit status 7") {
		t.Fatalf("got %v, want both why it ended and what the probe said", err)
	}
}

func TestPauseStopsAProcessUntilItIsResumed(t *testing.T) {
	// One process without children: a shell that is stopped while it waits for
	// a child of vfork to call exec stays in state D.
	p := shell(t, t.TempDir(), "echo ready; exec sleep 600")
	said(t, p, "ready")
	p.Pause()
	inState(t, p, ") T ")
	p.Resume()
	inState(t, p, ") S ", ") R ")
}

func shell(t *testing.T, dir, script string) *process.Process {
	t.Helper()
	p, err := process.Start(process.Spec{Name: "shell", Path: "/bin/sh", Args: []string{"-c", script}, Logs: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	if group, err := syscall.Getpgid(p.PID()); err == nil && group != p.PID() {
		t.Fatalf("the process is in group %d, not in its own, %d", group, p.PID())
	}
	return p
}

// said waits until a process has written a word to its log.
func said(t *testing.T, p *process.Process, word string) {
	t.Helper()
	await.Success(t, "the process to say "+word, func() error {
		log, err := os.ReadFile(p.Log())
		if err == nil && !strings.Contains(string(log), word) {
			err = errors.New("it has not said so yet")
		}
		return err
	})
}

// inState waits until the kernel says that a process is in one of the states.
func inState(t *testing.T, p *process.Process, states ...string) {
	t.Helper()
	await.Success(t, "the process to change its state", func() error {
		status, err := os.ReadFile("/proc/" + strconv.Itoa(p.PID()) + "/stat")
		if err != nil {
			return err
		}
		for _, state := range states {
			if strings.Contains(string(status), state) {
				return nil
			}
		}
		return errors.New(string(status))
	})
}
