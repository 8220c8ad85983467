// Package localflink runs Flink clusters as processes on this machine: for each
// a JobManager and TaskManagers, and for session clusters a SQL Gateway, out of
// a Flink home. They listen on the loopback interface alone, each has a folder
// of its own, and none outlives the program.
package localflink

// Name names a cluster, as its FlinkDeployment is named.
type Name struct{ Namespace, Name string }

// String returns both parts.
func (n Name) String() string { return n.Namespace + "/" + n.Name }

// Spec describes a cluster.
type Spec struct {
	// Version is the Flink version as specs name it, such as v2_2.
	Version string
	// Options are Flink options, flat.
	Options map[string]string
	// JobManagerMemory and TaskManagerMemory are the sizes of the processes, as
	// Flink or Kubernetes write them; empty leaves them to the options.
	JobManagerMemory, TaskManagerMemory string
	// TaskManagers is how many there are from the beginning.
	TaskManagers int
	// Job makes it an application cluster; nil makes it a session cluster.
	Job *Job
}

// Job is a job to run.
type Job struct {
	// ID is 32 hexadecimal digits.
	ID string
	// Jar is the URI of its jar; empty where the entry class is on Flink's own
	// class path.
	Jar string
	// EntryClass is empty where the jar's manifest names it.
	EntryClass  string
	Args        []string
	Parallelism int64
	// Savepoint is where the state is that it starts from; empty is none.
	Savepoint             string
	AllowNonRestoredState bool
	// Options are Flink options of a job of a session cluster.
	Options map[string]string
}
