package sql

import (
	"maps"
	"strconv"
	"strings"
)

// Options of Flink that the driver sets or looks at.
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

// The entries of a job's parameters that tell what it was made of.
const (
	parameterSpec  = "weir.spec"
	parameterNonce = "weir.nonce"
)

// savepointDirectories are the names that Flink has for where savepoints go.
var savepointDirectories = []string{"execution.checkpointing.savepoint-dir", "state.savepoints.dir"}

// sessionOptions are the options of the session of a statement.
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
		// The operation ends when the job is submitted, not when it is done.
		out[optionSync] = "false"
		return out
	}
	// Flink shows the rows of a job with checkpoints only once one is complete,
	// unless they may come twice. They do not, as no job starts again: rows that
	// were handed out cannot be taken back. An interval of the cluster's has no
	// word that turns it off.
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

// restoreOptions make a job begin with the state of a savepoint.
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

// savepointDirectory is the one that a set of options names; empty where none
// is.
func savepointDirectory(options map[string]string) string {
	for _, name := range savepointDirectories {
		if options[name] != "" {
			return options[name]
		}
	}
	return ""
}
