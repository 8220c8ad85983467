package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"
)

// result is a cell as it is reported.
type result struct {
	Operation string `json:"operation"`
	Callers   int    `json:"callers"`
	Rival     string `json:"rival"`
	// Count is how many operations the figures stand on.
	Count     int     `json:"count"`
	PerSecond float64 `json:"perSecond"`
	P50Micros int64   `json:"p50Micros"`
	P99Micros int64   `json:"p99Micros"`
	// ServerMicros is the processor time of the rival's server for each operation:
	// the kube-apiserver or the control plane without their etcd, or bare etcd.
	ServerMicros int64 `json:"serverMicros"`
	// ToAPIServer and ToEtcd are this throughput divided by that of the
	// kube-apiserver and of the bare etcd client.
	ToAPIServer float64 `json:"toKubeApiserver"`
	ToEtcd      float64 `json:"toEtcd"`
	// ToOther is this throughput divided by that of the other Weir over the same
	// protocol; 0 where none was measured.
	ToOther float64 `json:"toOther,omitempty"`
}

// report is the whole run.
type report struct {
	Time          time.Time `json:"time"`
	Processors    int       `json:"processors"`
	Go            string    `json:"go"`
	Rounds        int       `json:"rounds"`
	RoundDuration string    `json:"roundDuration"`
	Results       []result  `json:"results"`
	Bars          []bar     `json:"bars"`
}

// bar is a figure that the design promises.
type bar struct {
	Operation string  `json:"operation"`
	Rival     string  `json:"rival"`
	Beside    string  `json:"beside"`
	Callers   int     `json:"callers"`
	Want      float64 `json:"want"`
	Got       float64 `json:"got"`
	Held      bool    `json:"held"`
}

// summarise turns the cells of one operation and number of callers, which are
// in the order of rivals, into results.
func summarise(op operation, callers int, rivals []rival, cells []cell) []result {
	var apiServer, etcd float64
	others := map[string]float64{} // by the protocol
	for i, r := range rivals {
		switch r.(type) {
		case *kubeRival:
			apiServer = cells[i].perSecond()
		case *etcdRival:
			etcd = cells[i].perSecond()
		}
		for _, other := range []string{beforeWeir, anonymousWeir} {
			if protocol, ok := strings.CutPrefix(r.name(), other+" "); ok {
				others[protocol] = cells[i].perSecond()
			}
		}
	}
	results := make([]result, len(rivals))
	for i, r := range rivals {
		rate := cells[i].perSecond()
		results[i] = result{
			Operation: op.name, Callers: callers, Rival: r.name(),
			Count:        len(cells[i].latencies),
			PerSecond:    rate,
			P50Micros:    cells[i].quantile(0.50).Microseconds(),
			P99Micros:    cells[i].quantile(0.99).Microseconds(),
			ServerMicros: cells[i].processorTime().Microseconds(),
			ToAPIServer:  rate / apiServer,
			ToEtcd:       rate / etcd,
		}
		if other := others[strings.TrimPrefix(r.name(), nowWeir+" ")]; other > 0 {
			results[i].ToOther = rate / other
		}
	}
	return results
}

// bars are the figures to reach with 64 callers, as multiples of a rival's
// throughput.
var bars = []struct {
	operation, rival string
	apiServer, etcd  float64 // 0 if there is no bar
}{
	{"create", nowWeir + " REST", 4, 0},
	{"create", nowWeir + " gRPC", 5, 0.33},
	{"get", nowWeir + " REST", 5, 0},
	{"get", nowWeir + " gRPC", 7, 0},
	{"update", nowWeir + " REST", 4, 0},
	{"update", nowWeir + " gRPC", 5, 0.33},
	{"list of 100", nowWeir + " REST", 10, 0},
	{"list of 100", nowWeir + " gRPC", 10, 0},
}

// barsOf compares the results with the bars.
func barsOf(results []result) []bar {
	var out []bar
	for _, r := range results {
		if r.Callers != 64 {
			continue
		}
		add := func(beside string, want, got float64) {
			if want > 0 {
				out = append(out, bar{
					Operation: r.Operation, Rival: r.Rival, Beside: beside, Callers: r.Callers,
					Want: want, Got: got, Held: got >= want,
				})
			}
		}
		for _, b := range bars {
			if b.operation == r.Operation && b.rival == r.Rival {
				add("kube-apiserver", b.apiServer, r.ToAPIServer)
				add("etcd client", b.etcd, r.ToEtcd)
			}
		}
	}
	return out
}

// write prints the report as Markdown.
func (r *report) write(w io.Writer) {
	_, _ = fmt.Fprintf(w, "%d processors, %s, %d rounds of %s a cell, everything durable, clients on the same machine.\n\n",
		r.Processors, r.Go, r.Rounds, r.RoundDuration)
	_, _ = fmt.Fprintln(w, "| operation | callers | | ops/s | p50 ms | p99 ms | server µs | × kube-apiserver | × etcd client | × other Weir |")
	_, _ = fmt.Fprintln(w, "| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
	for _, c := range r.Results {
		other := ""
		if c.ToOther > 0 {
			other = fmt.Sprintf("%.2f", c.ToOther)
		}
		_, _ = fmt.Fprintf(w, "| %s | %d | %s | %.0f | %.2f | %.2f | %d | %.2f | %.2f | %s |\n", c.Operation, c.Callers, c.Rival,
			c.PerSecond, float64(c.P50Micros)/1000, float64(c.P99Micros)/1000, c.ServerMicros, c.ToAPIServer, c.ToEtcd, other)
	}
	_, _ = fmt.Fprintln(w, "\n| target at 64 callers | compared with | at least | measured | |")
	_, _ = fmt.Fprintln(w, "| --- | --- | ---: | ---: | --- |")
	for _, b := range r.Bars {
		verdict := "met"
		if !b.Held {
			verdict = "missed"
		}
		_, _ = fmt.Fprintf(w, "| %s, %s | %s | %.2f | %.2f | %s |\n", b.Operation, b.Rival, b.Beside, b.Want, b.Got, verdict)
	}
}

// save writes the report as JSON.
func (r *report) save(path string) error {
	content, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the report: %w", err)
	}
	if err := os.WriteFile(path, append(content, '\n'), 0o644); err != nil {
		return fmt.Errorf("save the report: %w", err)
	}
	return nil
}

func newReport(rounds int, duration time.Duration) *report {
	return &report{
		Time: time.Now().UTC().Truncate(time.Second), Processors: runtime.NumCPU(), Go: runtime.Version(),
		Rounds: rounds, RoundDuration: duration.String(),
	}
}
