package sql

import (
	"fmt"
	"testing"
)

// plans are what Flink 1.20 and 2.2 explain, cut to what is read.
func TestAppendOnly(t *testing.T) {
	yes, no := true, false
	plan := func(physical string) string {
		return "== Abstract Syntax Tree ==\nLogicalProject(changelogMode=[D])\n\n== Optimized Physical Plan ==\n" + physical +
			"\n\n== Optimized Execution Plan ==\nCalc(changelogMode=[D])\n"
	}
	for name, test := range map[string]struct {
		plan string
		want *bool
	}{
		"scan":      {plan("TableSourceScan(table=[[c, d, g]], fields=[id, w], changelogMode=[I])"), &yes},
		"aggregate": {plan("GroupAggregate(groupBy=[id], changelogMode=[I,UA])\n+- Exchange(distribution=[hash[id]], changelogMode=[I])"), &no},
		"insert of insertions": {plan("Sink(table=[c.d.k], fields=[id, c], changelogMode=[NONE])\n" +
			"+- TableSourceScan(table=[[c, d, g]], fields=[id, w], changelogMode=[I])"), &yes},
		"insert of updates": {plan("Sink(table=[c.d.k], fields=[id, c], changelogMode=[NONE])\n" +
			"+- GroupAggregate(groupBy=[id], changelogMode=[I,UA])\n   +- Exchange(distribution=[hash[id]], changelogMode=[I])"), &no},
		"statement set": {plan("Sink(table=[c.d.k], changelogMode=[NONE])\n+- Calc(select=[id], changelogMode=[I])\n\n" +
			"Sink(table=[c.d.k], changelogMode=[NONE])\n+- GroupAggregate(groupBy=[id], changelogMode=[I,UA])"), &no},
		"nothing told":   {plan("Values(tuples=[[{ 1 }]])"), nil},
		"no plan at all": {"Something else", nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := appendOnly(test.plan)
			if (got == nil) != (test.want == nil) || got != nil && *got != *test.want {
				t.Errorf("got %s, want %s", show(got), show(test.want))
			}
		})
	}
}

func show(b *bool) string {
	if b == nil {
		return "nothing"
	}
	return fmt.Sprint(*b)
}

func TestExplainable(t *testing.T) {
	for statement, want := range map[string]string{
		"SELECT 1;\n": "SELECT 1",
		" execute statement set\nBEGIN INSERT INTO a SELECT 1; END;": "statement set\nBEGIN INSERT INTO a SELECT 1; END",
		"STATEMENT SET BEGIN END":                                    "STATEMENT SET BEGIN END",
	} {
		if got := explainable(statement); got != want {
			t.Errorf("%q: got %q, want %q", statement, got, want)
		}
	}
}
