package validation

import (
	"strings"

	"github.com/openweir/weir/flink"
)

// Options of the operator.
var (
	rollback          = flink.Option{"kubernetes.operator.deployment.rollback.enabled"}
	healthCheck       = flink.Option{"kubernetes.operator.cluster.health-check.enabled"}
	recovery          = flink.Option{"kubernetes.operator.jm-deployment-recovery.enabled", "kubernetes.operator.reconciler.jm-deployment-recovery.enabled"}
	periodicSavepoint = "kubernetes.operator.periodic.savepoint.interval"
	maxCheckpointAge  = "kubernetes.operator.job.upgrade.last-state.max.allowed.checkpoint.age"
)

func (c *checker) configuration() {
	c.object(flink.FieldConfiguration)
	for _, name := range flink.ReservedOptions {
		if _, set := c.options[name]; set {
			c.addf("spec."+flink.FieldConfiguration, "must not set %q, which the operator sets", name)
		}
	}
	if c.enabled(rollback, false) {
		c.need(flink.HighlyAvailable(c.options), optionField(rollback[0]), flink.HighAvailability,
			"high availability, by %s", flink.HighAvailability[0])
	}
	if c.enabled(healthCheck, false) {
		c.need(c.enabled(recovery, true), optionField(healthCheck[0]), recovery, "%s to be true", recovery[0])
	}
}

// enabled returns the value of an option that is true or false.
func (c *checker) enabled(option flink.Option, byDefault bool) bool {
	name, value := option.In(c.options)
	switch {
	case name == "":
		return byDefault
	case !strings.EqualFold(value, "true") && !strings.EqualFold(value, "false"):
		c.addf(optionField(name), "must be true or false, got %q", value)
		return byDefault
	}
	return strings.EqualFold(value, "true")
}
