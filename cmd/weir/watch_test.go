package main

import (
	"bufio"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/openweir/weir/internal/await"
)

func TestTheWatchExampleWorks(t *testing.T) {
	d := startDev(t)
	example := filepath.Join(t.TempDir(), "watch")
	if out, err := exec.Command("go", "build", "-o", example, "../../docs/examples/watch").CombinedOutput(); err != nil {
		t.Fatalf("build the example: %v\n%s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), example, "--grpc", d.grpc)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	type result struct {
		out []byte
		err error
	}
	ended := make(chan result, 1)
	go func() {
		out, err := cmd.CombinedOutput()
		ended <- result{out, err}
	}()
	got := await.Receive(t, "the example to end", ended)
	if got.err != nil || !strings.Contains(string(got.out), "word-count is RUNNING") || !strings.HasSuffix(string(got.out), "word-count is gone\n") {
		t.Errorf("the example ended with %v and printed:\n%s", got.err, got.out)
	}
	if code, body := d.call(t, http.MethodGet, "/cmf/api/v1/environments/watch-example", "", ""); code != http.StatusNotFound {
		t.Errorf("the example left its environment behind: %d %s", code, body)
	}
}

func TestDevEndsWhileItIsWatched(t *testing.T) {
	d := startDev(t)
	d.deploy(t)
	var watches []*bufio.Reader
	for _, accept := range []string{"application/x-ndjson", "text/event-stream"} {
		req, err := http.NewRequest(http.MethodGet, "http://"+d.rest+"/cmf/api/v1/environments/test/applications?watch=true", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", accept)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body := bufio.NewReader(resp.Body)
		if line, err := body.ReadString('\n'); err != nil || !strings.Contains(line, `"curl-example"`) {
			t.Fatalf("the watch begins with %q, %v", line, err)
		}
		watches = append(watches, body)
	}
	d.endsInTime(t, syscall.SIGTERM)
	for _, watch := range watches {
		if rest, err := io.ReadAll(watch); err != nil || !strings.Contains(string(rest), `"type":"ERROR","status":503`) {
			t.Errorf("a watch ended with %v: %s", err, rest)
		}
	}
}
