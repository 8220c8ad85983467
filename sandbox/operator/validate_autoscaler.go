package operator

import (
	"fmt"
	"strconv"
	"strings"
)

// autoscalerNumbers are the autoscaler's options with a range, in the order in
// which the validator looks at them, and their defaults. A range that has no
// upper end is open.
var autoscalerNumbers = []struct {
	option, standard string
	low, high        string
	// enabled is the option without which the number is not looked at.
	enabled string
}{
	{option: "scale-down.max-factor", standard: "0.6", low: "0"},
	{option: "scale-up.max-factor", standard: "100000", low: "0"},
	{option: "utilization.target", standard: "0.7", low: "0", high: "1"},
	{option: "target.utilization.boundary", standard: "0.3", low: "0"},
	{option: "utilization.max", low: "utilization.target", high: "1"},
	{option: "utilization.min", low: "0", high: "utilization.target"},
	{option: "memory.gc-pressure.threshold", standard: "1", low: "0", high: "1"},
	{option: "memory.heap-usage.threshold", standard: "1", low: "0", high: "1"},
	{option: "observed-scalability.coefficient-min", standard: "0.5", low: "0.01", high: "1", enabled: "observed-scalability.enabled"},
	{option: "scaling.effectiveness.threshold", standard: "0.1", low: "0", high: "1", enabled: "scaling.effectiveness.detection.enabled"},
	{option: "memory.tuning.overhead", standard: "0.2", low: "0", high: "1", enabled: "memory.tuning.enabled"},
}

// validateAutoscaler returns the first option of the autoscaler that is out of
// its range, where the autoscaler is on.
func validateAutoscaler(config map[string]string) error {
	given := func(option string) string {
		return firstOf(config, "job.autoscaler."+option, "kubernetes.operator.job.autoscaler."+option)
	}
	if !strings.EqualFold(given("enabled"), "true") {
		return nil
	}
	// number reads a limit, or an option by its value or default.
	number := func(text string) (float64, error) {
		for _, other := range autoscalerNumbers {
			if other.option == text {
				text = given(text)
				if text == "" {
					text = other.standard
				}
				break
			}
		}
		return strconv.ParseFloat(text, 64)
	}
	for _, rule := range autoscalerNumbers {
		skip := rule.enabled != "" && !strings.EqualFold(given(rule.enabled), "true")
		if skip || given(rule.option) == "" {
			continue
		}
		value, err := number(rule.option)
		if err != nil {
			return fmt.Errorf("job.autoscaler.%s must be a number", rule.option)
		}
		if low, err := number(rule.low); err == nil && value < low {
			return fmt.Errorf("job.autoscaler.%s must not be below %g", rule.option, low)
		}
		if high, err := number(rule.high); rule.high != "" && err == nil && value > high {
			return fmt.Errorf("job.autoscaler.%s must not be above %g", rule.option, high)
		}
	}
	return nil
}
