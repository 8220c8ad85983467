package weir_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// rules is the content of deploy/monitoring/rules.yaml.
type rules struct {
	Groups []struct {
		Name  string `json:"name"`
		Rules []struct {
			Alert       string            `json:"alert"`
			Record      string            `json:"record"`
			Expr        string            `json:"expr"`
			For         string            `json:"for"`
			Labels      map[string]string `json:"labels"`
			Annotations map[string]string `json:"annotations"`
		} `json:"rules"`
	} `json:"groups"`
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func readRules(t *testing.T) rules {
	t.Helper()
	var all rules
	if err := yaml.UnmarshalStrict([]byte(readFile(t, "deploy/monitoring/rules.yaml")), &all); err != nil {
		t.Fatal(err)
	}
	if len(all.Groups) == 0 {
		t.Fatal("there are no groups of rules")
	}
	return all
}

var metricName = regexp.MustCompile(`\bweir(_[a-z0-9]+)+`)

// documentedMetrics are the rows of docs/metrics.md with their types.
func documentedMetrics(t *testing.T) map[string]string {
	t.Helper()
	row := regexp.MustCompile("(?m)^\\| `(weir_[a-z0-9_]+)` \\| (counter|gauge|histogram)")
	metrics := map[string]string{}
	for _, match := range row.FindAllStringSubmatch(readFile(t, "docs/metrics.md"), -1) {
		metrics[match[1]] = match[2]
	}
	return metrics
}

// TestMetricsAreDocumented: what the code registers is what docs/metrics.md lists.
// The names in the code are those of OpenTelemetry, to which the exporter adds the
// unit and, for counters, "total".
func TestMetricsAreDocumented(t *testing.T) {
	registered := map[string]bool{}
	name := regexp.MustCompile(`\(\s*"(weir(\.[a-z_]+)+)",`)
	sourceFiles(t, func(path string, text []byte) {
		top, _, _ := strings.Cut(path, string(filepath.Separator))
		if !slices.Contains([]string{"control", "gateway", "agent", "cmd"}, top) || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return
		}
		for _, match := range name.FindAllSubmatch(text, -1) {
			registered[strings.ReplaceAll(string(match[1]), ".", "_")] = true
		}
	})
	documented := map[string]bool{}
	for metric := range documentedMetrics(t) {
		for _, suffix := range []string{"_total", "_seconds", "_bytes"} {
			metric = strings.TrimSuffix(metric, suffix)
		}
		documented[metric] = true
	}
	for metric := range registered {
		if !documented[metric] {
			t.Errorf("docs/metrics.md does not list %s", metric)
		}
	}
	for metric := range documented {
		if !registered[metric] {
			t.Errorf("docs/metrics.md lists %s, which the code does not register", metric)
		}
	}
}

// checkMetrics reports names in an expression that are neither documented metrics
// nor the series of one.
func checkMetrics(t *testing.T, where, expression string, documented map[string]string) {
	t.Helper()
	for _, used := range metricName.FindAllString(expression, -1) {
		family := used
		for _, suffix := range []string{"_bucket", "_count", "_sum"} {
			if base, cut := strings.CutSuffix(used, suffix); cut && documented[base] == "histogram" {
				family = base
			}
		}
		if documented[family] == "" || documented[family] == "histogram" && family == used {
			t.Errorf("%s uses %s, which docs/metrics.md does not list", where, used)
		}
	}
}

func TestRulesUseDocumentedMetrics(t *testing.T) {
	documented := documentedMetrics(t)
	for _, group := range readRules(t).Groups {
		for _, rule := range group.Rules {
			if rule.Expr == "" || (rule.Alert == "") == (rule.Record == "") {
				t.Errorf("group %s: a rule is neither an alert nor a record: %+v", group.Name, rule)
			}
			checkMetrics(t, rule.Alert+rule.Record, rule.Expr, documented)
		}
	}
}

func TestEveryAlertHasARunbook(t *testing.T) {
	runbooks := map[string]bool{}
	for _, match := range regexp.MustCompile(`(?m)^## (\w+)$`).FindAllStringSubmatch(readFile(t, "docs/runbooks.md"), -1) {
		runbooks[match[1]] = true
	}
	for _, group := range readRules(t).Groups {
		for _, rule := range group.Rules {
			if rule.Alert == "" {
				continue
			}
			if !runbooks[rule.Alert] {
				t.Errorf("docs/runbooks.md has no section on %s", rule.Alert)
			}
			delete(runbooks, rule.Alert)
			if url := rule.Annotations["runbook_url"]; !strings.HasSuffix(url, "/docs/runbooks.md#"+strings.ToLower(rule.Alert)) {
				t.Errorf("%s refers to %q, which is not its runbook", rule.Alert, url)
			}
			if rule.For == "" || rule.Annotations["summary"] == "" || !slices.Contains([]string{"warning", "critical"}, rule.Labels["severity"]) {
				t.Errorf("%s lacks a duration, a summary or a severity", rule.Alert)
			}
		}
	}
	for _, left := range slices.Sorted(maps.Keys(runbooks)) {
		t.Errorf("docs/runbooks.md has a section on %s, which is no alert", left)
	}
}

func TestTheDashboardUsesDocumentedMetrics(t *testing.T) {
	var dashboard struct {
		Panels []struct {
			ID      int    `json:"id"`
			Title   string `json:"title"`
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
	}
	if err := json.Unmarshal([]byte(readFile(t, "deploy/monitoring/dashboard.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	recorded := map[string]bool{}
	for _, group := range readRules(t).Groups {
		for _, rule := range group.Rules {
			recorded[rule.Record] = true
		}
	}
	documented, ids := documentedMetrics(t), map[int]bool{}
	if len(dashboard.Panels) == 0 {
		t.Fatal("the dashboard has no panels")
	}
	for _, panel := range dashboard.Panels {
		if ids[panel.ID] || len(panel.Targets) == 0 {
			t.Errorf("panel %q has the id of another one, or shows nothing", panel.Title)
		}
		ids[panel.ID] = true
		for _, target := range panel.Targets {
			checkMetrics(t, "panel "+panel.Title, target.Expr, documented)
			for _, record := range regexp.MustCompile(`weir:[a-z0-9_:]+`).FindAllString(target.Expr, -1) {
				if !recorded[record] {
					t.Errorf("panel %q shows %s, which no rule records", panel.Title, record)
				}
			}
		}
	}
}
