package yamljson_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/openweir/weir/gateway/yamljson"
)

func toJSON(text string) (string, error) {
	out, err := yamljson.AppendJSON(nil, []byte(text), yamljson.DefaultLimits)
	return string(out), err
}

// TestScalars: the third column is true where Kubernetes reads the same value,
// which the test asks it.
func TestScalars(t *testing.T) {
	for _, tc := range []struct {
		yaml, json string
		likeKube   bool
	}{
		{`x`, `"x"`, true}, {`"x"`, `"x"`, true}, {`'x'`, `"x"`, true}, {`"1"`, `"1"`, true}, {`""`, `""`, true},
		{``, `null`, true}, {`~`, `null`, true}, {`null`, `null`, true}, {`Null`, `null`, true}, {`NULL`, `null`, true}, {`nULL`, `"nULL"`, true},
		{`true`, `true`, true}, {`True`, `true`, true}, {`yes`, `true`, true}, {`Yes`, `true`, true}, {`YES`, `true`, true}, {`on`, `true`, true}, {`y`, `true`, true}, {`Y`, `true`, true},
		{`false`, `false`, true}, {`no`, `false`, true}, {`off`, `false`, true}, {`OFF`, `false`, true}, {`n`, `false`, true}, {`tRUE`, `"tRUE"`, true},
		{`"yes"`, `"yes"`, true}, {`!!str yes`, `"yes"`, true}, {`!!str 1`, `"1"`, true}, {`!!int 1`, `1`, true}, {`!!bool yes`, `true`, true}, {`!!null ~`, `null`, true}, {`!!float 1`, `1`, true},
		{`0`, `0`, true}, {`-0`, `-0`, true}, {`+1`, `1`, true}, {`-12`, `-12`, true}, {`1_000`, `1000`, true},
		{`0644`, `420`, true}, {`0o17`, `15`, true}, {`0x1F`, `31`, true}, {`-0x1f`, `-31`, true}, {`0b101`, `5`, true}, {`08`, `8`, true}, {`0089.5`, `89.5`, true},
		{`9223372036854775807`, `9223372036854775807`, true}, {`18446744073709551615`, `18446744073709551615`, true},
		{`123456789012345678901234567890`, `123456789012345678901234567890`, false}, // Kubernetes has a float
		{`9007199254740993.0`, `9007199254740993.0`, false},
		{`1.0`, `1.0`, true}, {`1.50`, `1.50`, true}, {`.5`, `0.5`, true}, {`5.`, `5`, true}, {`-.5`, `-0.5`, true}, {`1e3`, `1e3`, true}, {`1E+3`, `1E+3`, true}, {`1.5e-3`, `1.5e-3`, true},
		{`1e999`, `"1e999"`, true}, {`1e`, `"1e"`, true}, {`1.2.3`, `"1.2.3"`, true}, {`--1`, `"--1"`, true}, {`+`, `"+"`, true}, {`.`, `"."`, true}, {`_1`, `"_1"`, true},
		{`2001-12-14`, `"2001-12-14"`, true}, {`2001-12-14T21:59:43Z`, `"2001-12-14T21:59:43Z"`, true}, {`12:30`, `"12:30"`, true}, {`1:2:3`, `"1:2:3"`, true},
		{`=`, `"="`, true}, {`0x`, `"0x"`, true}, {`0xG`, `"0xG"`, true}, {`1 2`, `"1 2"`, true}, {`é`, `"é"`, true}, {`"\u00e9\n"`, `"é\n"`, true},
		{"|\n  a\n  b\n", `"a\nb\n"`, true}, {">\n  a\n  b\n", `"a b\n"`, true}, {"|-\n  yes", `"yes"`, true},
	} {
		t.Run(tc.yaml, func(t *testing.T) {
			document := "k: " + tc.yaml
			got, err := toJSON(document)
			if want := `{"k":` + tc.json + `}`; err != nil || got != want {
				t.Errorf("got %s, %v; want %s", got, err, want)
			}
			if !tc.likeKube {
				return
			}
			kube, err := yaml.YAMLToJSON([]byte(document))
			if err != nil {
				t.Fatal(err)
			}
			var ours, theirs any
			if err := errors.Join(json.Unmarshal([]byte(got), &ours), json.Unmarshal(kube, &theirs)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(theirs, ours); diff != "" {
				t.Errorf("Kubernetes reads %s, this %s", kube, got)
			}
		})
	}
}

func TestDocuments(t *testing.T) {
	for _, tc := range []struct{ name, yaml, json string }{
		{"nothing", "", `null`},
		{"comments", "# a\n# b\n", `null`},
		{"the order of keys", "b: 1\na: 2\n", `{"b":1,"a":2}`},
		{"nested", "a:\n  - b: 1\n    c: [x, {d: null}]\n  -\n", `{"a":[{"b":1,"c":["x",{"d":null}]},null]}`},
		{"empty collections", "a: []\nb: {}\n", `{"a":[],"b":{}}`},
		{"JSON", `{"a": [1, 2.0, "x", null, true], "b": {"c": "\u00e9"}}`, `{"a":[1,2.0,"x",null,true],"b":{"c":"é"}}`},
		{"keys that are not strings", "1: a\ntrue: b\n2.50: c\n0x10: d\n\"3\": e\n", `{"1":"a","true":"b","2.50":"c","16":"d","3":"e"}`},
		{"keys as Kubernetes has them", "on: push\nNo: 1\n", `{"true":"push","false":1}`},
		{"aliases", "a: &x [1, &y z]\nb: *x\nc: *y\n", `{"a":[1,"z"],"b":[1,"z"],"c":"z"}`},
		{"an alias as key", "a: &x k\n*x : 1\n", `{"a":"k","k":1}`},
		{"merge", "a: &x {p: 1, q: 2}\nb:\n  <<: *x\n  p: 3\n", `{"a":{"p":1,"q":2},"b":{"p":3,"q":2}}`},
		{"a merge of several takes the first", "a: &x {p: 1}\nb: &y {p: 2, q: 2}\nc: {<<: [*x, *y]}\n", `{"a":{"p":1},"b":{"p":2,"q":2},"c":{"p":1,"q":2}}`},
		{"merge of a merge", "a: &x {p: 1}\nb: &y {<<: *x, q: 2}\nc: {<<: *y}\n", `{"a":{"p":1},"b":{"q":2,"p":1},"c":{"q":2,"p":1}}`},
		{"a quoted merge key is an ordinary key", "\"<<\": 1\n", `{"<<":1}`},
		{"markers around", "%YAML 1.1\n---\na: 1\n...\n", `{"a":1}`},
		{"empty documents around", "---\n---\na: 1\n---\n# end\n", `{"a":1}`},
		{"carriage returns", "a: 1\r\nb: 2\r\n", `{"a":1,"b":2}`},
		{"a scalar", "x", `"x"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, err := toJSON(tc.yaml); err != nil || got != tc.json {
				t.Errorf("got  %s, %v\nwant %s", got, err, tc.json)
			}
		})
	}
}

func TestRejectedDocuments(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	bomb := "a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\n"
	for c := 'c'; c < 'l'; c++ {
		bomb += strings.ReplaceAll(string(c)+": &"+string(c)+" [*P,*P,*P,*P,*P,*P,*P,*P]\n", "P", string(c-1))
	}
	for _, tc := range []struct{ name, yaml, want string }{
		{"a duplicate key", "a: 1\nb: 2\na: 3\n", `line 3: the key "a" is duplicated`},
		{"a duplicate key in two spellings", "1: a\n\"1\": b\n", `line 2: the key "1" is duplicated`},
		{"a nested duplicate key", "a: {b: [{c: 1, c: 2}]}", `line 1: the key "c" is duplicated`},
		{"a duplicate key of two types", "on: a\nyes: b\n", `line 2: the key "true" is duplicated`},
		{"a null key", "~: 1", "line 1: a key must not be null"},
		{"a key that is a list", "[a]: 1", "line 1: a key must be a string"},
		{"two documents", "a: 1\n---\nb: 2\n", "line 3: there must be one document only"},
		{"infinity", "a: .inf", "line 1: JSON has no number .inf"},
		{"negative infinity", "a: -.Inf", "line 1: JSON has no number -.Inf"},
		{"not a number", "a: .nan", "line 1: JSON has no number .nan"},
		{"tags of one's own", "a: !secret x", `line 1: the tag "!secret" is not supported`},
		{"binary", "a: !!binary aGk=", `line 1: the tag "!!binary" is not supported`},
		{"tagged collections", "a: !!set {b: null}", `line 1: the tag "!!set" is not supported`},
		{"tags that lie", "a: !!int x", `line 1: "x" does not fit its tag "!!int"`},
		{"not UTF-8", "a: \xff", "it is not UTF-8"},
		{"UTF-16", "\xff\xfea\x00", "it is not UTF-8"},
		{"tabs", "a:\n\tb: 1", "line 2: found character that cannot start any token"},
		{"an unknown alias", "a: *x", "unknown anchor 'x' referenced"},
		{"too deep", nested(65), "line 1: it is nested more than 64 levels deep"},
		{"too deep through aliases", "a: &a " + nested(40) + "\nb: " + strings.Repeat("[", 30) + "*a" + strings.Repeat("]", 30), "line 1: it is nested more than 64 levels deep"},
		{"a value within itself", "a: &a [*a]", "line 1: it is nested more than 64 levels deep"},
		{"a merge within itself", "a: &a {<<: *a}", "line 1: its merge keys are nested too deeply"},
		{"a merge of a scalar", "<<: 1", "line 1: a merge key takes mappings only"},
		{"a merge of scalars", "<<: [1]", "line 1: a merge key takes mappings only"},
		{"a bomb of aliases", bomb, "its aliases expand to too much"},
		{"a bomb of long scalars", "a: &a " + strings.Repeat("x", 100_000) + "\nb: [" + strings.Repeat("*a,", 1000) + "]", "its aliases expand to too much"},
		{"too many values", "[" + strings.Repeat("1,", 300_000) + "]", "it has too many values; send it as JSON"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := toJSON(tc.yaml)
			var invalid *yamljson.Error
			if !errors.As(err, &invalid) {
				t.Fatalf("error %v; got %.100s", err, got)
			}
			if message := err.Error(); !strings.HasPrefix(message, "The body is not valid YAML: ") || !strings.Contains(message, tc.want) {
				t.Errorf("message %q, want %q", message, tc.want)
			}
		})
	}
	if got, err := toJSON(nested(64)); err != nil || got != nested(64) {
		t.Errorf("64 levels: %s, %v", got, err)
	}
}
