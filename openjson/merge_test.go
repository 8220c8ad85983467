package openjson_test

import (
	"testing"

	"github.com/openweir/weir/openjson"
)

func TestMerge(t *testing.T) {
	for name, test := range map[string]struct{ base, over, want string }{
		"nothing over something":           {`{"a":1}`, `{}`, `{"a":1}`},
		"something over nothing":           {`{}`, `{"a":{"b":1}}`, `{"a":{"b":1}}`},
		"keys of both stay":                {`{"a":1}`, `{"b":2}`, `{"a":1,"b":2}`},
		"over wins":                        {`{"a":1}`, `{"a":2}`, `{"a":2}`},
		"key by key at every depth":        {`{"a":{"b":{"c":1,"d":1}}}`, `{"a":{"b":{"d":2,"e":2}}}`, `{"a":{"b":{"c":1,"d":2,"e":2}}}`},
		"lists are replaced":               {`{"a":[1,2,3]}`, `{"a":[4]}`, `{"a":[4]}`},
		"objects in lists are not merged":  {`{"a":[{"b":1}]}`, `{"a":[{"c":2}]}`, `{"a":[{"c":2}]}`},
		"an object replaces a value":       {`{"a":1}`, `{"a":{"b":2}}`, `{"a":{"b":2}}`},
		"a value replaces an object":       {`{"a":{"b":1}}`, `{"a":2}`, `{"a":2}`},
		"an empty object changes nothing":  {`{"a":{"b":1}}`, `{"a":{}}`, `{"a":{"b":1}}`},
		"null replaces what there is":      {`{"a":{"b":1}}`, `{"a":null}`, `{"a":null}`},
		"null gives way":                   {`{"a":null}`, `{"a":{"b":1}}`, `{"a":{"b":1}}`},
		"numbers keep their digits":        {`{"a":1.0}`, `{"b":9007199254740993,"c":1E400}`, `{"a":1.0,"b":9007199254740993,"c":1E400}`},
		"a key that looks like a path":     {`{"a":{"b":1}}`, `{"a.b":2}`, `{"a":{"b":1},"a.b":2}`},
		"the empty key is a key like each": {`{"":{"a":1}}`, `{"":{"b":2}}`, `{"":{"a":1,"b":2}}`},
	} {
		t.Run(name, func(t *testing.T) {
			got := openjson.Merge(parse(t, test.base), parse(t, test.over))
			equal(t, openjson.Text(got), test.want)
		})
	}
}

func TestMergeOfNothingIsAnEmptyObject(t *testing.T) {
	equal(t, openjson.Merge(nil, nil), openjson.Object{})
}

func TestTheResultOfAMergeDoesNotShareItsInputs(t *testing.T) {
	base, over := parse(t, `{"a":{"b":{"c":1}}}`), parse(t, `{"x":{"y":{"z":1}}}`)
	merged := openjson.Merge(base, over)
	openjson.Set(merged, "changed", "a", "b", "c")
	openjson.Set(merged, "changed", "x", "y", "z")
	equal(t, openjson.Text(base), `{"a":{"b":{"c":1}}}`)
	equal(t, openjson.Text(over), `{"x":{"y":{"z":1}}}`)
}
