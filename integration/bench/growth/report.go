package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"time"
)

// figure is a row of the table.
type figure struct {
	Weir string `json:"weir"`
	Name string `json:"name"`
	Unit string `json:"unit"`
	// Small and Large are the figure in the small and in the large installation.
	// A figure of the large one alone has no Small.
	Small *float64 `json:"small,omitempty"`
	Large float64  `json:"large"`
	// Ratio says how the figure grows from the small to the large installation.
	Ratio *float64 `json:"ratio,omitempty"`
	// Bar is what Ratio, or Large if there is no Ratio, may be at most.
	Bar  float64 `json:"bar,omitempty"`
	Held bool    `json:"held"`
}

// grown is a figure with a bar for its growth. The ratio is the caller's: it is
// not always that of the two values.
func grown(weir, name, unit string, small, large, ratio, bar float64) figure {
	return figure{Weir: weir, Name: name, Unit: unit, Small: &small, Large: large, Ratio: &ratio, Bar: bar, Held: ratio <= bar}
}

// sized is a figure of the large installation; a bar of 0 is none.
func sized(weir, name, unit string, large, bar float64) figure {
	return figure{Weir: weir, Name: name, Unit: unit, Large: large, Bar: bar, Held: bar == 0 || large <= bar}
}

// maxGrowth is how much more a request may cost, and maxLinear how much more
// each item of a request that goes through all of them.
const (
	maxGrowth = 1.5
	maxLinear = 1.5
)

// figures are those of an operation, from its rounds in the small and the large
// installation. The values are medians, and so are the ratios, of those of each
// round: the two were measured one right after the other.
func (op operation) figures(weir string, small, large []cost, smallItems, largeItems int) []figure {
	figureOf := func(what string, value func(cost) time.Duration) figure {
		unit, bar, divisor := "µs", maxGrowth, 1000.0
		a, b := valuesOf(small, value), valuesOf(large, value)
		if op.items != nil {
			unit, bar, divisor = "ns an item", maxLinear, 1
			scale(a, 1/float64(smallItems))
			scale(b, 1/float64(largeItems))
		}
		ratios := make([]float64, len(a))
		for i := range a {
			ratios[i] = b[i] / a[i]
		}
		return grown(weir, op.name+", "+what, unit, median(a)/divisor, median(b)/divisor, median(ratios), bar)
	}
	return []figure{
		figureOf("time", func(c cost) time.Duration { return c.time }),
		figureOf("processor time", func(c cost) time.Duration { return c.processor }),
	}
}

func valuesOf(costs []cost, value func(cost) time.Duration) []float64 {
	out := make([]float64, len(costs))
	for i, c := range costs {
		out[i] = float64(value(c))
	}
	return out
}

func scale(values []float64, by float64) {
	for i := range values {
		values[i] *= by
	}
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	values = slices.Sorted(slices.Values(values))
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return (values[middle-1] + values[middle]) / 2
}

// each is what one application adds to a size that was taken in both
// installations.
func each(small, large float64, smallSize, largeSize int) float64 {
	return (large - small) / float64(largeSize-smallSize)
}

// report is the whole run.
type report struct {
	Time       time.Time `json:"time"`
	Processors int       `json:"processors"`
	Go         string    `json:"go"`
	Small      int       `json:"small"`
	Large      int       `json:"large"`
	Rounds     int       `json:"rounds"`
	// StatusBytes is the size of an application's status.
	StatusBytes int      `json:"statusBytes"`
	Figures     []figure `json:"figures"`
}

func newReport(small, large, rounds, statusBytes int) *report {
	return &report{
		Time: time.Now().UTC().Truncate(time.Second), Processors: runtime.NumCPU(), Go: runtime.Version(),
		Small: small, Large: large, Rounds: rounds, StatusBytes: statusBytes,
	}
}

// write prints the report as Markdown.
func (r *report) write(w io.Writer) {
	_, _ = fmt.Fprintf(w, "%d processors, %s, medians of %d rounds; each application has a status of %.1f KB, an instance and three events; a KB is 1,000 bytes.\n\n",
		r.Processors, r.Go, r.Rounds, float64(r.StatusBytes)/1000)
	_, _ = fmt.Fprintf(w, "| | figure | unit | %d applications | %d applications | ratio | target | |\n", r.Small, r.Large)
	_, _ = fmt.Fprintln(w, "| --- | --- | --- | ---: | ---: | ---: | ---: | --- |")
	for _, f := range r.Figures {
		bar, verdict := "", ""
		if f.Bar > 0 {
			bar, verdict = "≤ "+decimal(&f.Bar), "met"
			if !f.Held {
				verdict = "missed"
			}
		}
		_, _ = fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %s | %s | %s |\n",
			f.Weir, f.Name, f.Unit, decimal(f.Small), decimal(&f.Large), decimal(f.Ratio), bar, verdict)
	}
}

// decimal writes a figure with the digits that mean something.
func decimal(value *float64) string {
	switch {
	case value == nil:
		return ""
	case *value >= 100 || *value <= -100:
		return strconv.FormatFloat(*value, 'f', 0, 64)
	default:
		return strconv.FormatFloat(*value, 'f', 2, 64)
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
