// Package monitoring tests the rules and the dashboard in deploy/monitoring with the
// parsers of Prometheus.
package monitoring

import (
	"encoding/json"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/openweir/weir/integration/build"
)

// promQL parses expressions as a Prometheus without experimental features does.
var promQL = parser.NewParser(parser.Options{})

// readFile reads a file of the repository.
func readFile(t *testing.T, path string) []byte {
	t.Helper()
	root, err := build.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// readRules parses the rules with their expressions, templates, names and durations.
func readRules(t *testing.T) []rulefmt.Rule {
	t.Helper()
	groups, errs := rulefmt.Parse(readFile(t, "deploy/monitoring/rules.yaml"), false, model.LegacyValidation, promQL, slog.New(slog.DiscardHandler))
	for _, err := range errs {
		t.Error(err)
	}
	var rules []rulefmt.Rule
	if groups != nil {
		for _, group := range groups.Groups {
			rules = append(rules, group.Rules...)
		}
	}
	if len(rules) == 0 {
		t.Fatal("there are no rules")
	}
	return rules
}

// series are the names that may be in expressions: those of the series of every
// metric that docs/metrics.md lists, and of every recording rule.
func series(t *testing.T, rules []rulefmt.Rule) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	row := regexp.MustCompile("(?m)^\\| `([a-z0-9_]+)` \\| (counter|gauge|histogram)")
	for _, match := range row.FindAllStringSubmatch(string(readFile(t, "docs/metrics.md")), -1) {
		if match[2] != "histogram" {
			names[match[1]] = true
			continue
		}
		for _, suffix := range []string{"_bucket", "_count", "_sum"} {
			names[match[1]+suffix] = true
		}
	}
	for _, rule := range rules {
		if rule.Record != "" {
			names[rule.Record] = true
		}
	}
	return names
}

// check reports an expression that cannot be parsed, or selects series that there
// are none of.
func check(t *testing.T, where, expression string, known map[string]bool) {
	t.Helper()
	expr, err := promQL.ParseExpr(expression)
	if err != nil {
		t.Errorf("%s: %v", where, err)
		return
	}
	selectors := 0
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if selector, ok := node.(*parser.VectorSelector); ok {
			selectors++
			if !known[selector.Name] {
				t.Errorf("%s selects %q, which is neither in docs/metrics.md nor recorded", where, selector.Name)
			}
		}
		return nil
	})
	if selectors == 0 {
		t.Errorf("%s selects nothing", where)
	}
}

func TestRulesSelectDocumentedMetrics(t *testing.T) {
	rules := readRules(t)
	known := series(t, rules)
	for _, rule := range rules {
		check(t, rule.Alert+rule.Record, rule.Expr, known)
	}
}

func TestEveryAlertHasOneSectionInTheRunbooks(t *testing.T) {
	sections := map[string]int{}
	for _, match := range regexp.MustCompile(`(?m)^## (.+)$`).FindAllStringSubmatch(string(readFile(t, "docs/runbooks.md")), -1) {
		sections[match[1]]++
	}
	alerts := map[string]bool{}
	for _, rule := range readRules(t) {
		if rule.Alert == "" {
			continue
		}
		if alerts[rule.Alert] {
			t.Errorf("there are two alerts %s", rule.Alert)
		}
		alerts[rule.Alert] = true
		if sections[rule.Alert] != 1 {
			t.Errorf("docs/runbooks.md has %d sections on %s, want one", sections[rule.Alert], rule.Alert)
		}
		if url := rule.Annotations["runbook_url"]; !strings.HasSuffix(url, "/docs/runbooks.md#"+strings.ToLower(rule.Alert)) {
			t.Errorf("%s refers to %q, which is not its runbook", rule.Alert, url)
		}
		if rule.For == 0 || rule.Annotations["summary"] == "" || !slices.Contains([]string{"warning", "critical"}, rule.Labels["severity"]) {
			t.Errorf("%s lacks a duration, a summary or a severity", rule.Alert)
		}
	}
	for _, section := range slices.Sorted(maps.Keys(sections)) {
		if !alerts[section] {
			t.Errorf("docs/runbooks.md has a section on %s, which is no alert", section)
		}
	}
}

func TestTheDashboardSelectsDocumentedMetrics(t *testing.T) {
	var dashboard struct {
		Panels []struct {
			ID      int    `json:"id"`
			Title   string `json:"title"`
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
	}
	if err := json.Unmarshal(readFile(t, "deploy/monitoring/dashboard.json"), &dashboard); err != nil {
		t.Fatal(err)
	}
	if len(dashboard.Panels) == 0 {
		t.Fatal("the dashboard has no panels")
	}
	known, ids := series(t, readRules(t)), map[int]bool{}
	for _, panel := range dashboard.Panels {
		if ids[panel.ID] || len(panel.Targets) == 0 {
			t.Errorf("panel %q has the id of another one, or shows nothing", panel.Title)
		}
		ids[panel.ID] = true
		for _, target := range panel.Targets {
			check(t, "panel "+panel.Title, target.Expr, known)
		}
	}
}
