package flinkspec_test

import (
	"testing"

	"github.com/openweir/weir/control/flinkspec"
	"github.com/openweir/weir/openjson"
)

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
			got := flinkspec.Effective(spec, defaults)
			same(t, openjson.Text(got), test.want)
			openjson.Set(got, "changed", "job", "state")
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
			if got := flinkspec.EffectiveHash(object(t, of)) == flinkspec.EffectiveHash(other); got != test.same {
				t.Errorf("same hash: %t, want %t", got, test.same)
			}
			same(t, other, object(t, test.other))
		})
	}
}
