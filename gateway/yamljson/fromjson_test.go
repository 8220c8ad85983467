package yamljson_test

import (
	"testing"

	"github.com/openweir/weir/gateway/yamljson"
)

func TestAppendYAML(t *testing.T) {
	for _, tc := range []struct{ name, json, yaml string }{
		{"scalars", `{"a":"x","b":1,"c":1.50,"d":true,"e":null,"f":123456789012345678901234567890,"g":-1E5}`,
			"a: x\nb: 1\nc: 1.50\nd: true\ne: null\nf: 123456789012345678901234567890\ng: -1E5\n"},
		{"the order of keys", `{"b":{"z":1,"a":2},"a":1}`, "b:\n  z: 1\n  a: 2\na: 1\n"},
		{"lists", `{"a":[1,{"b":2,"c":[]},[]],"d":{}}`, "a:\n  - 1\n  - b: 2\n    c: []\n  - []\nd: {}\n"},
		{"strings that look like something else", `["1","true","yes","on","null","~","","1.5","0x1F","2001-12-14","12:30",".inf","<<","- a","a: b","# c"," d"]`,
			"- \"1\"\n- \"true\"\n- \"yes\"\n- \"on\"\n- \"null\"\n- \"~\"\n- \"\"\n- \"1.5\"\n- \"0x1F\"\n- \"2001-12-14\"\n- \"12:30\"\n- \".inf\"\n- \"<<\"\n- '- a'\n- 'a: b'\n- '# c'\n- ' d'\n"},
		{"keys too", `{"on":1,"1":2,"a b":3}`, "\"on\": 1\n\"1\": 2\na b: 3\n"},
		{"several lines", `{"a":"x\ny\n"}`, "a: |\n  x\n  y\n"},
		{"a bare value", `"x"`, "x\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := yamljson.AppendYAML([]byte("before\n"), []byte(tc.json))
			if want := "before\n" + tc.yaml; err != nil || string(got) != want {
				t.Errorf("got %v\n%s\nwant\n%s", err, got, want)
			}
		})
	}
	for _, bad := range []string{``, `{`, `{"a":1}{"b":2}`, `nope`, `{"a":1,"a":2}`} {
		if got, err := yamljson.AppendYAML(nil, []byte(bad)); err == nil {
			t.Errorf("%q was written as %q", bad, got)
		}
	}
}
