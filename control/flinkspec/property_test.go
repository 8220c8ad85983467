package flinkspec_test

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/openweir/weir/control/flinkspec"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

// Whatever the numbers, the figures are such that JSON can have and that can be.
func TestUsageNeverOverflows(t *testing.T) {
	number := rapid.Map(rapid.Int64(), func(n int64) any { return json.Number(strconv.FormatInt(n, 10)) })
	cpu := rapid.Map(rapid.SampledFrom([]string{"1", "0.5", "1e308", "1e999"}), func(s string) any { return json.Number(s) })
	rapid.Check(t, func(t *rapid.T) {
		spec := openjson.Object{}
		set := func(from *rapid.Generator[any], path ...string) {
			if rapid.Bool().Draw(t, "set "+strings.Join(path, ".")) {
				openjson.Set(spec, from.Draw(t, "value"), path...)
			}
		}
		set(rapid.Map(rapid.Int32Min(1), func(n int32) any { return json.Number(strconv.Itoa(int(n))) }), "taskManager", "replicas")
		set(rapid.Map(rapid.Int32Min(1), func(n int32) any { return json.Number(strconv.Itoa(int(n))) }), "job", "parallelism")
		set(number, "flinkConfiguration", "taskmanager.numberOfTaskSlots")
		set(number, "taskManager", "resource", "memory")
		set(cpu, "taskManager", "resource", "cpu")
		usage := flinkspec.AddUsage(flinkspec.Usage(spec), flinkspec.Usage(spec))
		for _, p := range []*cmfv1.ProcessUsage{usage.GetJobManager(), usage.GetTaskManager()} {
			if p.GetCpu() < 0 || math.IsInf(p.GetCpu(), 0) || math.IsNaN(p.GetCpu()) || p.GetMemory() < 0 || p.GetCount() < 1 {
				t.Fatalf("%s uses %v", openjson.Text(spec), p)
			}
		}
	})
}
