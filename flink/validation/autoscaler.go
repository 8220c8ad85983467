package validation

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/openweir/weir/flink"
)

var (
	autoscalerEnabled = autoscalerOption("enabled")
	utilizationTarget = autoscalerOption("utilization.target", "target.utilization")
	utilizationMax    = autoscalerOption("utilization.max")
	utilizationMin    = autoscalerOption("utilization.min")
)

// targetByDefault is the value of utilizationTarget where it is not set.
const targetByDefault = 0.7

// autoscalerOption is an option of the autoscaler. Each can also be set with
// kubernetes.operator. before its name.
func autoscalerOption(name string, older ...string) flink.Option {
	const prefix = "job.autoscaler."
	option := flink.Option{prefix + name, "kubernetes.operator." + prefix + name}
	for _, older := range older {
		option = append(option, "kubernetes.operator."+prefix+older, prefix+older)
	}
	return option
}

// autoscalerRanges are the ranges of the numbers of the autoscaler.
var autoscalerRanges = []struct {
	option    flink.Option
	low, high float64
	// enabled is the option without which the number is not looked at.
	enabled flink.Option
}{
	{option: autoscalerOption("scale-down.max-factor"), high: math.Inf(1)},
	{option: autoscalerOption("scale-up.max-factor"), high: math.Inf(1)},
	{option: utilizationTarget, high: 1},
	{option: utilizationMax, high: 1},
	{option: utilizationMin, high: 1},
	{option: autoscalerOption("target.utilization.boundary"), high: math.Inf(1)},
	// Release 1.15.0 does not check the next two, later ones do.
	{option: autoscalerOption("memory.gc-pressure.threshold"), high: 1},
	{option: autoscalerOption("memory.heap-usage.threshold"), high: 1},
	{option: autoscalerOption("observed-scalability.coefficient-min"), low: 0.01, high: 1},
	{option: autoscalerOption("scaling.effectiveness.threshold"), high: 1, enabled: autoscalerOption("scaling.effectiveness.detection.enabled")},
	{option: autoscalerOption("memory.tuning.overhead"), high: 1, enabled: autoscalerOption("memory.tuning.enabled")},
}

// autoscaler checks the numbers of the autoscaler if a specification enables it.
func (c *checker) autoscaler() {
	if !c.enabled(autoscalerEnabled, false) {
		return
	}
	for _, rule := range autoscalerRanges {
		name, text := rule.option.In(c.options)
		if name == "" || rule.enabled != nil && !c.enabled(rule.enabled, false) {
			continue
		}
		n, err := decimal(text)
		switch {
		case err != nil:
			c.addf(optionField(name), "must be a number, got %q", text)
		case n < rule.low, n > rule.high:
			c.addf(optionField(name), "must be %s, got %s", between(rule.low, rule.high), text)
		}
	}
	c.utilization()
}

// utilization checks that the bounds of utilization are on their side of the
// target.
func (c *checker) utilization() {
	target := targetByDefault
	given, text := utilizationTarget.In(c.options)
	if given != "" {
		var err error
		if target, err = decimal(text); err != nil {
			return
		}
	}
	for _, bound := range []struct {
		option flink.Option
		wrong  func(n float64) bool
		rule   string
	}{
		{utilizationMax, func(n float64) bool { return n < target }, "must not be below "},
		{utilizationMin, func(n float64) bool { return n > target }, "must not be above "},
	} {
		name, text := bound.option.In(c.options)
		if n, err := decimal(text); name != "" && err == nil && bound.wrong(n) {
			c.problems = append(c.problems, Problem{Field: optionField(name), Rule: bound.rule + utilizationTarget[0], Unset: given == ""})
		}
	}
}

// decimal reads a number as Java does, which allows a suffix for its type.
func decimal(text string) (float64, error) {
	n, err := strconv.ParseFloat(strings.TrimRight(strings.TrimSpace(text), "dDfF"), 64)
	if err != nil && math.IsInf(n, 0) {
		return n, nil // too large to be told from infinity
	}
	return n, err
}

func between(low, high float64) string {
	if math.IsInf(high, 1) {
		return fmt.Sprintf("%g or more", low)
	}
	return fmt.Sprintf("between %g and %g", low, high)
}
