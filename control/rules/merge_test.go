package rules_test

import (
	"testing"

	"github.com/openweir/weir/control/rules"
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
			got := rules.Merge(object(t, test.base), object(t, test.over))
			same(t, rules.FormatText(got), test.want)
		})
	}
}

func TestMergeOfNothingIsAnEmptyObject(t *testing.T) {
	same(t, rules.Merge(nil, nil), rules.Object{})
}

func TestWhatIsMergedIsNotChangedThroughTheResult(t *testing.T) {
	base, over := object(t, `{"a":{"b":{"c":1}}}`), object(t, `{"x":{"y":{"z":1}}}`)
	merged := rules.Merge(base, over)
	rules.SetField(merged, "changed", "a", "b", "c")
	rules.SetField(merged, "changed", "x", "y", "z")
	same(t, rules.FormatText(base), `{"a":{"b":{"c":1}}}`)
	same(t, rules.FormatText(over), `{"x":{"y":{"z":1}}}`)
}

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
			same(t, rules.FormatText(rules.FlattenConfiguration(nested)), test.want)
			same(t, nested, object(t, test.nested))
		})
	}
}

func TestEffective(t *testing.T) {
	for name, test := range map[string]struct{ spec, defaults, want string }{
		"without defaults": {
			spec: `{"image":"flink:1.20"}`, defaults: ``,
			want: `{"image":"flink:1.20"}`,
		},
		"defaults without a specification": {
			spec: `{"image":"flink:1.20"}`, defaults: `{"metadata":{"annotations":{"a":"b"}}}`,
			want: `{"image":"flink:1.20"}`,
		},
		"the environment wins key by key": {
			spec:     `{"image":"mine","taskManager":{"replicas":2,"resource":{"cpu":1,"memory":"1g"}}}`,
			defaults: `{"spec":{"image":"theirs","taskManager":{"resource":{"memory":"2g"}}}}`,
			want:     `{"image":"theirs","taskManager":{"replicas":2,"resource":{"cpu":1,"memory":"2g"}}}`,
		},
		"nested configuration of the environment wins over dotted": {
			spec:     `{"flinkConfiguration":{"state.backend.type":"hashmap","x":"1"}}`,
			defaults: `{"spec":{"flinkConfiguration":{"state":{"backend":{"type":"rocksdb"}}}}}`,
			want:     `{"flinkConfiguration":{"state.backend.type":"rocksdb","x":"1"}}`,
		},
		"dotted configuration of the environment wins over nested": {
			spec:     `{"flinkConfiguration":{"state":{"backend":{"type":"hashmap","incremental":true}}}}`,
			defaults: `{"spec":{"flinkConfiguration":{"state.backend.type":"rocksdb"}}}`,
			want:     `{"flinkConfiguration":{"state.backend.incremental":true,"state.backend.type":"rocksdb"}}`,
		},
		"null of the environment takes away": {
			spec:     `{"logConfiguration":{"log4j-console.properties":"x"},"flinkConfiguration":{"a":1,"b":2}}`,
			defaults: `{"spec":{"logConfiguration":null,"flinkConfiguration":{"a":null}}}`,
			want:     `{"flinkConfiguration":{"a":null,"b":2},"logConfiguration":null}`,
		},
		"lists of the environment replace": {
			spec:     `{"job":{"args":["a","b"]}}`,
			defaults: `{"spec":{"job":{"args":["c"]}}}`,
			want:     `{"job":{"args":["c"]}}`,
		},
		"only the specification is the operator's": {
			spec:     `{"startFromSavepoint":{"uid":"u"},"job":{"startFromSavepoint":{"uid":"u"},"parallelism":1}}`,
			defaults: ``,
			want:     `{"job":{"parallelism":1}}`,
		},
		"a configuration that is none is left for the check": {
			spec: `{"flinkConfiguration":"a: b"}`, defaults: ``,
			want: `{"flinkConfiguration":"a: b"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			spec, defaults := object(t, test.spec), object(t, test.defaults)
			got := rules.Effective(spec, defaults)
			same(t, rules.FormatText(got), test.want)
			rules.SetField(got, "changed", "job", "state")
			same(t, spec, object(t, test.spec))
			same(t, defaults, object(t, test.defaults))
		})
	}
}

func TestEffectiveHash(t *testing.T) {
	const of = `{"image":"i","job":{"parallelism":2,"state":"running"}}`
	for name, test := range map[string]struct {
		other string
		same  bool
	}{
		"the order of keys does not count": {`{"job":{"state":"running","parallelism":2},"image":"i"}`, true},
		"job.state does not count":         {`{"image":"i","job":{"parallelism":2,"state":"suspended"}}`, true},
		"nor whether there is one":         {`{"image":"i","job":{"parallelism":2}}`, true},
		"another state does":               {`{"state":"x","image":"i","job":{"parallelism":2}}`, false},
		"any other field of the job does":  {`{"image":"i","job":{"parallelism":3,"state":"running"}}`, false},
		"any other field does":             {`{"image":"j","job":{"parallelism":2,"state":"running"}}`, false},
		"no job is another than one":       {`{"image":"i"}`, false},
		"a type does":                      {`{"image":"i","job":{"parallelism":"2","state":"running"}}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			other := object(t, test.other)
			if got := rules.EffectiveHash(object(t, of)) == rules.EffectiveHash(other); got != test.same {
				t.Errorf("same hash: %t, want %t", got, test.same)
			}
			same(t, other, object(t, test.other))
		})
	}
}

func TestConfigurationAsText(t *testing.T) {
	spec := object(t, `{"image":"i","flinkConfiguration":{"a":1.0,"b":{"c":true,"d":null},"e":["x",2],"f":"g"}}`)
	same(t, rules.FormatText(rules.WithTextConfiguration(spec)), `{"flinkConfiguration":{"a":"1.0","b.c":"true","e":"x;2","f":"g"},"image":"i"}`)
	same(t, rules.FormatText(rules.WithTextConfiguration(object(t, `{"flinkConfiguration":null}`))), `{"flinkConfiguration":null}`)
}
