package flink

import "strings"

// Option is an option of Flink or of the operator: its name, and then the older
// names by which it can also be set, in the order in which they are looked up.
type Option []string

// Options for where state is kept and how a job runs.
var (
	Checkpoints      = Option{"execution.checkpointing.dir", "state.checkpoints.dir"}
	Savepoints       = Option{"execution.checkpointing.savepoint-dir", "state.savepoints.dir"}
	HighAvailability = Option{"high-availability.type", "high-availability"}
	RestartStrategy  = Option{"restart-strategy.type", "restart-strategy"}
	// BlockOnUnmanagedJobs keeps the operator from deleting a session cluster that
	// runs jobs which the operator has not submitted.
	BlockOnUnmanagedJobs = Option{"kubernetes.operator.session.deletion.block-on-unmanaged-jobs", "kubernetes.operator.session.block-on-unmanaged-jobs"}
)

// Options that have one name.
const (
	CheckpointInterval = "execution.checkpointing.interval"
	RuntimeMode        = "execution.runtime-mode"
	TaskSlots          = "taskmanager.numberOfTaskSlots"
)

// ReservedOptions identify a cluster. The operator sets them and refuses
// specifications that do.
var ReservedOptions = []string{"kubernetes.namespace", "kubernetes.cluster-id", "high-availability.cluster-id"}

// In returns the value of the option among options, and the name that sets it.
// The name is empty if none does.
func (o Option) In(options map[string]string) (name, value string) {
	for _, name := range o {
		if value, set := options[name]; set {
			return name, value
		}
	}
	return "", ""
}

// HighlyAvailable is true if options have JobManagers keep what another one goes
// on from. A type that Flink does not know is the name of a class.
func HighlyAvailable(options map[string]string) bool {
	name, kind := HighAvailability.In(options)
	return name != "" && !strings.EqualFold(kind, "none") && !strings.EqualFold(kind, "standalone")
}
