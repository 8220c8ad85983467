package flinkspec_test

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/openweir/weir/control/flinkspec"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

// anyValue is a value of JSON with few keys, so that objects overlap.
func anyValue(depth int) *rapid.Generator[any] {
	scalar := rapid.OneOf(
		rapid.Just(any(nil)),
		rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		rapid.Map(rapid.SampledFrom([]string{"", "x", "<é>"}), func(s string) any { return s }),
		rapid.Map(rapid.SampledFrom([]json.Number{"0", "1.0", "9007199254740993"}), func(n json.Number) any { return n }),
	)
	if depth == 0 {
		return scalar
	}
	return rapid.OneOf(
		scalar,
		rapid.Map(rapid.SliceOfN(anyValue(depth-1), 0, 2), func(l []any) any { return l }),
		rapid.Map(anyObject(depth-1), func(o openjson.Object) any { return o }),
	)
}

func anyObject(depth int) *rapid.Generator[openjson.Object] {
	return rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "c", "a.b", ""}), anyValue(depth), 0, 4)
}

func expect(t *rapid.T, what string, got, want any) {
	t.Helper()
	if difference := cmp.Diff(want, got); difference != "" {
		t.Fatalf("%s; want -, got +:\n%s", what, difference)
	}
}

func TestFlattenedConfigurationIsFlatAndStaysSo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		flat := flinkspec.FlattenConfiguration(anyObject(4).Draw(t, "configuration"))
		for key, value := range flat {
			switch value.(type) {
			case openjson.Object, []any:
				t.Fatalf("%q is %v", key, value)
			}
		}
		expect(t, "flattening again changes nothing", flinkspec.FlattenConfiguration(flat), flat)
	})
}

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
