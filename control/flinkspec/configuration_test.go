package flinkspec_test

import (
	"testing"

	"github.com/openweir/weir/control/flinkspec"
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
			same(t, openjson.Text(flinkspec.FlattenConfiguration(nested)), test.want)
			same(t, nested, object(t, test.nested))
		})
	}
}

func TestConfigurationAsText(t *testing.T) {
	spec := object(t, `{"image":"i","flinkConfiguration":{"a":1.0,"b":{"c":true,"d":null},"e":["x",2],"f":"g"}}`)
	same(t, openjson.Text(flinkspec.WithTextConfiguration(spec)), `{"flinkConfiguration":{"a":"1.0","b.c":"true","e":"x;2","f":"g"},"image":"i"}`)
	same(t, openjson.Text(flinkspec.WithTextConfiguration(object(t, `{"flinkConfiguration":null}`))), `{"flinkConfiguration":null}`)
}
