package yamljson_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/openweir/weir/gateway/yamljson"
)

// FuzzAppendJSON: no text makes the reader panic, what it takes becomes JSON,
// and written as YAML that reads the same again.
func FuzzAppendJSON(f *testing.F) {
	for _, seed := range []string{
		"a: 1\nb: [x, 0644, .5, ~]\n", "a: &x {p: 1}\nb: {<<: *x}\n", "- |\n  a\n  b\n", "a: &a [*a]", "? [a]\n: b", "---\na\n---\n", "%YAML 1.1\n", "!!str 1",
		`{"a":"\u0000\ud83d\ude00","b":1E5}`, "a: 'it''s'", "a: \"\\x41\"", "# c\n", "on: yes\n", "a: 1e999", "<<: {a: 1}", "\"<<\": 1", "a: !<tag:yaml.org,2002:int> 1",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		first, err := yamljson.AppendJSON(nil, text, yamljson.DefaultLimits)
		if err != nil {
			var invalid *yamljson.Error
			if !errors.As(err, &invalid) {
				t.Fatalf("error of type %T", err)
			}
			return
		}
		if !json.Valid(first) {
			t.Fatalf("%q became %s", text, first)
		}
		yaml, err := yamljson.AppendYAML(nil, first)
		if err != nil {
			t.Fatalf("write %s: %v", first, err)
		}
		second, err := yamljson.AppendJSON(nil, yaml, yamljson.DefaultLimits)
		if err != nil || string(second) != string(first) {
			t.Fatalf("%s became\n%s\nand then %s, %v", first, yaml, second, err)
		}
	})
}
