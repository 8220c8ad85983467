package operator

import "testing"

func TestCompare(t *testing.T) {
	tests := map[string]struct {
		from, to string
		want     change
		diff     string
	}{
		"nothing":                        {`{image: a}`, `{image: a}`, changeNone, ""},
		"a default that is said":         {`{job: {}}`, `{job: {state: running, upgradeMode: stateless}}`, changeNone, ""},
		"options nested":                 {`{flinkConfiguration: {a.b: 1}}`, `{flinkConfiguration: {a: {b: "1"}}}`, changeNone, ""},
		"a list as text":                 {`{flinkConfiguration: {a: [x1, x2]}}`, `{flinkConfiguration: {a: "x1;x2"}}`, changeNone, ""},
		"an upgrade mode":                {`{job: {}}`, `{job: {upgradeMode: savepoint}}`, changeIgnore, "job.upgradeMode : stateless -> savepoint"},
		"a savepoint path":               {`{job: {}}`, `{job: {initialSavepointPath: p}}`, changeIgnore, "job.initialSavepointPath : <nil> -> p"},
		"an option of the autoscaler":    {`{}`, `{flinkConfiguration: {job.autoscaler.enabled: true}}`, changeIgnore, "flinkConfiguration.job.autoscaler.enabled : <nil> -> true"},
		"an option":                      {`{flinkConfiguration: {a: 1}}`, `{flinkConfiguration: {a: 2}}`, changeUpgrade, "flinkConfiguration.a : 1 -> 2"},
		"arguments in another order":     {`{job: {args: [a, b]}}`, `{job: {args: [b, a]}}`, changeUpgrade, "job.args : [a b] -> [b a]"},
		"parallelism":                    {`{job: {parallelism: 1}}`, `{job: {parallelism: 2}}`, changeUpgrade, "job.parallelism : 1 -> 2"},
		"parallelism standalone":         {`{mode: standalone, job: {parallelism: 1}}`, `{mode: standalone, job: {parallelism: 2}}`, changeScale, "job.parallelism : 1 -> 2"},
		"overrides of parallelism":       {`{}`, `{flinkConfiguration: {pipeline.jobvertex-parallelism-overrides: "a:1"}}`, changeScale, "flinkConfiguration.pipeline.jobvertex-parallelism-overrides : <nil> -> a:1"},
		"a restart":                      {`{}`, `{restartNonce: 1}`, changeUpgrade, "restartNonce : <nil> -> 1"},
		"a restart taken back":           {`{restartNonce: 1}`, `{}`, changeIgnore, "restartNonce : 1 -> <nil>"},
		"a redeployment":                 {`{job: {}}`, `{job: {savepointRedeployNonce: 1}}`, changeRedeploy, "job.savepointRedeployNonce : <nil> -> 1"},
		"a redeployment taken back":      {`{job: {savepointRedeployNonce: 1}}`, `{job: {}}`, changeIgnore, "job.savepointRedeployNonce : 1 -> <nil>"},
		"the greatest of several counts": {`{image: a, job: {}}`, `{image: b, job: {upgradeMode: savepoint}}`, changeUpgrade, "image : a -> b, job.upgradeMode : stateless -> savepoint"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, diff := compare(parse(t, test.from), parse(t, test.to))
			if got != test.want || diff != test.diff {
				t.Errorf("got %s (%s), want %s (%s)", got, diff, test.want, test.diff)
			}
		})
	}
}

func TestRecordedSpecComesBack(t *testing.T) {
	s := parse(t, `{image: a, restartNonce: 9007199254740993, job: {parallelism: 2}}`)
	back := readRecorded(s.record(3, true))
	if kind, diff := compare(s, back); kind != changeNone {
		t.Errorf("the recorded spec differs: %s", diff)
	}
	if readRecorded("") != nil || readRecorded("nonsense") != nil {
		t.Error("nothing recorded is read as something")
	}
}
