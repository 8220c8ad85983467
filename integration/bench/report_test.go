package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestResultsAreComparedWithTheRivalsAndTheBars(t *testing.T) {
	rivals := []rival{&kubeRival{}, &etcdRival{}, &restRival{weir: nowWeir}, &grpcRival{weir: nowWeir}}
	// Operations in one second.
	rates := func(counts ...int) []cell {
		cells := make([]cell, len(counts))
		for i, n := range counts {
			cells[i] = cell{elapsed: time.Second, latencies: make([]time.Duration, n)}
		}
		return cells
	}
	cases := map[string]struct {
		operation string
		callers   int
		cells     []cell
		want      []bar
	}{
		"a write holds two bars of three": {"create", 64, rates(100, 1200, 400, 490), []bar{
			{"create", "Weir REST", "kube-apiserver", 64, 4, 4, true},
			{"create", "Weir gRPC", "kube-apiserver", 64, 5, 4.9, false},
			{"create", "Weir gRPC", "etcd client", 64, 0.33, 490.0 / 1200, true},
		}},
		"a get is not compared with etcd": {"get", 64, rates(100, 5000, 499, 701), []bar{
			{"get", "Weir REST", "kube-apiserver", 64, 5, 4.99, false},
			{"get", "Weir gRPC", "kube-apiserver", 64, 7, 7.01, true},
		}},
		"a list has a bar of its own": {"list of 100", 64, rates(10, 1000, 100, 99), []bar{
			{"list of 100", "Weir REST", "kube-apiserver", 64, 10, 10, true},
			{"list of 100", "Weir gRPC", "kube-apiserver", 64, 10, 9.9, false},
		}},
		"fewer callers have no bars": {"create", 16, rates(100, 100, 100, 100), nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := barsOf(summarise(operation{name: c.operation}, c.callers, rivals, c.cells))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWeirIsComparedWithThePreviousBuild(t *testing.T) {
	rivals := []rival{
		&kubeRival{}, &etcdRival{}, &restRival{weir: nowWeir}, &grpcRival{weir: nowWeir},
		&restRival{weir: beforeWeir}, &grpcRival{weir: beforeWeir},
	}
	var cells []cell
	for _, n := range []int{100, 1000, 600, 900, 300, 360} {
		cells = append(cells, cell{elapsed: time.Second, latencies: make([]time.Duration, n)})
	}
	results := summarise(operation{name: "get"}, 64, rivals, cells)
	var got []float64
	for _, r := range results {
		got = append(got, r.ToOther)
	}
	if diff := cmp.Diff([]float64{0, 0, 2, 2.5, 0, 0}, got); diff != "" {
		t.Errorf("throughput to that before (-want +got):\n%s", diff)
	}
	for _, b := range barsOf(results) {
		if strings.HasPrefix(b.Rival, beforeWeir) {
			t.Errorf("there is a bar for %s", b.Rival)
		}
	}
}

func TestQuantilesCoverAllRounds(t *testing.T) {
	c := cell{elapsed: 2 * time.Second}
	for i := range 100 {
		c.latencies = append(c.latencies, time.Duration(100-i)*time.Millisecond)
	}
	if p50, p99 := c.quantile(0.5), c.quantile(0.99); p50 != 51*time.Millisecond || p99 != 100*time.Millisecond {
		t.Errorf("p50 is %s and p99 is %s", p50, p99)
	}
	c.processor = 50 * time.Millisecond
	if used := c.processorTime(); used != 500*time.Microsecond {
		t.Errorf("an operation takes %s of the server's processor time, want 500µs", used)
	}
	if rate := c.perSecond(); rate != 50 {
		t.Errorf("the rate is %v, want 50", rate)
	}
	if none := (&cell{}).quantile(0.5); none != 0 {
		t.Errorf("the median of nothing is %s", none)
	}
}

func TestReportIsATable(t *testing.T) {
	r := newReport(3, time.Second)
	r.Results = []result{{Operation: "get", Callers: 64, Rival: "Weir REST", PerSecond: 1234, P50Micros: 1500, P99Micros: 9000, ServerMicros: 210, ToAPIServer: 6, ToEtcd: 0.5}}
	r.Bars = barsOf(r.Results)
	var out bytes.Buffer
	r.write(&out)
	for _, line := range []string{
		"| get | 64 | Weir REST | 1234 | 1.50 | 9.00 | 210 | 6.00 | 0.50 |  |",
		"| get, Weir REST | kube-apiserver | 5.00 | 6.00 | met |",
	} {
		if !strings.Contains(out.String(), line+"\n") {
			t.Errorf("the report lacks %q:\n%s", line, out.String())
		}
	}
}
