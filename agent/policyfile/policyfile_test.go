package policyfile_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openweir/weir/agent/policyfile"
)

const (
	none  = "policies: []\n"
	small = `
policies:
  - name: small
    kinds: [FlinkDeployment]
    validations: [{expression: object.spec.job.parallelism <= 2, message: at most 2}]
  - name: not-larger
    kinds: [FlinkDeployment]
    validations: [{expression: oldObject == null || oldObject.spec.job.parallelism >= object.spec.job.parallelism, message: it must not grow}]
`
)

func deployment(parallelism int64) map[string]any {
	return map[string]any{"kind": "FlinkDeployment", "spec": map[string]any{"job": map[string]any{"parallelism": parallelism}}}
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, nil))
	if _, err := policyfile.Open(path, logger); err == nil {
		t.Error("a file that does not exist was opened")
	}
	write("policies: [{}]")
	if _, err := policyfile.Open(path, logger); err == nil || !strings.Contains(err.Error(), "policy.yaml: read policies: policies[0].name: must not be empty") {
		t.Errorf("got %v", err)
	}
	write(small)
	file, err := policyfile.Open(path, logger)
	if err != nil {
		t.Fatal(err)
	}
	check := func(want string, object, live map[string]any) {
		t.Helper()
		if got := file.Check(t.Context(), object, live); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	reload := func(want bool) {
		t.Helper()
		if got := file.Reload(); got != want {
			t.Errorf("changed is %v", got)
		}
	}
	check("", deployment(2), nil)
	check("policy 'small': at most 2; policy 'not-larger': it must not grow", deployment(4), deployment(3))
	reload(false)
	write("policies:")
	reload(false)
	check("policy 'small': at most 2", deployment(4), nil)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	reload(false)
	reload(false)
	check("policy 'small': at most 2", deployment(4), nil)
	if got := strings.Count(log.String(), "its last policies remain"); got != 2 {
		t.Errorf("it was logged %d times that the file is invalid:\n%s", got, log.String())
	}
	write(none)
	reload(true)
	check("", deployment(4), nil)
}
