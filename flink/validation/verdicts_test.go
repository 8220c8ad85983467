package validation_test

import (
	"slices"
	"testing"

	"github.com/openweir/weir/flink/validation"
	"github.com/openweir/weir/openjson"
)

// judged is what the verdicts are of.
const judged = `{"image":"flink:1.20.3","flinkVersion":"v1_20","serviceAccount":"flink","flinkConfiguration":{"taskmanager.numberOfTaskSlots":"1"},"jobManager":{"resource":{"memory":"1024m","cpu":0.2}},"taskManager":{"resource":{"memory":"1024m","cpu":0.2}},"job":{"jarURI":"local:///opt/flink/examples/streaming/StateMachineExample.jar","state":"suspended","parallelism":1,"upgradeMode":"stateless"}}`

type verdict struct {
	change   string
	accepted bool
}

// verdicts are those of release 1.15.0 of the operator and of its custom resource
// definitions on changes of a specification that both accept.
var verdicts = []verdict{
	{`{"flinkVersion":"v1_14"}`, false},
	{`{"flinkVersion":"v1_15"}`, true},
	{`{"flinkVersion":"v9_9"}`, false},
	{`{"flinkVersion":"v2_3"}`, false},
	{`{"flinkConfiguration":{"kubernetes":{"cluster-id":"x"}}}`, false},
	{`{"flinkConfiguration":{"kubernetes.operator.deployment.rollback.enabled":"true"}}`, false},
	{`{"ingress":{"className":"nginx"}}`, false},
	{`{"ingress":{"template":"{{name}}.x:port"}}`, false},
	{`{"ingress":{"template":""}}`, true},
	{`{"ingress":{"template":"/{{namespace}}/{{name}}(/|$)(.*)"}}`, true},
	{`{"job":{"upgradeMode":"savepoint"}}`, false},
	{`{"flinkConfiguration":{"execution.checkpointing.dir":"file:///x"},"job":{"upgradeMode":"savepoint"}}`, false},
	{`{"flinkConfiguration":{"execution.checkpointing.dir":""},"job":{"upgradeMode":"last-state"}}`, false},
	{`{"job":{"savepointTriggerNonce":1}}`, false},
	{`{"flinkConfiguration":{"kubernetes.operator.job.upgrade.last-state.max.allowed.checkpoint.age":"6h"}}`, false},
	{`{"job":{"parallelism":0}}`, false},
	{`{"taskManager":{"replicas":0}}`, false},
	{`{"jobManager":{"replicas":2}}`, false},
	{`{"jobManager":{"resource":{"memory":null}}}`, false},
	{`{"taskManager":{"resource":{"memory":null}}}`, false},
	{`{"jobManager":{"resource":{"memory":"2Gi"}}}`, true},
	{`{"jobManager":{"resource":{"memory":1024}}}`, false},
	{`{"jobManager":{"resource":{"memory":"1e9"}}}`, true},
	{`{"jobManager":{"resource":{"memory":"1073741824"}}}`, true},
	{`{"jobManager":{"resource":{"memory":"2048MB"}}}`, true},
	{`{"jobManager":{"resource":{"memory":"10m"}}}`, true},
	{`{"jobManager":{"resource":{"memory":"1.5Gi"}}}`, false},
	{`{"jobManager":{"resource":{"ephemeralStorage":"2 pounds"}}}`, false},
	{`{"mode":"yolo"}`, false},
	{`{"mode":"NATIVE"}`, false},
	{`{"jobManager":{"resource":{"cpu":"1"}}}`, false},
	{`{"jobManager":{"resource":{"cpu":-1}}}`, true},
	{`{"podTemplate":{"spec":{"containers":{}}}}`, false},
	{`{"podTemplate":{"spec":{"containers":[{"name":"flink-main-container","volumeMount":[]}]}}}`, true},
	{`{"image":1}`, false},
	{`{"imagePullPolicy":"Sometimes"}`, true},
	{`{"restartNonce":"x"}`, false},
	{`{"foo":"bar"}`, true},
	{`{"flinkConfiguration":{"execution.checkpointing.savepoint-dir":"file:///y","kubernetes.operator.job.upgrade.last-state.max.allowed.checkpoint.age":"abc"}}`, true},
	{`{"flinkConfiguration":{"kubernetes.operator.job.upgrade.last-state.max.allowed.checkpoint.age":"abc"}}`, false},
	{`{"flinkConfiguration":{"high-availability.type":"bogus"},"jobManager":{"replicas":2}}`, true},
	{`{"flinkConfiguration":{"job.autoscaler.enabled":"true","job.autoscaler.utilization.target":"abc"}}`, false},
	{`{"flinkConfiguration":{"job.autoscaler.enabled":"true","job.autoscaler.target.utilization":"1.5"}}`, false},
	{`{"flinkConfiguration":{"job.autoscaler.enabled":"true","job.autoscaler.utilization.max":"0.5"}}`, false},
	{`{"flinkConfiguration":{"job.autoscaler.enabled":"true","job.autoscaler.utilization.max":"0.7","job.autoscaler.utilization.target":"0.8"}}`, false},
	{`{"flinkConfiguration":{"job.autoscaler.enabled":"true","job.autoscaler.scale-down.max-factor":"-1"}}`, false},
	{`{"flinkConfiguration":{"job.autoscaler.enabled":"true","job.autoscaler.memory.gc-pressure.threshold":"2"}}`, true},
	{`{"flinkConfiguration":{"job.autoscaler.enabled":"true","job.autoscaler.observed-scalability.coefficient-min":"0"}}`, false},
	{`{"flinkConfiguration":{"job.autoscaler.enabled":"true","job.autoscaler.target.utilization.boundary":"-0.1"}}`, false},
	{`{"flinkConfiguration":{"job.autoscaler.enabled":"true","kubernetes.operator.job.autoscaler.utilization.target":"7"}}`, false},
	{`{"job":{"jarURI":"not a uri"}}`, true},
	{`{"job":{"savepointRedeployNonce":1}}`, true},
	{`{"flinkConfiguration":{"state.checkpoints.dir":"file:///x"},"job":{"upgradeMode":"last-state"}}`, true},
	{`{"flinkConfiguration":{"high-availability":"kubernetes","high-availability.storageDir":"file:///x"},"jobManager":{"replicas":2}}`, true},
	{`{"flinkConfiguration":{"high-availability.cluster-id":"x"}}`, false},
	{`{"taskManager":{"resource":{"ephemeralStorage":"-2Gi"}}}`, true},
	{`{"job":{"parallelism":2147483648}}`, false},
	{`{"job":{"parallelism":"1"}}`, false},
	{`{"flinkConfiguration":{"a":["x","y"]}}`, true},
	{`{"job":{"parallelism":0},"taskManager":{"replicas":2}}`, true},
}

// different are the changes on which the validator differs from release 1.15.0.
var different = map[string]string{
	`{"flinkVersion":"v9_9"}`:                "which versions there are depends on the release of the operator",
	`{"flinkVersion":"v2_3"}`:                "which versions there are depends on the release of the operator",
	`{"jobManager":{"resource":{"cpu":-1}}}`: "Kubernetes refuses the pods",
	`{"flinkConfiguration":{"job.autoscaler.enabled":"true","job.autoscaler.memory.gc-pressure.threshold":"2"}}`: "later releases refuse it",
}

func TestVerdictsOfTheOperator(t *testing.T) {
	for _, test := range verdicts {
		problems := validation.Deployment(openjson.Merge(object(t, judged), object(t, test.change)))
		_, differs := different[test.change]
		if accepted := len(problems) == 0; (accepted == test.accepted) == differs {
			t.Errorf("%s: accepted: %t, with %v", test.change, accepted, problems)
		}
	}
	for change := range different {
		if !slices.ContainsFunc(verdicts, func(v verdict) bool { return v.change == change }) {
			t.Errorf("there is no verdict on %s", change)
		}
	}
}
