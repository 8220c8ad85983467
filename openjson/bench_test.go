package openjson_test

import (
	"os"
	"strings"
	"testing"

	"github.com/openweir/weir/openjson"
)

// BenchmarkOpenJSON measures a specification and the operator's status of it,
// which holds the specification twice more, beside encoding/json.
func BenchmarkOpenJSON(b *testing.B) {
	for _, name := range []string{"spec", "status"} {
		content, err := os.ReadFile("testdata/" + name + ".json")
		if err != nil {
			b.Fatal(err)
		}
		text := strings.TrimSpace(string(content))
		o := parse(b, text)
		for what, run := range map[string]func(){
			"parse":                func() { _, _ = openjson.ParseText(text) },
			"parse, encoding/json": func() { _, _ = standardParse(text) },
			"check":                func() { _ = openjson.Check(text) },
			"text":                 func() { _ = openjson.Text(o) },
			"text, encoding/json":  func() { _ = standardText(o) },
			"hash":                 func() { _ = openjson.Hash(o) },
		} {
			b.Run(name+"/"+what, func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					run()
				}
			})
		}
	}
}
