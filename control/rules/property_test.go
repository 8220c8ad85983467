package rules_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/openweir/weir/control/rules"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
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
		rapid.Map(anyObject(depth-1), func(o rules.Object) any { return o }),
	)
}

func anyObject(depth int) *rapid.Generator[rules.Object] {
	return rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "c", "a.b", ""}), anyValue(depth), 0, 4)
}

// shapedObject has objects under upper case keys and none under lower case ones.
func shapedObject(depth int) *rapid.Generator[rules.Object] {
	return rapid.Custom(func(t *rapid.T) rules.Object {
		out := rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "c"}), anyValue(0), 0, 3).Draw(t, "values")
		if depth > 0 {
			for _, key := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"A", "B"}), 0, 2, rapid.ID).Draw(t, "objects") {
				out[key] = shapedObject(depth-1).Draw(t, key)
			}
		}
		return out
	})
}

func expect(t *rapid.T, what string, got, want any) {
	t.Helper()
	if difference := cmp.Diff(want, got); difference != "" {
		t.Fatalf("%s; want -, got +:\n%s", what, difference)
	}
}

// checkMerged holds a merged object to what it was merged from, key by key.
func checkMerged(t *rapid.T, base, over, merged rules.Object) {
	for key, value := range merged {
		under, inBase := base[key]
		upper, inOver := over[key]
		underObject, _ := under.(rules.Object)
		upperObject, isObject := upper.(rules.Object)
		switch {
		case !inBase && !inOver:
			t.Fatalf("key %q came from nowhere", key)
		case !inOver:
			expect(t, "a key of base alone stays", value, under)
		case isObject:
			checkMerged(t, underObject, upperObject, value.(rules.Object))
		default:
			expect(t, "a value of over wins", value, upper)
		}
	}
	for _, from := range []rules.Object{base, over} {
		for key := range from {
			if _, there := merged[key]; !there {
				t.Fatalf("key %q got lost", key)
			}
		}
	}
}

func TestMergedObjectsHoldWhatTheyAreMergedFrom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base, over := anyObject(3).Draw(t, "base"), anyObject(3).Draw(t, "over")
		baseText, overText := rules.FormatText(base), rules.FormatText(over)
		merged := rules.Merge(base, over)
		checkMerged(t, base, over, merged)
		expect(t, "merging again changes nothing", rules.Merge(merged, over), merged)
		expect(t, "base is unchanged", rules.FormatText(base), baseText)
		expect(t, "over is unchanged", rules.FormatText(over), overText)
	})
}

// Where a key holds objects in some and other values in others, it matters
// which are merged first: a value wipes out the objects beneath it only.
func TestMergeIsAssociativeWhereKindsOfValuesAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := shapedObject(3).Draw(t, "a"), shapedObject(3).Draw(t, "b"), shapedObject(3).Draw(t, "c")
		expect(t, "associative", rules.Merge(rules.Merge(a, b), c), rules.Merge(a, rules.Merge(b, c)))
	})
}

func TestFlattenedConfigurationIsFlatAndStaysSo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		flat := rules.FlattenConfiguration(anyObject(4).Draw(t, "configuration"))
		for key, value := range flat {
			switch value.(type) {
			case rules.Object, []any:
				t.Fatalf("%q is %v", key, value)
			}
		}
		expect(t, "flattening again changes nothing", rules.FlattenConfiguration(flat), flat)
	})
}

// CheckObject has to agree with encoding/json on all that both can judge.
func TestCheckObjectNeverPanicsNorAcceptsWhatIsNoObject(t *testing.T) {
	pieces := rapid.SampledFrom([]string{`{`, `}`, `[`, `]`, `"a"`, `:`, `,`, `1`, `null`, ` `, `"`, `\`, "\xff", "\x00", `{"a":1}`})
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(pieces, 0, 12).Draw(t, "pieces"), "")
		if rules.CheckObject(text) != nil {
			return
		}
		var parsed rules.Object
		if err := json.Unmarshal([]byte(text), &parsed); err != nil || parsed == nil {
			t.Fatalf("%q is accepted, but is %v, %v", text, parsed, err)
		}
	})
}

func TestCheckObjectAcceptsEveryObject(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rules.FormatText(anyObject(4).Draw(t, "object"))
		if err := rules.CheckObject(text); err != nil {
			t.Fatalf("%s %v", text, err)
		}
	})
}

// Whatever the numbers, what is shown is JSON with figures that can be.
func TestUsageNeverOverflows(t *testing.T) {
	number := rapid.Map(rapid.Int64(), func(n int64) any { return json.Number(strconv.FormatInt(n, 10)) })
	cpu := rapid.Map(rapid.SampledFrom([]string{"1", "0.5", "1e308", "1e999"}), func(s string) any { return json.Number(s) })
	rapid.Check(t, func(t *rapid.T) {
		spec := rules.Object{}
		set := func(from *rapid.Generator[any], path ...string) {
			if rapid.Bool().Draw(t, "set "+strings.Join(path, ".")) {
				rules.SetField(spec, from.Draw(t, "value"), path...)
			}
		}
		set(rapid.Map(rapid.Int32Min(1), func(n int32) any { return json.Number(strconv.Itoa(int(n))) }), "taskManager", "replicas")
		set(rapid.Map(rapid.Int32Min(1), func(n int32) any { return json.Number(strconv.Itoa(int(n))) }), "job", "parallelism")
		set(number, "flinkConfiguration", "taskmanager.numberOfTaskSlots")
		set(number, "taskManager", "resource", "memory")
		set(cpu, "taskManager", "resource", "cpu")
		usage := rules.AddUsage(rules.Usage(spec), rules.Usage(spec))
		for _, p := range []*cmfv1.ProcessUsage{usage.GetJobManager(), usage.GetTaskManager()} {
			if p.GetCpu() < 0 || p.GetMemory() < 0 || p.GetCount() < 1 {
				t.Fatalf("%s uses %v", rules.FormatText(spec), p)
			}
		}
		if err := rules.CheckObject(rules.FormatUsage(usage)); err != nil {
			t.Fatalf("the usage of %s %v", rules.FormatText(spec), err)
		}
	})
}
