//go:build flink

package path

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/openweir/weir/integration/process"
	"github.com/openweir/weir/integration/weir"
)

// tourBlock is a block of commands in a document. What follows "until" has to
// show in the output sooner or later.
var tourBlock = regexp.MustCompile("(?ms)^```sh flink(?: until ([^\n]+))?\n(.*?)^```$")

// TestTheRealFlinkTour walks the commands of docs/flink.md on `weir dev`, in
// every release.
func TestTheRealFlinkTour(t *testing.T) {
	text, err := os.ReadFile("../../../docs/flink.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := tourBlock.FindAllStringSubmatch(string(text), -1)
	if len(blocks) == 0 {
		t.Fatal("there are no commands in it")
	}
	for release, home := range homes {
		t.Run(release, func(t *testing.T) { tour(t, release, home, blocks) })
	}
}

func tour(t *testing.T, release, home string, blocks [][]string) {
	dir := t.TempDir()
	s := &site{t: t}
	http := s.address()
	dev := weir.Dev{Binary: binary, Dir: dir, HTTP: http, GRPC: s.address(), Pace: time.Second, Flags: []string{
		"--flink-home=" + home, "--data-dir=" + filepath.Join(dir, "data"),
	}}
	p := s.start(dev.Start(t.Context()))
	t.Cleanup(func() {
		if t.Failed() {
			s.showLogs(dir)
		}
	})
	token, err := os.ReadFile(filepath.Join(dir, "data", "token"))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("WEIR_TOKEN", strings.TrimSpace(string(token)))
	s.Token = strings.TrimSpace(string(token))
	s.Base = "http://" + http
	s.await("the sandbox to be connected", func(ctx context.Context) error {
		cluster, err := s.Object(ctx, "GET", "/v1/kubernetes-clusters/default-k8s-cluster", "", 200)
		if err == nil && cluster.String("status", "state") != "CONNECTED" {
			err = fmt.Errorf("its status is %v", cluster.At("status"))
		}
		return err
	})
	minor := strings.Join(strings.Split(release, ".")[:2], ".")
	adapt := strings.NewReplacer(
		"localhost:8080", http, "flink:2.2.0", "flink:"+release, "v2_2", "v"+strings.ReplaceAll(minor, ".", "_"),
		"/tmp/weir-flink", filepath.Join(dir, "state"),
	)
	for _, block := range blocks {
		until, commands := block[1], adapt.Replace(block[2])
		condition := func(ctx context.Context) error {
			out, err := bash(ctx, commands)
			if err == nil && !strings.Contains(out, until) {
				err = fmt.Errorf("%s\nprints %s", commands, out)
			}
			return err
		}
		if until != "" {
			s.await(until, condition)
		} else if err := condition(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	noOrphans(t, p, dir)
}

func bash(ctx context.Context, commands string) (string, error) {
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", commands)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s\n%w: %s", commands, err, out)
	}
	return string(out), nil
}

// noOrphans kills weir without warning and waits until nothing of Flink's runs.
func noOrphans(t *testing.T, p *process.Process, dir string) {
	t.Helper()
	running := func() []string {
		out, _ := exec.Command("pgrep", "-f", "java.*"+regexp.QuoteMeta(dir)).Output()
		return strings.Fields(string(out))
	}
	if len(running()) == 0 {
		t.Fatal("no process of Flink's was found; the test looks for the wrong ones")
	}
	p.Kill()
	s := &site{t: t}
	s.await("Flink's processes to end", func(context.Context) error {
		if left := running(); len(left) > 0 {
			return fmt.Errorf("there are %v", left)
		}
		return nil
	})
}
