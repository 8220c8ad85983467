package flinkspec_test

import (
	"testing"

	"github.com/openweir/weir/control/flinkspec"
	"github.com/openweir/weir/flink/podsecurity"
)

// Defaults of the environment meet what an application asks for, and ask for
// what it lacks.
func TestTheOperatorSeesTheEnvironmentsDefaults(t *testing.T) {
	spec := object(t, `{"flinkVersion":"v1_20","serviceAccount":"flink","jobManager":{"replicas":2},"flinkConfiguration":{"high-availability.type":"NONE"},"job":{"parallelism":1}}`)
	if _, err := flinkspec.CheckEffective(flinkspec.Effective(spec, object(t, `{"spec":{"flinkConfiguration":{"high-availability":{"type":"kubernetes"}}}}`)), podsecurity.Baseline); err != nil {
		t.Errorf("with high availability by default: %v", err)
	}
	_, err := flinkspec.CheckEffective(flinkspec.Effective(spec, object(t, `{"spec":{"flinkVersion":"v1_13"}}`)), podsecurity.Baseline)
	same(t, messages(t, err), []string{
		`spec.flinkVersion: must be v1_15 or newer, got "v1_13"`,
		"spec.jobManager.replicas: needs high availability, by high-availability.type, where it is more than 1",
	})
}

// What the operator's own configuration may settle is told, and not refused.
func TestWarnings(t *testing.T) {
	const (
		stateless = "spec.job.upgradeMode is not set. The operator's default is stateless: every change of the application, and suspending it, loses the job's state. Set savepoint or last-state to keep it."
		unlessSet = ". Neither the application nor its environment sets it: the operator refuses the application unless its own configuration does."
		sized     = `"jobManager":{"resource":{"memory":"1g"}},"taskManager":{"resource":{"memory":"1g"}}`
	)
	for name, test := range map[string]struct {
		spec string
		want []string
	}{
		"nothing":         {`{` + sized + `,"job":{"upgradeMode":"stateless"}}`, nil},
		"no upgrade mode": {`{` + sized + `,"job":{}}`, []string{stateless}},
		"savepoint without directories": {`{` + sized + `,"job":{"upgradeMode":"savepoint"}}`, []string{
			"spec.job.upgradeMode: needs a directory for checkpoints, by execution.checkpointing.dir, where it is savepoint" + unlessSet,
			"spec.job.upgradeMode: needs a directory for savepoints, by execution.checkpointing.savepoint-dir" + unlessSet}},
		"last-state with a directory": {`{` + sized + `,"flinkConfiguration":{"state.checkpoints.dir":"s3://c"},"job":{"upgradeMode":"last-state"}}`, nil},
		"several JobManagers": {`{"jobManager":{"replicas":2,"resource":{"memory":"1g"}},"taskManager":{"resource":{"memory":"1g"}},"job":{"upgradeMode":"stateless"}}`, []string{
			"spec.jobManager.replicas: needs high availability, by high-availability.type, where it is more than 1" + unlessSet}},
		"no memory": {`{"job":{"upgradeMode":"stateless"}}`, []string{
			"spec.jobManager.resource.memory: is not set, nor is jobmanager.memory.process.size" + unlessSet,
			"spec.taskManager.resource.memory: is not set, nor is taskmanager.memory.process.size" + unlessSet}},
		"memory as options of Flink": {`{"flinkConfiguration":{"jobmanager.memory.flink.size":"1g","taskmanager.memory.process.size":"1g"},"job":{"upgradeMode":"stateless"}}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			warnings, _ := flinkspec.CheckEffective(object(t, test.spec), podsecurity.Baseline)
			same(t, warnings, test.want)
		})
	}
}
