package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// costs are rounds of so many microseconds, the processor taking half of them.
func costs(micros ...int) []cost {
	out := make([]cost, len(micros))
	for i, n := range micros {
		out[i] = cost{time: time.Duration(n) * time.Microsecond, processor: time.Duration(n) * time.Microsecond / 2}
	}
	return out
}

func pointer(v float64) *float64 { return &v }

func TestOperationsAreComparedRoundByRound(t *testing.T) {
	cases := map[string]struct {
		operation    operation
		small, large []cost
		want         []figure
	}{
		"a noisy round does not decide": {
			operation{name: "get"}, costs(100, 100, 900), costs(120, 130, 1080), []figure{
				{Weir: "Weir", Name: "get, time", Unit: "µs", Small: pointer(100), Large: 130, Ratio: pointer(1.2), Bar: 1.5, Held: true},
				{Weir: "Weir", Name: "get, processor time", Unit: "µs", Small: pointer(50), Large: 65, Ratio: pointer(1.2), Bar: 1.5, Held: true},
			},
		},
		"what grows misses the bar": {
			operation{name: "get"}, costs(100), costs(160), []figure{
				{Weir: "Weir", Name: "get, time", Unit: "µs", Small: pointer(100), Large: 160, Ratio: pointer(1.6), Bar: 1.5},
				{Weir: "Weir", Name: "get, processor time", Unit: "µs", Small: pointer(50), Large: 80, Ratio: pointer(1.6), Bar: 1.5},
			},
		},
		"what goes through all items costs the same for each": {
			operation{name: "filter", items: applicationsIn}, costs(1000, 1000), costs(12000, 10000), []figure{
				{Weir: "Weir", Name: "filter, time", Unit: "ns an item", Small: pointer(1000), Large: 1100, Ratio: pointer(1.1), Bar: 1.5, Held: true},
				{Weir: "Weir", Name: "filter, processor time", Unit: "ns an item", Small: pointer(500), Large: 550, Ratio: pointer(1.1), Bar: 1.5, Held: true},
			},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := c.operation.figures("Weir", c.small, c.large, 1000, 10000)
			near := cmp.Comparer(func(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 })
			if diff := cmp.Diff(c.want, got, near); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSizesHaveTheirOwnBars(t *testing.T) {
	if got := each(5e6, 805e6, 1000, 101_000); got != 8000 {
		t.Errorf("each application has %v bytes, want 8000", got)
	}
	for _, c := range []struct {
		bar  float64
		held bool
	}{{8, true}, {7.9, false}, {0, true}} {
		if got := sized("Weir", "live heap", "KB", 8, c.bar); got.Held != c.held {
			t.Errorf("with a bar of %v, held is %v", c.bar, got.Held)
		}
	}
}

func TestReportIsATable(t *testing.T) {
	r := newReport(1000, 100_000, 5, 5810)
	r.Figures = []figure{
		grown("Weir", "get, time", "µs", 101.4, 203, 2.002, 1.5),
		sized("Weir", "live heap", "KB an application", 7.256, 8),
		sized("Weir", "live heap", "MB", 725.6, 0),
	}
	var out bytes.Buffer
	r.write(&out)
	for _, line := range []string{
		"medians of 5 rounds; each application has a status of 5.8 KB, an instance and three events; a KB is 1,000 bytes.",
		"| | figure | unit | 1000 applications | 100000 applications | ratio | target | |",
		"| Weir | get, time | µs | 101 | 203 | 2.00 | ≤ 1.50 | missed |",
		"| Weir | live heap | KB an application |  | 7.26 |  | ≤ 8.00 | met |",
		"| Weir | live heap | MB |  | 726 |  |  |  |",
	} {
		if !strings.Contains(out.String(), line+"\n") {
			t.Errorf("the report lacks %q:\n%s", line, out.String())
		}
	}
}

func TestMetricsAreParsed(t *testing.T) {
	text := "# HELP go_info x\n# TYPE go_info gauge\ngo_info{version=\"go1\"} 1\n" +
		"process_cpu_seconds_total 1.5\nprocess_resident_memory_bytes 2e+06\n" +
		"go_memstats_heap_alloc_bytes 1.25e+06\ngo_memstats_last_gc_time_seconds 1.7641728e+09\n"
	got, err := parseMetrics(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	want := metrics{processorSeconds: 1.5, residentBytes: 2e6, heapBytes: 1.25e6, lastCollection: 1.7641728e9}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := parseMetrics(strings.NewReader("process_cpu_seconds_total 1.5\n")); err == nil {
		t.Error("metrics that are missing are no error")
	}
}
