package fields

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestSelectPaths(t *testing.T) {
	tests := []struct {
		name, object, paths string
		want                string // empty: nothing is there
	}{
		{"one key", `{"a":1,"b":2}`, "a", `{"a":1}`},
		{"order of the object, not of the paths", `{"b":2,"c":3,"a":1}`, "a,b", `{"b":2,"a":1}`},
		{"nested", `{"a":{"b":{"c":1,"d":2}},"e":3}`, "a.b.d", `{"a":{"b":{"d":2}}}`},
		{"null is a value", `{"a":null}`, "a", `{"a":null}`},
		{"an empty object is a value", `{"a":{}}`, "a", `{"a":{}}`},
		{"key with dots", `{"a":{"b.c":1,"b.d":2}}`, "a.b.c", `{"a":{"b.c":1}}`},
		{"keys with dots on the way", `{"a.b":{"c.d":{"e":1}}}`, "a.b.c.d.e", `{"a.b":{"c.d":{"e":1}}}`},
		{"all ways that spell the path", `{"a":{"b.c":1,"b":{"c":2,"x":3}},"a.b":{"c":4},"a.b.c":5}`, "a.b.c",
			`{"a":{"b.c":1,"b":{"c":2}},"a.b":{"c":4},"a.b.c":5}`},
		{"a key that only begins alike", `{"ab":1,"a":{"b":2}}`, "a.b", `{"a":{"b":2}}`},
		{"nothing", `{"a":1}`, "b", ""},
		{"below a scalar", `{"a":1}`, "a.b", ""},
		{"below null", `{"a":null}`, "a.b", ""},
		{"empty object", `{}`, "a", ""},
		{"empty parents are omitted", `{"a":{"b":{"x":1}},"c":1}`, "a.b.y,c", `{"c":1}`},
		{"through an array", `{"a":[{"b":1,"c":2},{"b":3}]}`, "a.b", `{"a":[{"b":1},{"b":3}]}`},
		{"elements without it stay", `{"a":[{"c":2},{"b":3}]}`, "a.b", `{"a":[{},{"b":3}]}`},
		{"an array without a selected field", `{"a":[{"c":2}],"d":1}`, "a.b,d", `{"d":1}`},
		{"scalars in an array have no fields", `{"a":[1,"b",{"b":2},null]}`, "a.b", `{"a":[{"b":2}]}`},
		{"arrays in arrays", `{"a":[[{"b":1,"c":2}],[]]}`, "a.b", `{"a":[[{"b":1}],[]]}`},
		{"a whole array", `{"a":[1,{"b":2}]}`, "a", `{"a":[1,{"b":2}]}`},
		{"digits stay", `{"a":1.50,"b":12345678901234567890123,"c":1e2}`, "a,b,c", `{"a":1.50,"b":12345678901234567890123,"c":1e2}`},
		{"escapes stay", `{"\u0061":"\u00e9\ud800","b":"<>"}`, "a,b", `{"\u0061":"\u00e9\ud800","b":"<>"}`},
		{"the same key twice", `{"a":1,"a":{"b":2}}`, "a.b", `{"a":{"b":2}}`},
		{"no object", `[{"a":1}]`, "a", ""},
		{"no JSON", `{"a":1,`, "a", ""},
		{"broken behind what was found", `{"a":1,"b":{"c":]}}`, "a", ""},
		{"no text", ``, "a", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, found := selectPaths(test.object, strings.Split(test.paths, ","))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s in %s (-want +got):\n%s", test.paths, test.object, diff)
			}
			if found != (test.want != "") {
				t.Errorf("found: %v", found)
			}
		})
	}
}

func TestDeepJSON(t *testing.T) {
	deep := `{"a":` + strings.Repeat("[", 5000) + `{"b":1,"c":2}` + strings.Repeat("]", 5000) + `}`
	want := strings.Replace(deep, `,"c":2`, "", 1)
	if got, _ := selectPaths(deep, []string{"a.b"}); got != want {
		t.Error("the value inside 5000 arrays was not selected")
	}
	tooDeep := `{"a":` + strings.Repeat("[", 200_000)
	if got, found := selectPaths(tooDeep, []string{"a.b"}); found {
		t.Errorf("found %d bytes in broken JSON", len(got))
	}
}

// values are JSON values with few keys, some of them with dots, so that paths
// often lead somewhere.
func values(depth int) *rapid.Generator[any] {
	scalar := rapid.SampledFrom([]any{nil, true, "x", json.Number("1.50")})
	if depth == 0 {
		return scalar
	}
	return rapid.OneOf(
		scalar,
		rapid.Map(rapid.SliceOfN(values(depth-1), 0, 3), func(v []any) any { return v }),
		rapid.Map(objects(depth), func(v map[string]any) any { return v }),
	)
}

func objects(depth int) *rapid.Generator[map[string]any] {
	key := rapid.SampledFrom([]string{"a", "b", "a.b", "c"})
	return rapid.MapOfN(key, rapid.Deferred(func() *rapid.Generator[any] { return values(depth - 1) }), 0, 4)
}

func TestProjectionProperties(t *testing.T) {
	path := rapid.StringMatching(`spec(\.[abc]){0,5}`)
	rapid.Check(t, func(t *rapid.T) {
		object := objects(4).Draw(t, "object")
		text, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		input := strings.Join(rapid.SliceOfN(path, 1, 4).Draw(t, "paths"), ",")
		message := &cmfv1.FlinkApplication{Kind: "FlinkApplication", Spec: open(string(text))}
		projection, violations := Parse(message.ProtoReflect().Descriptor(), input)
		if len(violations) > 0 {
			t.Fatalf("Parse(%q): %q", input, violations)
		}

		once := Apply(projection, message)
		if once.GetSpec() != nil && !isPart(decode(t, once.GetSpec().GetJson()), decode(t, string(text))) {
			t.Fatalf("fields=%s of %s has more than that: %s", input, text, once.GetSpec().GetJson())
		}
		twice := Apply(projection, once)
		if once.GetSpec().GetJson() != twice.GetSpec().GetJson() {
			t.Fatalf("fields=%s gives %s, and of that %s", input, once.GetSpec().GetJson(), twice.GetSpec().GetJson())
		}
	})
}

func decode(t *rapid.T, text string) any {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return value
}

// isPart tells whether the part can be made of the whole by leaving out members
// of objects and elements of arrays.
func isPart(part, whole any) bool {
	switch part := part.(type) {
	case map[string]any:
		object, ok := whole.(map[string]any)
		for key, value := range part {
			other, there := object[key]
			ok = ok && there && isPart(value, other)
		}
		return ok
	case []any:
		rest, ok := whole.([]any)
		for _, element := range part {
			at := slices.IndexFunc(rest, func(other any) bool { return isPart(element, other) })
			if !ok || at < 0 {
				return false
			}
			rest = rest[at+1:]
		}
		return ok
	default:
		return part == whole
	}
}
