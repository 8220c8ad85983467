package main

import (
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/openweir/weir/internal/await"
)

const curlExample = "/cmf/api/v1/environments/test/applications/curl-example"

// deploy creates the environment and the application of the README.
func (d *dev) deploy(t *testing.T) {
	t.Helper()
	if code, body := d.call(t, http.MethodPost, "/cmf/api/v1/environments", "application/json", `{"name":"test","kubernetesNamespace":"default"}`); code != http.StatusOK {
		t.Fatalf("create environment: %d %s", code, body)
	}
	yaml, err := os.ReadFile("../../docs/examples/flink-application.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if code, body := d.call(t, http.MethodPost, "/cmf/api/v1/environments/test/applications", "application/yaml", string(yaml)); code != http.StatusCreated {
		t.Fatalf("create application: %d %s", code, body)
	}
}

func (d *dev) reaches(t *testing.T, state string) {
	t.Helper()
	await.Until(t, "the job is "+state, func() bool {
		_, body := d.call(t, http.MethodGet, curlExample, "", "")
		return strings.Contains(body, `"state":"`+state+`"`)
	})
}

func TestDevEndToEnd(t *testing.T) {
	d := startDev(t)
	d.deploy(t)
	d.reaches(t, "RUNNING")
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/openapi.json", curlExample + "/instances", "/cmf/api/v1/kubernetes-clusters/edge-k8s-cluster"} {
		if code, body := d.call(t, http.MethodGet, path, "", ""); code != http.StatusOK {
			t.Errorf("GET %s: %d %s", path, code, body)
		}
	}
	if code, body := d.call(t, http.MethodDelete, curlExample, "", ""); code != http.StatusNoContent || body != "" {
		t.Errorf("delete application: %d %s", code, body)
	}
	if code, _ := d.call(t, http.MethodGet, curlExample, "", ""); code != http.StatusNotFound {
		t.Errorf("get deleted application: %d, want 404", code)
	}
}

func TestDevEndsCleanlyOnASignal(t *testing.T) {
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		d := startDev(t)
		d.deploy(t)
		d.endsInTime(t, signal)
	}
}

func TestDevKeepsItsStateInTheDataDirectory(t *testing.T) {
	dir := t.TempDir()
	first := startDev(t, "--data-dir", dir)
	first.deploy(t)
	first.reaches(t, "RUNNING")
	_, before := first.call(t, http.MethodGet, curlExample, "", "")

	second := start(t, "dev", "--http", anyPort, "--grpc", anyPort, "--data-dir", dir)
	if err := <-second.ended; err == nil || !strings.Contains(second.printed(), "in use by another process") {
		t.Errorf("a second process on the same folder: %v, printed %q", err, second.printed())
	}

	if err := first.signalled(t, syscall.SIGKILL); err == nil {
		t.Fatal("a killed process has ended well")
	}
	third := startDev(t, "--data-dir", dir)
	third.reaches(t, "RUNNING")
	_, after := third.call(t, http.MethodGet, curlExample, "", "")
	if job(after) != job(before) {
		t.Errorf("the job was restarted: its id was %s and is %s", job(before), job(after))
	}
}

// job is the id of the job in an application.
func job(application string) string {
	_, rest, _ := strings.Cut(application, `"jobId":"`)
	id, _, _ := strings.Cut(rest, `"`)
	return id
}

func TestInvalidFlagsAreReported(t *testing.T) {
	taken := startDev(t)
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"address in use":       {[]string{"dev", "--http", taken.rest}, "--http: listen tcp " + taken.rest + ": bind: address already in use"},
		"no clusters":          {[]string{"dev", "--clusters", "0"}, "--clusters: must be between 1 and 100, got 0"},
		"unknown flag":         {[]string{"dev", "--nonsense"}, "unknown flag: --nonsense"},
		"unknown command":      {[]string{"devv"}, `unknown command "devv"`},
		"control without etcd": {[]string{"control"}, "at least one of the flags in the group [etcd-endpoints etcd-dir] is required"},
		"control without agents": {[]string{"control", "--etcd-dir", t.TempDir()},
			"no agent could connect: set --tls-cert and --tls-key"},
		"agent without cluster": {[]string{"agent", "--kubeconfig", "/nonexistent"}, "--kubeconfig: "},
		"backup without etcd":   {[]string{"backup", "--out", "/nonexistent"}, "at least one of the flags in the group [etcd-endpoints etcd-dir] is required"},
		"backup to nowhere":     {[]string{"backup", "--etcd-dir", t.TempDir()}, `required flag(s) "out" not set`},
		"restore of no file":    {[]string{"restore", "/nonexistent", "--data-dir", t.TempDir()}, "open /nonexistent: no such file or directory"},
		"restore of a member": {[]string{"restore", "/nonexistent", "--data-dir", t.TempDir(), "--name", "etcd-0"},
			"missing [initial-advertise-peer-urls initial-cluster]"},
		"no such token file": {[]string{"control", "--etcd-dir", t.TempDir(), "--insecure-agent-token-file", "/nonexistent"}, "read agent tokens: open /nonexistent"},
	} {
		out, err := command(test.args...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), test.want) {
			t.Errorf("%s: got %v, %q, want an error with %q", name, err, out, test.want)
		}
	}
}
