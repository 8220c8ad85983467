package flinkspec

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/openweir/weir/flink"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

// Usage adds up what an effective specification asks its cluster for while it
// runs; nothing while it is suspended.
func Usage(effective openjson.Object) *cmfv1.ResourceUsageSummary {
	if DesiredState(effective) == flink.Suspended {
		return usage(process{}, 0, process{}, 0)
	}
	jobManagers := integer(openjson.Field(effective, "jobManager", "replicas"), 1)
	taskManagers := integer(openjson.Field(effective, "taskManager", "replicas"), 0)
	if taskManagers == 0 {
		taskManagers = taskManagersFor(effective, integer(openjson.Field(effective, "job", "parallelism"), 1))
	}
	return usage(processOf(effective, "jobManager"), jobManagers, processOf(effective, "taskManager"), taskManagers)
}

// SessionUsage adds up what a session cluster asks for before any job runs on
// it: the JobManagers, and TaskManagers where their number is fixed.
func SessionUsage(effective openjson.Object) *cmfv1.ResourceUsageSummary {
	return usage(processOf(effective, "jobManager"), integer(openjson.Field(effective, "jobManager", "replicas"), 1),
		processOf(effective, "taskManager"), integer(openjson.Field(effective, "taskManager", "replicas"), 0))
}

// SessionJobUsage is what a job adds to what its session cluster asks for:
// nothing where the number of TaskManagers is fixed.
func SessionJobUsage(cluster openjson.Object, parallelism int) *cmfv1.ResourceUsageSummary {
	if integer(openjson.Field(cluster, "taskManager", "replicas"), 0) > 0 {
		return usage(process{}, 0, process{}, 0)
	}
	return usage(process{}, 0, processOf(cluster, "taskManager"), taskManagersFor(cluster, parallelism))
}

// taskManagersFor is how many TaskManagers have slots for a job.
func taskManagersFor(cluster openjson.Object, parallelism int) int {
	slots := max(1, integer(openjson.Field(cluster, flink.FieldConfiguration, flink.TaskSlots), 1))
	return (max(1, parallelism)-1)/slots + 1
}

// AddUsage adds b to a; nil counts as nothing.
func AddUsage(a, b *cmfv1.ResourceUsageSummary) *cmfv1.ResourceUsageSummary {
	add := func(a, b *cmfv1.ProcessUsage) *cmfv1.ProcessUsage {
		return processUsage(a.GetCpu()+b.GetCpu(), float64(a.GetMemory())+float64(b.GetMemory()), int(a.GetCount())+int(b.GetCount()))
	}
	return &cmfv1.ResourceUsageSummary{
		JobManager:  add(a.GetJobManager(), b.GetJobManager()),
		TaskManager: add(a.GetTaskManager(), b.GetTaskManager()),
	}
}

// process is what one replica asks for.
type process struct {
	cpu, memory float64
}

func processOf(effective openjson.Object, name string) process {
	number, _ := openjson.Field(effective, name, "resource", "cpu").(json.Number)
	cpu, _ := number.Float64()
	memory, _ := flink.ParseMemory(fmt.Sprint(openjson.Field(effective, name, "resource", "memory")))
	return process{cpu: cpu, memory: float64(memory)}
}

func usage(jm process, jmCount int, tm process, tmCount int) *cmfv1.ResourceUsageSummary {
	return &cmfv1.ResourceUsageSummary{
		JobManager:  processUsage(jm.cpu*float64(jmCount), jm.memory*float64(jmCount), jmCount),
		TaskManager: processUsage(tm.cpu*float64(tmCount), tm.memory*float64(tmCount), tmCount),
	}
}

// processUsage stops at what the fields can hold, which no cluster comes near.
func processUsage(cpu, memory float64, count int) *cmfv1.ProcessUsage {
	bytes := int64(math.MaxInt64)
	if memory < math.MaxInt64 {
		bytes = int64(memory)
	}
	cpu, n := min(cpu, math.MaxFloat64), int32(min(count, math.MaxInt32))
	return &cmfv1.ProcessUsage{Cpu: &cpu, Memory: &bytes, Count: &n}
}

func integer(value any, otherwise int) int {
	switch v := value.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return int(n)
		}
	case string:
		if n, err := strconv.Atoi(v); err == nil {
			return n
		}
	}
	return otherwise
}
