package flink_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/openweir/weir/flink"
	"github.com/openweir/weir/openjson"
)

func TestFlattenConfiguration(t *testing.T) {
	for name, test := range map[string]struct{ nested, want string }{
		"flat already":                       {`{"a.b":1,"c":"x"}`, `{"a.b":1,"c":"x"}`},
		"nested":                             {`{"a":{"b":{"c":1},"d":true}}`, `{"a.b.c":1,"a.d":true}`},
		"dotted keys in nested ones":         {`{"a":{"b.c":{"d":1}}}`, `{"a.b.c.d":1}`},
		"both forms of a key: dotted wins":   {`{"a.b":2,"a":{"b":1}}`, `{"a.b":2}`},
		"the more is dotted, the more wins":  {`{"a":{"b":{"c":1},"b.c":2}}`, `{"a.b.c":2}`},
		"a key that is a value and a prefix": {`{"ha":"zookeeper","ha.dir":"s3://x"}`, `{"ha":"zookeeper","ha.dir":"s3://x"}`},
		"lists are joined":                   {`{"a":["x","y z"],"b":[1,true]}`, `{"a":"x;y z","b":"1;true"}`},
		"odd elements of lists":              {`{"a":[null,{"b":[1]},"<"]}`, `{"a":"null;{\"b\":[1]};<"}`},
		"an empty list":                      {`{"a":[]}`, `{"a":""}`},
		"null stays":                         {`{"a":{"b":null}}`, `{"a.b":null}`},
		"an empty object sets nothing":       {`{"a":{}}`, `{}`},
		"numbers keep their digits":          {`{"a":{"b":1.10}}`, `{"a.b":1.10}`},
	} {
		t.Run(name, func(t *testing.T) {
			nested := object(t, test.nested)
			same(t, openjson.Text(flink.FlattenConfiguration(nested)), test.want)
			same(t, nested, object(t, test.nested))
		})
	}
}

func TestConfigurationAsText(t *testing.T) {
	spec := object(t, `{"image":"i","flinkConfiguration":{"a":1.0,"b":{"c":true,"d":null},"e":["x",2],"f":"g"}}`)
	same(t, openjson.Text(flink.WithTextConfiguration(spec)), `{"flinkConfiguration":{"a":"1.0","b.c":"true","e":"x;2","f":"g"},"image":"i"}`)
	same(t, openjson.Text(flink.WithTextConfiguration(object(t, `{"flinkConfiguration":null}`))), `{"flinkConfiguration":null}`)
}

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

func TestFlattenedConfigurationIsFlatAndStaysSo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		flat := flink.FlattenConfiguration(anyObject(4).Draw(t, "configuration"))
		for key, value := range flat {
			switch value.(type) {
			case openjson.Object, []any:
				t.Fatalf("%q is %v", key, value)
			}
		}
		if again := flink.FlattenConfiguration(flat); !reflect.DeepEqual(again, flat) {
			t.Fatalf("flattened again it is %v, not %v", again, flat)
		}
	})
}
