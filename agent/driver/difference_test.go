package driver

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kjson "k8s.io/apimachinery/pkg/util/json"
	"pgregory.net/rapid"
)

func parse(t *testing.T, text string) map[string]any {
	t.Helper()
	var v map[string]any
	if err := kjson.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestDifferences(t *testing.T) {
	tests := map[string]struct {
		want, is string
		exact    bool
		found    []string
	}{
		"equal":                          {`{"a":{"b":[1,"x",true,null]}}`, `{"a":{"b":[1,"x",true,null]}}`, true, nil},
		"a value":                        {`{"a":{"b":1}}`, `{"a":{"b":2}}`, true, []string{"a.b"}},
		"a value that is missing":        {`{"a":{"b":1}}`, `{"a":{}}`, true, []string{"a.b"}},
		"an addition counts":             {`{"a":1}`, `{"a":1,"b":2}`, true, []string{"b"}},
		"an addition may be a default":   {`{"a":1}`, `{"a":1,"b":2}`, false, nil},
		"a default in a list":            {`{"a":[{"port":1}]}`, `{"a":[{"port":1,"protocol":"TCP"}]}`, false, nil},
		"an item more is no default":     {`{"a":[1]}`, `{"a":[1,2]}`, false, []string{"a"}},
		"an item":                        {`{"a":[1,2]}`, `{"a":[1,3]}`, true, []string{"a[1]"}},
		"1.0 is 1":                       {`{"cpu":1.0,"n":2}`, `{"cpu":1,"n":2.0}`, true, nil},
		"1 is not the text":              {`{"n":1}`, `{"n":"1"}`, true, []string{"n"}},
		"null asks for nothing":          {`{"a":null,"b":1}`, `{"b":1}`, true, nil},
		"null is not a value":            {`{"a":null}`, `{"a":1}`, true, []string{"a"}},
		"a map is not a list":            {`{"a":{}}`, `{"a":[]}`, true, []string{"a"}},
		"a list is not a value":          {`{"a":1}`, `{"a":[1]}`, true, []string{"a"}},
		"a value is not a map":           {`{"a":{"b":1}}`, `{"a":1}`, true, []string{"a"}},
		"keys with dots keep their name": {`{"c":{"x.y":"1"}}`, `{"c":{"x.y":"2"}}`, true, []string{`c["x.y"]`}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var found []string
			for _, d := range differences(parse(t, test.want), parse(t, test.is), test.exact) {
				found = append(found, pathString(d.path))
			}
			if diff := cmp.Diff(test.found, found); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// value draws JSON without nulls, which no API server keeps.
func value(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		kind := rapid.IntRange(0, 4).Draw(t, "kind")
		if depth == 0 {
			kind %= 3
		}
		switch kind {
		case 0:
			return rapid.Int64Range(0, 3).Draw(t, "number")
		case 1:
			return rapid.SampledFrom([]string{"x", "y"}).Draw(t, "text")
		case 2:
			return rapid.Bool().Draw(t, "bool")
		case 3:
			return rapid.SliceOfN(value(depth-1), 0, 2).Draw(t, "list")
		}
		return rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "c.d"}), value(depth-1), 0, 3).Draw(t, "map")
	})
}

func content() *rapid.Generator[map[string]any] {
	return rapid.MapOfN(rapid.SampledFrom([]string{"spec", "data", "type"}), value(3), 0, 3)
}

func TestAMergePatchTurnsOneIntoTheOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from, to := content().Draw(t, "from"), content().Draw(t, "to")
		patch := mergePatch(from, to)
		if got := mergeJSON(from, patch); canonical(got) != canonical(to) {
			t.Fatalf("%s patched with %s is %s; want %s", canonical(from), canonical(patch), canonical(got), canonical(to))
		}
		if equal := canonical(from) == canonical(to); equal != (len(patch) == 0) {
			t.Fatalf("the patch from %s to %s is %s", canonical(from), canonical(to), canonical(patch))
		}
		if exact := differences(to, from, true); (len(exact) == 0) != (len(patch) == 0) {
			t.Fatalf("%d differences, and the patch %s", len(exact), canonical(patch))
		}
	})
}

func TestAMergePatchKeepsAllDigitsOfAnInteger(t *testing.T) {
	from, to := parse(t, `{"n":9007199254740992}`), parse(t, `{"n":9007199254740993}`)
	if got := canonical(mergePatch(from, to)); got != `{"n":9007199254740993}` {
		t.Errorf("the patch is %s", got)
	}
}

// mergeJSON applies a patch according to RFC 7396.
func mergeJSON(target any, patch map[string]any) map[string]any {
	result := make(map[string]any)
	if old, ok := target.(map[string]any); ok {
		for k, v := range old {
			result[k] = v
		}
	}
	for k, v := range patch {
		switch v := v.(type) {
		case nil:
			delete(result, k)
		case map[string]any:
			result[k] = mergeJSON(result[k], v)
		default:
			result[k] = v
		}
	}
	return result
}

func TestForeignPaths(t *testing.T) {
	const wanted = `{"apiVersion":"v1","kind":"X","metadata":{},"spec":{"job":{"parallelism":2},"list":[{"name":"a"}],"empty":{}}}`
	tests := map[string]struct {
		entries string
		is      string
		found   []string
	}{
		"only the agent has written": {
			`[{"manager":"weir-agent","operation":"Apply","fieldsV1":{"f:spec":{"f:job":{"f:parallelism":{}}}}}]`,
			`{"job":{"parallelism":2},"default":1}`, nil,
		},
		"a default is nobody's": {`[]`, `{"job":{"parallelism":2},"default":1}`, nil},
		"somebody has added a field": {
			`[{"manager":"kubectl","operation":"Update","fieldsV1":{"f:spec":{"f:mode":{}}}}]`,
			`{"job":{"parallelism":2},"mode":"x"}`, []string{"spec.mode"},
		},
		"somebody has added a tree": {
			`[{"manager":"kubectl","operation":"Update","fieldsV1":{"f:spec":{"f:taskManager":{".":{},"f:replicas":{},"f:deep":{".":{},"f:er":{}}}}}}]`,
			`{"taskManager":{"replicas":1,"deep":{"er":1}}}`, []string{"spec.taskManager"},
		},
		"somebody has added below what the manifest has": {
			`[{"manager":"kubectl","operation":"Update","fieldsV1":{"f:spec":{"f:job":{"f:args":{}}}}}]`,
			`{"job":{"parallelism":2,"args":["x"]}}`, []string{"spec.job.args"},
		},
		"somebody owns what the manifest has too": {
			`[{"manager":"kubectl","operation":"Update","fieldsV1":{"f:spec":{"f:job":{"f:parallelism":{}}}}}]`,
			`{"job":{"parallelism":2}}`, nil,
		},
		"somebody scales": {
			`[{"manager":"hpa","operation":"Update","subresource":"scale","fieldsV1":{"f:spec":{"f:replicas":{}}}}]`,
			`{"replicas":3}`, []string{"spec.replicas"},
		},
		"the operator writes the status": {
			`[{"manager":"operator","operation":"Update","subresource":"status","fieldsV1":{"f:status":{"f:state":{}}}}]`,
			`{"job":{"parallelism":2}}`, nil,
		},
		"the operator writes its finalizer": {
			`[{"manager":"operator","operation":"Update","fieldsV1":{"f:metadata":{"f:finalizers":{".":{},"v:\"x\"":{}}}}}]`,
			`{"job":{"parallelism":2}}`, nil,
		},
		"what is owned need not be there any more": {
			`[{"manager":"kubectl","operation":"Update","fieldsV1":{"f:spec":{"f:mode":{}}}}]`, `{}`, nil,
		},
		"items of a list that the manifest has": {
			`[{"manager":"kubectl","operation":"Update","fieldsV1":{"f:spec":{"f:list":{"k:{\"name\":\"b\"}":{".":{},"f:name":{}}}}}}]`,
			`{"list":[{"name":"a"},{"name":"b"}]}`, nil,
		},
		"fields that cannot be read": {
			`[{"manager":"kubectl","operation":"Update","fieldsV1":{"f:spec":7}},{"manager":"x","operation":"Update"}]`, `{}`, nil,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			live := &unstructured.Unstructured{Object: parse(t, wanted)}
			live.Object["spec"] = parse(t, test.is)
			var entries []any
			if err := json.Unmarshal([]byte(test.entries), &entries); err != nil {
				t.Fatal(err)
			}
			live.Object["metadata"] = map[string]any{"managedFields": entries}
			var found []string
			for _, path := range foreignPaths(&unstructured.Unstructured{Object: parse(t, wanted)}, live) {
				found = append(found, pathString(path))
			}
			if diff := cmp.Diff(test.found, found); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestWithoutLeavesTheOriginalAlone(t *testing.T) {
	original := parse(t, `{"spec":{"a":{"b":1,"c":2},"d":3},"type":"x"}`)
	before := canonical(original)
	got := canonical(without(original, [][]string{{"spec", "a", "b"}, {"spec", "d"}, {"absent", "x"}}))
	if want := `{"spec":{"a":{"c":2}},"type":"x"}`; got != want {
		t.Errorf("what is left is %s; want %s", got, want)
	}
	if canonical(original) != before {
		t.Errorf("the original became %s", canonical(original))
	}
}

func TestQuoteHidesSecretsAndShortens(t *testing.T) {
	tests := map[string]struct {
		path  []string
		value any
		want  string
	}{
		"a value":                {[]string{"spec", "image"}, "flink:2.2", `"flink:2.2"`},
		"a password":             {[]string{"spec", "flinkConfiguration", "security.ssl.key-password"}, "x", "(hidden)"},
		"an access key":          {[]string{"spec", "flinkConfiguration", "s3.access-key"}, "x", "(hidden)"},
		"a secret within a tree": {[]string{"spec", "flinkConfiguration"}, map[string]any{"s3.secret-key": "x"}, "(hidden)"},
		"a long value":           {[]string{"spec", "x"}, strings.Repeat("ü", 200), `"` + strings.Repeat("ü", valueLimit-1) + "…"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := quote(test.path, test.value); got != test.want {
				t.Errorf("it is written %s; want %s", got, test.want)
			}
		})
	}
}
