package operator

import (
	"testing"

	"github.com/openweir/weir/flink"
)

func TestCompare(t *testing.T) {
	tests := map[string]struct {
		from, to string
		want     flink.Change
		diff     string
	}{
		"nothing":                        {`{image: a}`, `{image: a}`, flink.ChangeNone, ""},
		"a default that is said":         {`{job: {}}`, `{job: {state: running, upgradeMode: stateless}}`, flink.ChangeNone, ""},
		"options nested":                 {`{flinkConfiguration: {a.b: 1}}`, `{flinkConfiguration: {a: {b: "1"}}}`, flink.ChangeNone, ""},
		"a list as text":                 {`{flinkConfiguration: {a: [x1, x2]}}`, `{flinkConfiguration: {a: "x1;x2"}}`, flink.ChangeNone, ""},
		"an upgrade mode":                {`{job: {}}`, `{job: {upgradeMode: savepoint}}`, flink.ChangeIgnore, "job.upgradeMode : stateless -> savepoint"},
		"a savepoint path":               {`{job: {}}`, `{job: {initialSavepointPath: p}}`, flink.ChangeIgnore, "job.initialSavepointPath : <nil> -> p"},
		"an option of the autoscaler":    {`{}`, `{flinkConfiguration: {job.autoscaler.enabled: true}}`, flink.ChangeIgnore, "flinkConfiguration.job.autoscaler.enabled : <nil> -> true"},
		"an option":                      {`{flinkConfiguration: {a: 1}}`, `{flinkConfiguration: {a: 2}}`, flink.ChangeUpgrade, "flinkConfiguration.a : 1 -> 2"},
		"arguments in another order":     {`{job: {args: [a, b]}}`, `{job: {args: [b, a]}}`, flink.ChangeUpgrade, "job.args : [a b] -> [b a]"},
		"parallelism":                    {`{job: {parallelism: 1}}`, `{job: {parallelism: 2}}`, flink.ChangeUpgrade, "job.parallelism : 1 -> 2"},
		"parallelism standalone":         {`{mode: standalone, job: {parallelism: 1}}`, `{mode: standalone, job: {parallelism: 2}}`, flink.ChangeScale, "job.parallelism : 1 -> 2"},
		"overrides of parallelism":       {`{}`, `{flinkConfiguration: {pipeline.jobvertex-parallelism-overrides: "a:1"}}`, flink.ChangeScale, "flinkConfiguration.pipeline.jobvertex-parallelism-overrides : <nil> -> a:1"},
		"a restart":                      {`{}`, `{restartNonce: 1}`, flink.ChangeUpgrade, "restartNonce : <nil> -> 1"},
		"a restart taken back":           {`{restartNonce: 1}`, `{}`, flink.ChangeIgnore, "restartNonce : 1 -> <nil>"},
		"a redeployment":                 {`{job: {}}`, `{job: {savepointRedeployNonce: 1}}`, flink.ChangeRedeploy, "job.savepointRedeployNonce : <nil> -> 1"},
		"a redeployment taken back":      {`{job: {savepointRedeployNonce: 1}}`, `{job: {}}`, flink.ChangeIgnore, "job.savepointRedeployNonce : 1 -> <nil>"},
		"the greatest of several counts": {`{image: a, job: {}}`, `{image: b, job: {upgradeMode: savepoint}}`, flink.ChangeUpgrade, "image : a -> b, job.upgradeMode : stateless -> savepoint"},
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
	if kind, diff := compare(s, back); kind != flink.ChangeNone {
		t.Errorf("the recorded spec differs: %s", diff)
	}
	if readRecorded("") != nil || readRecorded("nonsense") != nil {
		t.Error("nothing recorded is read as something")
	}
}
