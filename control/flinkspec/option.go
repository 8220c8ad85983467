package flinkspec

// Options of Flink for where state is kept. Both names of an option mean the same
// to Flink.
var (
	OptionCheckpoints = []string{"execution.checkpointing.dir", "state.checkpoints.dir"}
	OptionSavepoints  = []string{"execution.checkpointing.savepoint-dir", "state.savepoints.dir"}
)
