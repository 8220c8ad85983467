package flinkspec

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/openjson"
)

// Options of the operator's autoscaler. Each may also be written with
// kubernetes.operator. before it, as it was once.
const (
	autoscalerEnabled = "job.autoscaler.enabled"
	utilizationTarget = "job.autoscaler.utilization.target"
	utilizationMax    = "job.autoscaler.utilization.max"
	utilizationMin    = "job.autoscaler.utilization.min"
)

// autoscalerRanges are the numbers that the autoscaler takes. What is not there
// has a default, the operator's or its own.
var autoscalerRanges = []struct {
	option    string
	low, high float64
	// enabled is the option without which the number does not matter.
	enabled string
}{
	{option: "job.autoscaler.scale-down.max-factor", high: math.Inf(1)},
	{option: "job.autoscaler.scale-up.max-factor", high: math.Inf(1)},
	{option: utilizationTarget, high: 1},
	{option: utilizationMax, high: 1},
	{option: utilizationMin, high: 1},
	{option: "job.autoscaler.target.utilization.boundary", high: math.Inf(1)},
	{option: "job.autoscaler.memory.gc-pressure.threshold", high: 1},
	{option: "job.autoscaler.memory.heap-usage.threshold", high: 1},
	{option: "job.autoscaler.observed-scalability.coefficient-min", low: 0.01, high: 1, enabled: "job.autoscaler.observed-scalability.enabled"},
	{option: "job.autoscaler.scaling.effectiveness.threshold", high: 1, enabled: "job.autoscaler.scaling.effectiveness.detection.enabled"},
	{option: "job.autoscaler.memory.tuning.overhead", high: 1, enabled: "job.autoscaler.memory.tuning.enabled"},
}

// checkAutoscaler notes numbers that the autoscaler would refuse, where a
// specification turns it on.
func checkAutoscaler(v *apierror.Violations, effective openjson.Object) {
	configuration, _ := effective[flinkConfigurations].(openjson.Object)
	if _, enabled := autoscalerOption(configuration, autoscalerEnabled); !isTrue(enabled) {
		return
	}
	for _, rule := range autoscalerRanges {
		name, value := autoscalerOption(configuration, rule.option)
		if value == nil {
			continue
		}
		if rule.enabled != "" {
			if _, enabled := autoscalerOption(configuration, rule.enabled); !isTrue(enabled) {
				continue
			}
		}
		n, err := decimal(value)
		switch {
		case err != nil:
			v.Addf("%s: must be a number, got %q", optionField(name), element(value))
		case n < rule.low, n > rule.high:
			v.Addf("%s: must be %s, got %s", optionField(name), between(rule.low, rule.high), element(value))
		}
	}
	checkUtilization(v, configuration)
}

// checkUtilization notes bounds on the wrong side of the target, where both are
// given.
func checkUtilization(v *apierror.Violations, configuration openjson.Object) {
	_, given := autoscalerOption(configuration, utilizationTarget)
	target, err := decimal(given)
	if given == nil || err != nil {
		return
	}
	if name, value := autoscalerOption(configuration, utilizationMax); value != nil {
		if n, err := decimal(value); err == nil && n < target {
			v.Addf("%s: must not be below %s", optionField(name), utilizationTarget)
		}
	}
	if name, value := autoscalerOption(configuration, utilizationMin); value != nil {
		if n, err := decimal(value); err == nil && n > target {
			v.Addf("%s: must not be above %s", optionField(name), utilizationTarget)
		}
	}
}

// autoscalerOption is an option of the autoscaler, and the name by which it is
// given.
func autoscalerOption(configuration openjson.Object, option string) (name string, value any) {
	for _, name := range []string{option, "kubernetes.operator." + option} {
		if value := configuration[name]; value != nil {
			return name, value
		}
	}
	return option, nil
}

// decimal reads a number as Java does, which allows a suffix that says its type.
func decimal(value any) (float64, error) {
	text := strings.TrimSpace(element(value))
	n, err := strconv.ParseFloat(strings.TrimRight(text, "dDfF"), 64)
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
