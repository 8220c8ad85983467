package openjson_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/openweir/weir/openjson"
)

// standardParse is what encoding/json makes of a text, which ParseText has to
// agree with.
func standardParse(text string) (openjson.Object, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var out openjson.Object
	err := d.Decode(&out)
	return out, err
}

// standardText is what encoding/json writes for a value, which Encode has to
// agree with.
func standardText(value any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		panic(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// checkAgainstStandard holds all that is made of a text to what encoding/json
// makes of it. Check is stricter, and must not accept more.
func checkAgainstStandard(t interface {
	Helper()
	Fatalf(string, ...any)
}, text string,
) {
	t.Helper()
	if text == "" {
		return
	}
	got, err := openjson.ParseText(text)
	want, wantErr := standardParse(text)
	if (err == nil) != (wantErr == nil) || openjson.Check(text) == nil && wantErr != nil {
		t.Fatalf("%q: %v, want %v; check: %v", text, err, wantErr, openjson.Check(text))
	}
	if err != nil {
		return
	}
	if difference := cmp.Diff(want, got); difference != "" {
		t.Fatalf("%q; want -, got +:\n%s", text, difference)
	}
	if written, standard := openjson.Text(got), standardText(want); written != standard {
		t.Fatalf("%q is written as %q, want %q", text, written, standard)
	}
}

// texts are objects of every kind, among them such as read gives up on.
var texts = []string{
	` { "a" : [ 1 , -0.5e+7 , true , false , null , { } , [ ] ] } `,
	`{"a":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00","é😀":"\u2028"}`,
	`{"a":1,"b":{"c":1,"c":{"d":2}},"a":{"e":3}}`,
	`{"a":"\ud800"}`, `{"a":"\ud800\u0041"}`, `{"a":"\x"}`, `{"a":"\u12g4"}`, "{\"a\":\"\x01\"}", "{\"\xff\":\"\xc3\"}",
	`{"a":01}`, `{"a":-}`, `{"a":1.}`, `{"a":1e}`, `{"a":1e+}`, `{"a":.5}`, `{"a":+1}`, `{"a":0x1}`, `{"a":-0}`, `{"a":1E400}`,
	`{"a":t`, `{"a":tru}`, `{"a":nulll}`, `{"a":}`, `{"a"}`, `{a:1}`, `{,}`, `{"a":1,}`, `{"a":[1,]}`, `{"a":[,]}`, `{"a":1`, `{"a":"`, `{"a":"\`,
	`{} x`, `{}{}`, `{}}`, `null`, `null x`, `nullx`, `nul`, ` `, `[]`, `"a"`, `1`, "\ufeff{}", "{}\u00a0", "{\u00a0}",
	`{"a":` + strings.Repeat(`{"a":`, 100) + `1` + strings.Repeat(`}`, 101),
	`{"a":` + strings.Repeat(`[`, 20_000) + strings.Repeat(`]`, 20_000) + `}`,
}

func TestAgreesWithTheStandardLibrary(t *testing.T) {
	for _, text := range texts {
		checkAgainstStandard(t, text)
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range texts {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { checkAgainstStandard(t, text) })
}

func TestAnyObjectAgreesWithTheStandardLibrary(t *testing.T) {
	pieces := rapid.SampledFrom([]string{
		`{`, `}`, `[`, `]`, `"a"`, `"b":`, `:`, `,`, `1`, `-0.1e5`, `null`, `true`, ` `, `"`, `\`, `\u00`, `"\ud83d\ude00"`, "\xff", "\x00", "é", `{"a":1}`,
	})
	rapid.Check(t, func(t *rapid.T) {
		checkAgainstStandard(t, openjson.Text(anyObject(4).Draw(t, "object")))
		checkAgainstStandard(t, "{"+strings.Join(rapid.SliceOfN(pieces, 0, 12).Draw(t, "pieces"), "")+"}")
	})
}

// What is not JSON that was parsed, but can be written, is written as
// encoding/json does.
func TestAnyValueIsWrittenAsByTheStandardLibrary(t *testing.T) {
	for _, value := range []any{
		nil, openjson.Object(nil), openjson.Object{}, []any(nil), []any{}, 7, int64(-1), 1.5, "\xff", "\x7f\u2029<&>", json.Number(""),
		map[string]string{"b": "<", "a": "1"}, []string{"x"}, openjson.Object{"a": []any{[]string{"<"}, map[string]int{"b": 1}}},
	} {
		equal(t, openjson.Encode(value), standardText(value))
	}
	rapid.Check(t, func(t *rapid.T) {
		value := map[string]any{rapid.String().Draw(t, "key"): rapid.String().Draw(t, "value"), "bytes": string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))}
		expect(t, "written", openjson.Encode(value), standardText(value))
	})
}

// Readers and writers are used again: what an object holds must not change
// when others are parsed, and goroutines must not disturb each other.
func TestObjectsKeepTheirContent(t *testing.T) {
	first := parse(t, `{"a":"x\ny","b":[1,{"c":"d"}]}`)
	for range 8 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			for range 100 {
				equal(t, openjson.Text(parse(t, `{"z":"\u0041\n","b":[2,{"y":"x"}],"w":{}}`)), `{"b":[2,{"y":"x"}],"w":{},"z":"A\n"}`)
				_, _ = openjson.ParseText(`{"q":["r",{"s":`)
			}
			equal(t, openjson.Text(first), `{"a":"x\ny","b":[1,{"c":"d"}]}`)
		})
	}
}
