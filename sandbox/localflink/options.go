package localflink

import (
	"fmt"
	"maps"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/openweir/weir/flink"
)

// loopback is where everything listens.
const loopback = "127.0.0.1"

// foreign are prefixes of options that are of no use to processes: there is no
// Kubernetes to talk to, and what high availability keeps there the sandbox
// reads from the checkpoints' folder.
var foreign = []string{"kubernetes.", "high-availability", "$internal."}

// ports are those that have to be known before processes start.
type ports struct{ rest, rpc, gateway int }

// Defaults returns the options that a cluster has where its spec has none:
// where its state goes.
func (c *Clusters) Defaults(name Name) map[string]string {
	state := filepath.Join(c.dir, name.Namespace, name.Name)
	return map[string]string{
		flink.Checkpoints[1]: "file://" + filepath.Join(state, "checkpoints"),
		flink.Savepoints[1]:  "file://" + filepath.Join(state, "savepoints"),
	}
}

// options returns the whole configuration of a cluster's processes.
func options(home Home, spec Spec, at ports) (map[string]string, error) {
	all := map[string]string{
		// Sparing of a laptop, and quick to start and to notice failures.
		"taskmanager.memory.managed.fraction":                       "0.2",
		"heartbeat.interval":                                        "3000",
		"heartbeat.timeout":                                         "20000",
		"execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
		// How old answers of the JobManager may be, in milliseconds.
		"web.refresh-interval": "500",
		// TaskManagers come when slots are short, so a request for one is not
		// hopeless however long ago the cluster started. These are 100 days in
		// milliseconds; timers of the JobManager go to 248 days.
		"resourcemanager.standalone.start-up-time": "8640000000",
	}
	for name, value := range spec.Options {
		if !isForeign(name) {
			all[name] = value
		}
	}
	maps.Copy(all, addresses(at))
	// The SQL Gateway would take it for its own.
	delete(all, "rest.bind-port")
	java := strings.TrimSpace(home.javaOptions + " -XX:+UseSerialGC -XX:TieredStopAtLevel=1 " + all["env.java.opts.all"])
	all["env.java.opts.all"] = java
	if err := setMemory(all, spec); err != nil {
		return nil, err
	}
	if spec.Job != nil {
		// As the operator has it: what became of the job is to be seen.
		all["execution.shutdown-on-application-finish"] = "false"
		all["execution.submit-failed-job-on-application-error"] = "true"
		all["parallelism.default"] = strconv.FormatInt(max(spec.Job.Parallelism, 1), 10)
		return all, nil
	}
	all["execution.target"] = "remote"
	return all, nil
}

func isForeign(option string) bool {
	for _, prefix := range foreign {
		if strings.HasPrefix(option, prefix) {
			return true
		}
	}
	return false
}

func addresses(at ports) map[string]string {
	return map[string]string{
		"jobmanager.rpc.address": loopback, "jobmanager.rpc.port": strconv.Itoa(at.rpc), "jobmanager.bind-host": loopback,
		"taskmanager.bind-host": loopback, "taskmanager.host": loopback, "taskmanager.rpc.port": "0", "taskmanager.data.port": "0",
		"rest.address": loopback, "rest.bind-address": loopback, "rest.port": strconv.Itoa(at.rest),
		"blob.server.port":                       "0",
		"sql-gateway.endpoint.rest.address":      loopback,
		"sql-gateway.endpoint.rest.bind-address": loopback,
		"sql-gateway.endpoint.rest.port":         strconv.Itoa(at.gateway),
	}
}

// setMemory sets the sizes of processes, which win over the options, as they do
// in the operator.
func setMemory(all map[string]string, spec Spec) error {
	for _, component := range []struct {
		option, memory string
		least          int64
	}{
		{"jobmanager.memory.process.size", spec.JobManagerMemory, minJobManager},
		{"taskmanager.memory.process.size", spec.TaskManagerMemory, minTaskManager},
	} {
		if component.memory == "" {
			continue
		}
		size, err := processSize(component.memory, component.least)
		if err != nil {
			return fmt.Errorf("set %s: %w", component.option, err)
		}
		all[component.option] = size
	}
	return nil
}
