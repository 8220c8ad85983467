package sql

import (
	"maps"
	"strconv"
	"strings"

	"github.com/openweir/weir/flink"
)

// Flink options that the driver sets or reads.
const (
	optionName        = "pipeline.name"
	optionParallelism = "parallelism.default"
	optionParameters  = "pipeline.global-job-parameters"
	optionConsistency = "execution.checkpointing.mode"
	optionSync        = "table.dml-sync"
)

// The job parameters that identify what a job was submitted from.
const (
	parameterSpec  = "weir.spec"
	parameterNonce = "weir.nonce"
	// parameterEpoch is the epoch of the session that the job was submitted in, and
	// parameterGeneration the generation of the statement then.
	parameterEpoch      = "weir.epoch"
	parameterGeneration = "weir.generation"
)

// sessionOptions returns the options of the session of a statement, in a session with
// the control plane that has an epoch.
func sessionOptions(s *Spec, marker string, generation, epoch int64) map[string]string {
	out := maps.Clone(s.Configuration)
	if out == nil {
		out = map[string]string{}
	}
	out[optionName] = marker
	if s.Parallelism > 0 {
		out[optionParallelism] = strconv.Itoa(s.Parallelism)
	}
	if s.Detached {
		out[optionParameters] = joinParameters(out[optionParameters],
			parameterSpec+":"+s.fingerprint(), parameterNonce+":"+strconv.FormatInt(s.SavepointRedeployNonce, 10),
			parameterGeneration+":"+strconv.FormatInt(generation, 10), parameterEpoch+":"+strconv.FormatInt(epoch, 10))
		// The operation ends when the job is submitted, not when it finishes.
		out[optionSync] = "false"
		return out
	}
	// Flink returns the rows of a job with checkpoints only after a checkpoint,
	// unless duplicates are allowed. There are none, since restarts are disabled:
	// returned rows cannot be revoked. A checkpoint interval of the cluster cannot
	// be disabled by an option of the session.
	if out[flink.CheckpointInterval] == "" && out[optionConsistency] == "" {
		out[optionConsistency] = "AT_LEAST_ONCE"
	}
	if _, strategy := flink.RestartStrategy.In(out); strategy == "" {
		out[flink.RestartStrategy[0]] = "none"
	}
	return out
}

func joinParameters(before string, more ...string) string {
	if before != "" {
		more = append([]string{before}, more...)
	}
	return strings.Join(more, ",")
}

// restoreOptions returns the options to start a job from a savepoint.
func restoreOptions(version, path string, allowNonRestored bool) map[string]string {
	if path == "" {
		return nil
	}
	prefix, unclaimed := "execution.state-recovery.", "ignore-unclaimed-state"
	if strings.HasPrefix(version, "1.") {
		prefix = "execution.savepoint."
	}
	out := map[string]string{prefix + "path": path}
	if allowNonRestored {
		out[prefix+unclaimed] = "true"
	}
	return out
}
