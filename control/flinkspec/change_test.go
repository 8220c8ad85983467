package flinkspec_test

import (
	"testing"

	"github.com/openweir/weir/control/flinkspec"
)

func TestUpgrades(t *testing.T) {
	const from = `{"image":"flink:2.0","restartNonce":1,"flinkConfiguration":{"a.b":"1"},"jobManager":{"resource":{"cpu":1}},
		"job":{"jarURI":"local:///a.jar","parallelism":2,"state":"running","upgradeMode":"savepoint","savepointTriggerNonce":1}}`
	for name, test := range map[string]struct {
		over string
		want bool
	}{
		"nothing":                           {`{}`, false},
		"the same written differently":      {`{"flinkConfiguration":{"a":{"b":1}},"jobManager":{"resource":{"cpu":1.0,"memory":null}}}`, false},
		"an option of null":                 {`{"flinkConfiguration":{"c":null}}`, false},
		"job.state":                         {`{"job":{"state":"suspended"}}`, false},
		"the upgrade mode":                  {`{"job":{"upgradeMode":"stateless"}}`, false},
		"a nonce that triggers a savepoint": {`{"job":{"savepointTriggerNonce":2}}`, false},
		"an option of the operator":         {`{"flinkConfiguration":{"kubernetes.operator.periodic.savepoint.interval":"1h"}}`, false},
		"an option of the autoscaler":       {`{"flinkConfiguration":{"job.autoscaler.enabled":"true"}}`, false},
		"an override of a parallelism":      {`{"flinkConfiguration":{"pipeline.jobvertex-parallelism-overrides":"v:3"}}`, false},
		"a restart taken back":              {`{"restartNonce":null}`, false},
		"a restart":                         {`{"restartNonce":2}`, true},
		"a start from a savepoint":          {`{"job":{"savepointRedeployNonce":1}}`, true},
		"another option":                    {`{"flinkConfiguration":{"a.b":"2"}}`, true},
		"the parallelism":                   {`{"job":{"parallelism":3}}`, true},
		"the image":                         {`{"image":"flink:2.1"}`, true},
		"a template of pods":                {`{"podTemplate":{"metadata":{"labels":{"team":"a"}}}}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			spec := object(t, from)
			changed := flinkspec.Effective(spec, object(t, `{"spec":`+test.over+`}`))
			if got := flinkspec.Upgrades(spec, changed); got != test.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
