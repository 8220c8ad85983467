package weir_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestMetricsAreDocumented: what the code registers is what docs/metrics.md lists.
// The names in the code are those of OpenTelemetry, to which the exporter adds the
// unit and, for counters, "total".
func TestMetricsAreDocumented(t *testing.T) {
	registered := map[string]bool{}
	name := regexp.MustCompile(`\(\s*"((?:weir|http\.server)(?:\.[a-z_]+)+)",`)
	sourceFiles(t, func(path string, text []byte) {
		top, _, _ := strings.Cut(path, string(filepath.Separator))
		if !slices.Contains([]string{"control", "gateway", "agent", "cmd"}, top) || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return
		}
		for _, match := range name.FindAllSubmatch(text, -1) {
			metric := strings.ReplaceAll(string(match[1]), ".", "_")
			if registered[metric] {
				t.Errorf("%s is registered in two places, the second of which is %s", metric, path)
			}
			registered[metric] = true
		}
	})
	text, err := os.ReadFile("docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, match := range regexp.MustCompile("(?m)^\\| `([a-z0-9_]+)` \\| (?:counter|gauge|histogram)").FindAllStringSubmatch(string(text), -1) {
		metric := match[1]
		for _, suffix := range []string{"_total", "_seconds", "_bytes"} {
			metric = strings.TrimSuffix(metric, suffix)
		}
		if documented[metric] {
			t.Errorf("docs/metrics.md lists %s twice", metric)
		}
		documented[metric] = true
		if !registered[metric] {
			t.Errorf("docs/metrics.md lists %s, which the code does not register", metric)
		}
	}
	for metric := range registered {
		if !documented[metric] {
			t.Errorf("docs/metrics.md does not list %s", metric)
		}
	}
}
