package openjson_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/openweir/weir/openjson"
)

func TestAppendField(t *testing.T) {
	for name, test := range map[string]struct{ text, key, value, want string }{
		"to an empty object":        {`{}`, "k", "v", `{"k":"v"}`},
		"to an empty, spacious one": {" { \n } \t", "k", "v", ` { ` + "\n" + ` "k":"v"}`},
		"after other fields":        {`{"a":1}`, "k", "v", `{"a":1,"k":"v"}`},
		"after an object":           {`{"a":{}}`, "k", "v", `{"a":{},"k":"v"}`},
		"white space at the end":    {"{\"a\":1}\r\n", "k", "v", `{"a":1,"k":"v"}`},
		"what needs escaping":       {`{}`, `k"`, "\"\\\n\x00<é\u2028", `{"k\"":"\"\\\n\u0000<é\u2028"}`},
		"what is no UTF-8":          {`{}`, "k", "\xff", `{"k":"\ufffd"}`},
		"braces in strings":         {`{"a":"{}"}`, "k", "}", `{"a":"{}","k":"}"}`},
		"nothing":                   {`{"a":[]}`, "k", "", `{"a":[],"k":""}`},
	} {
		t.Run(name, func(t *testing.T) {
			got := openjson.AppendField(test.text, test.key, test.value)
			equal(t, got, test.want)
			if err := openjson.Check(got); err != nil {
				t.Errorf("the result %v", err)
			}
		})
	}
}

func TestAppendValue(t *testing.T) {
	equal(t, openjson.AppendValue(`{"a":1}`, "b", `{"c":[2]}`), `{"a":1,"b":{"c":[2]}}`)
}

// FuzzAppendField: one JSON object in, one out, with the field and what was
// there before.
func FuzzAppendField(f *testing.F) {
	f.Add(`{}`, "k", "v")
	f.Add("{ }\n", "", "}")
	f.Add(`{"a":{"b":"}"}} `, "a\"", "\x00\xff<>&")
	f.Add(`{"a":[1.0,9007199254740993]}`, "b", "é\u2028")
	f.Fuzz(func(t *testing.T, text, key, value string) {
		before, err := openjson.ParseText(text)
		if err != nil || openjson.Check(text) != nil {
			return
		}
		// Each byte that is no UTF-8 becomes the replacement character.
		key, value = string([]rune(key)), string([]rune(value))
		if _, there := before[key]; there {
			return
		}
		appended := openjson.AppendField(text, key, value)
		if err := openjson.Check(appended); err != nil {
			t.Fatalf("%q with %q: %q, makes %q, which %v", text, key, value, appended, err)
		}
		after := parse(t, appended)
		if got := openjson.String(after, key); got != value {
			t.Fatalf("%q with %q: %q, has %q", text, key, value, got)
		}
		delete(after, key)
		equal(t, after, before)
	})
}

func TestCheck(t *testing.T) {
	nested := func(levels int) string {
		return strings.Repeat(`{"a":`, levels-1) + `{}` + strings.Repeat(`}`, levels-1)
	}
	for name, test := range map[string]struct{ text, want string }{
		"an object":                    {`{"a":[{"b":null}],"c":1e999}`, ""},
		"white space around it":        {" \r\n\t{ } \r\n\t", ""},
		"the same key in two objects":  {`{"a":{"a":1},"b":{"a":1}}`, ""},
		"as deep as may be":            {nested(64), ""},
		"deeper":                       {nested(65), "must not be nested deeper than 64 levels"},
		"lists count too":              {`{"a":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, "must not be nested deeper than 64 levels"},
		"endlessly deep":               {strings.Repeat(`{"a":`, 1_000_000), "must not be nested deeper than 64 levels"},
		"nothing":                      {``, "must be a JSON object"},
		"a list":                       {`[]`, "must be a JSON object"},
		"null":                         {`null`, "must be a JSON object"},
		"no JSON":                      {`image: flink`, "must be a JSON object"},
		"cut off":                      {`{"a":`, "is not valid JSON: "},
		"a comma too many":             {`{"a":1,}`, "is not valid JSON: "},
		"a number that is none":        {`{"a":01}`, "is not valid JSON: "},
		"a second object":              {`{}{}`, "must be one JSON object and nothing more"},
		"something after it":           {`{} x`, "must be one JSON object and nothing more"},
		"a brace too many":             {`{}}`, "must be one JSON object and nothing more"},
		"a duplicate key":              {`{"a":1,"a":2}`, "must not have the same key twice: /a"},
		"a key twice, deep":            {`{"a":[{"b":1,"b":1}]}`, "must not have the same key twice: /a/0/b"},
		"a key twice, spelled in two":  {`{"a":1,"\u0061":2}`, "must not have the same key twice: /a"},
		"what is no UTF-8":             {"{\"a\":\"\xff\"}", "is not valid JSON: "},
		"half of a surrogate pair":     {`{"a":"\ud800"}`, "is not valid JSON: "},
		"a control character":          {"{\"a\":\"\x01\"}", "is not valid JSON: "},
		"a byte order mark":            {"\ufeff{}", "must be a JSON object"},
		"white space that JSON is not": {"{}\u00a0", "must be one JSON object and nothing more"},
	} {
		t.Run(name, func(t *testing.T) {
			err := openjson.Check(test.text)
			switch {
			case test.want == "" && err != nil:
				t.Errorf("it %v", err)
			case test.want != "" && (err == nil || !strings.HasPrefix(err.Error(), test.want)):
				t.Errorf("the error is %v, want %q", err, test.want)
			}
		})
	}
}

func TestParsedJSONKeepsItsText(t *testing.T) {
	for _, text := range []string{
		`{"a":9223372036854775807,"b":1.0,"c":1E+2,"d":123456789012345678901234567890}`,
		`{"a":"<&>é","b":null,"c":[],"d":{}}`,
	} {
		equal(t, openjson.Text(parse(t, text)), text)
	}
}

func TestAbsentJSONStaysAbsent(t *testing.T) {
	if parsed, err := openjson.Parse(nil); parsed != nil || err != nil {
		t.Errorf("it is %v, %v", parsed, err)
	}
	if formatted := openjson.Format(nil); formatted != nil {
		t.Errorf("it is %v", formatted)
	}
}

func TestFields(t *testing.T) {
	o := parse(t, `{"s":"text","n":7,"f":1.5,"big":99999999999999999999,"o":{"s":"deep","n":null},"l":[1]}`)
	equal(t, openjson.Field(o, "o", "s"), any("deep"))
	equal(t, openjson.Field(o, "n"), any(json.Number("7")))
	for _, path := range [][]string{{"x"}, {"x", "y"}, {"o", "n"}, {"o", "n", "m"}, {"s", "t"}, {"l", "0"}} {
		if got := openjson.Field(o, path...); got != nil {
			t.Errorf("%v is %v", path, got)
		}
	}
	equal(t, openjson.String(o, "o", "s"), "deep")
	equal(t, openjson.String(o, "n"), "")
	equal(t, openjson.Int64(o, "n"), int64(7))
	for _, key := range []string{"f", "big", "s", "x"} {
		if got := openjson.Int64(o, key); got != 0 {
			t.Errorf("%s as an integer is %d", key, got)
		}
	}
}

func TestSetCreatesParents(t *testing.T) {
	o := parse(t, `{"a":{"b":1},"n":null,"s":"text"}`)
	openjson.Set(o, "x", "a", "c", "d")
	openjson.Set(o, "y", "n", "m")
	openjson.Set(o, "z", "s", "t")
	equal(t, openjson.Text(o), `{"a":{"b":1,"c":{"d":"x"}},"n":{"m":"y"},"s":{"t":"z"}}`)
}
