package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openweir/weir/internal/await"
	"github.com/openweir/weir/sandbox"
)

// documentedMetric is a row of docs/metrics.md.
type documentedMetric struct {
	kind string // the type
	// labels are the names, each with its values; none where they are not listed.
	labels map[string][]string
}

var backticked = regexp.MustCompile("`([^`]*)`")

// documentedMetrics are those of a section of docs/metrics.md, by name.
func documentedMetrics(t *testing.T, section string) map[string]documentedMetric {
	t.Helper()
	text, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "\n## "+section+"\n")
	if !found {
		t.Fatalf("docs/metrics.md has no section %s", section)
	}
	rest, _, _ = strings.Cut(rest, "\n## ")
	metrics := map[string]documentedMetric{}
	row := regexp.MustCompile("(?m)^\\| `([a-z0-9_]+)` \\| (counter|gauge|histogram)[^|]*\\|([^|]*)\\|")
	for _, match := range row.FindAllStringSubmatch(rest, -1) {
		metric := documentedMetric{kind: match[2], labels: map[string][]string{}}
		names, values, listed := strings.Cut(match[3], ":")
		for _, name := range backticked.FindAllStringSubmatch(names, -1) {
			metric.labels[name[1]] = nil
			if listed {
				for _, value := range backticked.FindAllStringSubmatch(values, -1) {
					metric.labels[name[1]] = append(metric.labels[name[1]], value[1])
				}
			}
		}
		metrics[match[1]] = metric
	}
	if len(metrics) == 0 {
		t.Fatalf("docs/metrics.md lists nothing in the section %s", section)
	}
	return metrics
}

// get reads a page that a process serves; empty if it does not serve it.
func get(url string) string {
	resp, err := http.Get(url)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return ""
	}
	return string(text)
}

var (
	typeLine = regexp.MustCompile(`(?m)^# TYPE ((?:weir|http)_\w+) (\w+)$`)
	sample   = regexp.MustCompile(`(?m)^((?:weir|http)_\w+)(?:\{(.*)\})? (\S+)$`)
	label    = regexp.MustCompile(`(\w+)="((?:[^"\\]|\\.)*)"`)
)

// exposed are the names and types of metrics in what was scraped.
func exposed(page string) map[string]string {
	types := map[string]string{}
	for _, match := range typeLine.FindAllStringSubmatch(page, -1) {
		types[match[1]] = match[2]
	}
	return types
}

// checkSamples reports samples with labels or values of labels that are not
// documented, and those that name a resource.
func checkSamples(t *testing.T, page string, documented map[string]documentedMetric) {
	t.Helper()
	for _, match := range sample.FindAllStringSubmatch(page, -1) {
		family := match[1]
		if _, ok := documented[family]; !ok {
			for _, suffix := range []string{"_bucket", "_count", "_sum"} {
				family = strings.TrimSuffix(family, suffix)
			}
		}
		for _, pair := range label.FindAllStringSubmatch(match[2], -1) {
			name, value := pair[1], pair[2]
			if name == "le" || strings.HasPrefix(name, "otel_scope_") {
				continue
			}
			values, ok := documented[family].labels[name]
			if !ok || values != nil && !slices.Contains(values, value) {
				t.Errorf("%s has the label %s=%q, which docs/metrics.md does not list", match[1], name, value)
			}
			if strings.Contains(value, "curl-example") {
				t.Errorf("%s has the label %s=%q, which names a resource", match[1], name, value)
			}
		}
	}
}

// TestMetricsAreServed scrapes a control plane, which serves REST as well, and an
// agent.
func TestMetricsAreServed(t *testing.T) {
	dir := t.TempDir()
	// Clients show the token of a kubeconfig to servers with a certificate only.
	certificate, err := keptCertificate(filepath.Join(dir, "certificate.pem"))
	if err != nil {
		t.Fatal(err)
	}
	cluster, err := sandbox.New(sandbox.Config{
		Name: "default-k8s-cluster", Namespaces: devNamespaces, Pace: 10 * time.Millisecond, Certificate: &certificate, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- cluster.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-stopped; err != nil {
			t.Errorf("the sandbox ended with %v", err)
		}
	})
	kubeconfig, tokens, token := filepath.Join(dir, "kubeconfig"), filepath.Join(dir, "tokens"), filepath.Join(dir, "token")
	if err := writeKubeconfig(kubeconfig, "sandbox", cluster); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(tokens, []byte("0123456789abcdef0123456789abcdef default-k8s-cluster\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(token, []byte("0123456789abcdef0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := &dev{rest: ownAddress(t), grpc: ownAddress(t)}
	agents, controlAdmin, agentAdmin := ownAddress(t), ownAddress(t), ownAddress(t)
	d.process = start(t, "control", "--auth", "none", "--audit", "stdout", "--etcd-dir", filepath.Join(dir, "etcd"), "--insecure-agent-token-file", tokens, "--grpc", d.grpc, "--agents", agents, "--http", d.rest, "--admin", controlAdmin)
	await.Until(t, "the control plane is ready", func() bool { return get("http://"+controlAdmin+"/readyz") != "" })
	start(t, "agent", "--cluster", "default-k8s-cluster", "--control", agents, "--kubeconfig", kubeconfig, "--token-file", token, "--insecure", "--admin", agentAdmin)
	await.Until(t, "the agent is ready", func() bool { return get("http://"+agentAdmin+"/readyz") != "" })
	d.deploy(t)

	// No duty of the leader fails here.
	unused := []string{"weir_duty_failures_total", "weir_duty_failing"}
	for process, c := range map[string]struct {
		address  string
		sections []string
		labels   []string // of every metric
	}{
		"control": {controlAdmin, []string{"Control plane", "Gateway"}, nil},
		"agent":   {agentAdmin, []string{"Agent"}, []string{"cluster"}},
	} {
		t.Run(process, func(t *testing.T) {
			documented := map[string]documentedMetric{}
			for _, section := range c.sections {
				for name, metric := range documentedMetrics(t, section) {
					for _, label := range c.labels {
						metric.labels[label] = []string{"default-k8s-cluster"}
					}
					documented[name] = metric
				}
			}
			page := ""
			await.Success(t, "every documented metric is served", func() error {
				page = get("http://" + c.address + "/metrics")
				return missing(exposed(page), documented, unused)
			})
			for name, kind := range exposed(page) {
				if documented[name].kind != kind {
					t.Errorf("%s is a %s, but docs/metrics.md lists %q", name, kind, documented[name].kind)
				}
			}
			checkSamples(t, page, documented)
		})
	}
}

// missing says which documented metrics are not served; nil if all are.
func missing(served map[string]string, documented map[string]documentedMetric, except []string) error {
	var errs []error
	for name := range documented {
		if served[name] == "" && !slices.Contains(except, name) {
			errs = append(errs, errors.New("there is no "+name))
		}
	}
	return errors.Join(errs...)
}
