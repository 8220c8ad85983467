package openjson_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

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

// shapedObject has objects under upper case keys and none under lower case ones.
func shapedObject(depth int) *rapid.Generator[openjson.Object] {
	return rapid.Custom(func(t *rapid.T) openjson.Object {
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
func checkMerged(t *rapid.T, base, over, merged openjson.Object) {
	for key, value := range merged {
		under, inBase := base[key]
		upper, inOver := over[key]
		underObject, _ := under.(openjson.Object)
		upperObject, isObject := upper.(openjson.Object)
		switch {
		case !inBase && !inOver:
			t.Fatalf("key %q came from nowhere", key)
		case !inOver:
			expect(t, "a key of base alone stays", value, under)
		case isObject:
			checkMerged(t, underObject, upperObject, value.(openjson.Object))
		default:
			expect(t, "a value of over wins", value, upper)
		}
	}
	for _, from := range []openjson.Object{base, over} {
		for key := range from {
			if _, there := merged[key]; !there {
				t.Fatalf("key %q got lost", key)
			}
		}
	}
}

func TestMergedObjectsContainTheirInputs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base, over := anyObject(3).Draw(t, "base"), anyObject(3).Draw(t, "over")
		baseText, overText := openjson.Text(base), openjson.Text(over)
		merged := openjson.Merge(base, over)
		checkMerged(t, base, over, merged)
		expect(t, "merging again changes nothing", openjson.Merge(merged, over), merged)
		expect(t, "base is unchanged", openjson.Text(base), baseText)
		expect(t, "over is unchanged", openjson.Text(over), overText)
	})
}

// Where a key holds objects in some and other values in others, it matters
// which are merged first: a value wipes out the objects beneath it only.
func TestMergeIsAssociativeIfTypesAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := shapedObject(3).Draw(t, "a"), shapedObject(3).Draw(t, "b"), shapedObject(3).Draw(t, "c")
		expect(t, "associative", openjson.Merge(openjson.Merge(a, b), c), openjson.Merge(a, openjson.Merge(b, c)))
	})
}

// Check has to agree with encoding/json on all that both can judge.
func TestCheckNeverPanicsAndAcceptsOnlyObjects(t *testing.T) {
	pieces := rapid.SampledFrom([]string{`{`, `}`, `[`, `]`, `"a"`, `:`, `,`, `1`, `null`, ` `, `"`, `\`, "\xff", "\x00", `{"a":1}`})
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(pieces, 0, 12).Draw(t, "pieces"), "")
		if openjson.Check(text) != nil {
			return
		}
		var parsed openjson.Object
		if err := json.Unmarshal([]byte(text), &parsed); err != nil || parsed == nil {
			t.Fatalf("%q is accepted, but is %v, %v", text, parsed, err)
		}
	})
}

func TestCheckAcceptsEveryObject(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := openjson.Text(anyObject(4).Draw(t, "object"))
		if err := openjson.Check(text); err != nil {
			t.Fatalf("%s %v", text, err)
		}
	})
}
