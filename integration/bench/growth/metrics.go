package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// metrics are those of a process that have no labels, by name.
type metrics map[string]float64

// The metrics that are read, as Prometheus' Go client names them.
const (
	processorSeconds = "process_cpu_seconds_total"
	residentBytes    = "process_resident_memory_bytes"
	heapBytes        = "go_memstats_heap_alloc_bytes"
	lastCollection   = "go_memstats_last_gc_time_seconds"
)

// parseMetrics reads the text format of Prometheus.
func parseMetrics(text io.Reader) (metrics, error) {
	out := metrics{}
	lines := bufio.NewScanner(text)
	for lines.Scan() {
		name, value, found := strings.Cut(lines.Text(), " ")
		if !found || name == "#" || strings.Contains(name, "{") {
			continue
		}
		number, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return nil, fmt.Errorf("read metric %s: %w", name, err)
		}
		out[name] = number
	}
	for _, name := range []string{processorSeconds, residentBytes, heapBytes, lastCollection} {
		if _, found := out[name]; !found {
			return nil, fmt.Errorf("there is no metric %s", name)
		}
	}
	return out, lines.Err()
}

// metrics are those of the control plane now.
func (in *installation) metrics(ctx context.Context) (metrics, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+in.config.Admin+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("read the metrics: %s", response.Status)
	}
	return parseMetrics(response.Body)
}

// quiet waits until the control plane takes hardly any processor time: what a
// measurement left behind, such as reports, is not to be part of the next.
func (in *installation) quiet(ctx context.Context) error {
	const (
		period = 250 * time.Millisecond
		idle   = 0.021 // seconds of processor time in a period; the clock has ticks of 0.01
	)
	tick := time.NewTicker(period)
	defer tick.Stop()
	before, err := in.metrics(ctx)
	for err == nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		var now metrics
		if now, err = in.metrics(ctx); err == nil && now[processorSeconds]-before[processorSeconds] < idle {
			return nil
		}
		before = now
	}
	return err
}

// liveHeap is the size of the heap after a garbage collection in which the
// process was idle. Go collects by itself what has not been collected for two
// minutes; the least of the sizes seen afterwards is of the time when all that
// was dead had been swept.
func (in *installation) liveHeap(ctx context.Context) (float64, error) {
	const settled = 10 // samples after the collection
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	first, err := in.metrics(ctx)
	if err != nil {
		return 0, err
	}
	least := 0.0
	for samples := 0; samples < settled; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return 0, fmt.Errorf("wait for a garbage collection: %w", ctx.Err())
		}
		now, err := in.metrics(ctx)
		if err != nil {
			return 0, err
		}
		if now[lastCollection] == first[lastCollection] {
			continue
		}
		if samples++; least == 0 || now[heapBytes] < least {
			least = now[heapBytes]
		}
	}
	return least, nil
}
