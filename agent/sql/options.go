package sql

import (
	"maps"
	"strconv"
	"strings"
)

// Flink options that the driver sets or reads.
const (
	optionName        = "pipeline.name"
	optionParallelism = "parallelism.default"
	optionParameters  = "pipeline.global-job-parameters"
	optionMode        = "execution.runtime-mode"
	optionInterval    = "execution.checkpointing.interval"
	optionConsistency = "execution.checkpointing.mode"
	optionRestart     = "restart-strategy.type"
	optionRestartOld  = "restart-strategy"
	optionSync        = "table.dml-sync"
)

// The job parameters that identify what a job was submitted from.
const (
	parameterSpec  = "weir.spec"
	parameterNonce = "weir.nonce"
)

// savepointDirectories are Flink's options for the savepoint directory.
var savepointDirectories = []string{"execution.checkpointing.savepoint-dir", "state.savepoints.dir"}

// sessionOptions returns the options of the session of a statement.
func sessionOptions(s *Spec, marker string) map[string]string {
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
			parameterSpec+":"+s.fingerprint(), parameterNonce+":"+strconv.FormatInt(s.SavepointRedeployNonce, 10))
		// The operation ends when the job is submitted, not when it finishes.
		out[optionSync] = "false"
		return out
	}
	// Flink returns the rows of a job with checkpoints only after a checkpoint,
	// unless duplicates are allowed. There are none, since restarts are disabled:
	// returned rows cannot be revoked. A checkpoint interval of the cluster cannot
	// be disabled by an option of the session.
	if out[optionInterval] == "" && out[optionConsistency] == "" {
		out[optionConsistency] = "AT_LEAST_ONCE"
	}
	if out[optionRestart] == "" && out[optionRestartOld] == "" {
		out[optionRestart] = "none"
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

// savepointDirectory returns the savepoint directory of a set of options; empty
// if there is none.
func savepointDirectory(options map[string]string) string {
	for _, name := range savepointDirectories {
		if options[name] != "" {
			return options[name]
		}
	}
	return ""
}
