package supervise

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/openweir/weir/internal/await"
)

// The test program is the supervisor, and the process that is killed, when it
// is started with one of these as its first argument.
const (
	asSupervisor = "supervisor"
	asStarter    = "starter"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case asSupervisor:
			os.Exit(Main(os.Args[2:]))
		case asStarter:
			starter(os.Args[2])
		}
	}
	goleak.VerifyTestMain(m)
}

// starter starts a shell that starts a sleep, prints what their process ids
// are written to, and waits to be killed.
func starter(output string) {
	_, err := Start([]string{os.Args[0], asSupervisor}, Command{
		Path: "/bin/sh", Args: []string{"-c", "echo $$; sleep 1000 & echo $!; wait"}, Output: output,
	})
	if err != nil {
		panic(err)
	}
	_, _ = fmt.Fprintln(os.Stdout, "started")
	select {}
}

func supervisor(t *testing.T) []string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return []string{self, asSupervisor}
}

func TestProcessesDoNotOutliveAKilledParent(t *testing.T) {
	output := filepath.Join(t.TempDir(), "out")
	self := supervisor(t)[0]
	killed := exec.Command(self, asStarter, output)
	stdout, err := killed.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := killed.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		t.Fatalf("the starter said %q: %v", line, err)
	}
	var pids []int
	await.Until(t, "the shell and the sleep run", func() bool {
		pids = numbers(t, output)
		return len(pids) == 2 && alive(pids[0]) && alive(pids[1])
	})
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = killed.Wait()
	await.Until(t, "the shell and the sleep are gone", func() bool { return !alive(pids[0]) && !alive(pids[1]) })
}

func TestKillEndsTheProcessGroup(t *testing.T) {
	output := filepath.Join(t.TempDir(), "out")
	p, err := Start(supervisor(t), Command{
		Path: "/bin/sh", Args: []string{"-c", "echo $$; sleep 1000 & echo $!; wait"}, Output: output,
	})
	if err != nil {
		t.Fatal(err)
	}
	await.Until(t, "both run", func() bool { return len(numbers(t, output)) == 2 })
	pids := numbers(t, output)
	p.Kill()
	p.Kill()
	await.Until(t, "both are gone", func() bool { return !alive(pids[0]) && !alive(pids[1]) })
}

func TestExitStatusIsReported(t *testing.T) {
	tests := map[string]struct {
		script, want string
	}{
		"well":             {script: "exit 0", want: "<nil>"},
		"with a code":      {script: "exit 3", want: "exit code 3"},
		"with Java's code": {script: "exit 239", want: "exit code 239"},
		"by a signal":      {script: "kill -9 $$", want: "killed by signal 9 (killed)"},
		"without a shell":  {script: "exec /no/such/program", want: "exit code 127"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p, err := Start(supervisor(t), Command{
				Path: "/bin/sh", Args: []string{"-c", test.script}, Output: filepath.Join(t.TempDir(), "out"),
			})
			if err != nil {
				t.Fatal(err)
			}
			<-p.Done()
			if got := fmt.Sprint(p.Err()); got != test.want {
				t.Errorf("it ended with %s, want %s", got, test.want)
			}
		})
	}
}

func TestTheSupervisorDoesNotKillAnotherProcessGroup(t *testing.T) {
	cmd := exec.Command(supervisor(t)[0], asSupervisor, "/bin/true")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "must lead its process group") {
		t.Errorf("it said %q and ended with %v", out, err)
	}
}

// numbers are the numbers that a file has, one a line.
func numbers(t *testing.T, path string) []int {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var all []int
	for _, line := range strings.Fields(string(data)) {
		number, err := strconv.Atoi(line)
		if err != nil {
			t.Fatalf("%s has the line %q", path, line)
		}
		all = append(all, number)
	}
	return all
}

// alive tells whether a process runs; one that was killed and not waited for
// does not.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	out, err := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && !strings.HasPrefix(strings.TrimSpace(string(out)), "Z")
}
