package flinkspec_test

import (
	"fmt"
	"testing"

	"github.com/openweir/weir/control/flinkspec"
	"github.com/openweir/weir/openjson"
)

func TestAutoscaler(t *testing.T) {
	at := func(option, rule string) string { return fmt.Sprintf("spec.flinkConfiguration[%q]: %s", option, rule) }
	for name, test := range map[string]struct {
		options string
		want    []string
	}{
		"its defaults": {options: `{"job.autoscaler.enabled":true}`},
		"what may be": {options: `{"job.autoscaler.enabled":"true","job.autoscaler.scale-up.max-factor":"Infinity","job.autoscaler.scale-down.max-factor":0,
			"job.autoscaler.utilization.target":"0.7","job.autoscaler.utilization.max":1,"job.autoscaler.utilization.min":"0.7d",
			"job.autoscaler.target.utilization.boundary":3,"job.autoscaler.memory.heap-usage.threshold":1.0}`},
		"nothing matters where it is off":       {options: `{"job.autoscaler.enabled":false,"job.autoscaler.utilization.target":7}`},
		"nor where nothing is said of it":       {options: `{"job.autoscaler.utilization.target":7}`},
		"nor what depends on something off":     {options: `{"job.autoscaler.enabled":true,"job.autoscaler.memory.tuning.overhead":7}`},
		"a bound where the target is not given": {options: `{"job.autoscaler.enabled":true,"job.autoscaler.utilization.max":0.1}`},

		"out of range": {`{"job.autoscaler.enabled":true,"job.autoscaler.scale-down.max-factor":-1,"job.autoscaler.memory.gc-pressure.threshold":"1.1"}`, []string{
			at("job.autoscaler.scale-down.max-factor", "must be 0 or more, got -1"),
			at("job.autoscaler.memory.gc-pressure.threshold", "must be between 0 and 1, got 1.1")}},
		"no number": {`{"job.autoscaler.enabled":true,"job.autoscaler.scale-up.max-factor":"twice"}`, []string{
			at("job.autoscaler.scale-up.max-factor", `must be a number, got "twice"`)}},
		"bounds on the wrong side of the target": {`{"job.autoscaler.enabled":true,"job.autoscaler.utilization.target":0.7,"job.autoscaler.utilization.max":0.6,"job.autoscaler.utilization.min":0.8}`, []string{
			at("job.autoscaler.utilization.max", "must not be below job.autoscaler.utilization.target"),
			at("job.autoscaler.utilization.min", "must not be above job.autoscaler.utilization.target")}},
		"the names of old": {`{"kubernetes.operator.job.autoscaler.enabled":true,"kubernetes.operator.job.autoscaler.memory.heap-usage.threshold":2}`, []string{
			at("kubernetes.operator.job.autoscaler.memory.heap-usage.threshold", "must be between 0 and 1, got 2")}},
		"a feature that is on": {`{"job.autoscaler.enabled":true,"job.autoscaler.observed-scalability.enabled":true,"job.autoscaler.observed-scalability.coefficient-min":0}`, []string{
			at("job.autoscaler.observed-scalability.coefficient-min", "must be between 0.01 and 1, got 0")}},
	} {
		t.Run(name, func(t *testing.T) {
			spec := openjson.Merge(object(t, runnable), openjson.Object{"flinkConfiguration": object(t, test.options)})
			same(t, messages(t, flinkspec.CheckEffective(spec)), test.want)
		})
	}
}
