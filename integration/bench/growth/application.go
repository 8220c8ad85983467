package main

import (
	"encoding/json"
	"fmt"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// spec is the specification of an application as teams write them: state,
// checkpoints, high availability and metrics configured, and its own jar and
// arguments, so that no two applications hold the same text.
func spec(name string, parallelism int) string {
	return fmt.Sprintf(`{"image":"registry.example.com/streaming/%[1]s:1.19.1","flinkVersion":"v1_19","flinkConfiguration":{`+
		`"taskmanager.numberOfTaskSlots":"2",`+
		`"state.backend.type":"rocksdb","state.backend.incremental":"true",`+
		`"state.checkpoints.dir":"s3://flink-state/%[1]s/checkpoints","state.savepoints.dir":"s3://flink-state/%[1]s/savepoints",`+
		`"execution.checkpointing.interval":"60 s","execution.checkpointing.mode":"EXACTLY_ONCE",`+
		`"execution.checkpointing.externalized-checkpoint-retention":"RETAIN_ON_CANCELLATION",`+
		`"high-availability.type":"kubernetes","high-availability.storageDir":"s3://flink-state/%[1]s/ha",`+
		`"restart-strategy.type":"exponential-delay","metrics.reporters":"prom",`+
		`"metrics.reporter.prom.factory.class":"org.apache.flink.metrics.prometheus.PrometheusReporterFactory"},`+
		`"serviceAccount":"flink","podTemplate":{"spec":{"containers":[{"name":"flink-main-container","env":[`+
		`{"name":"APPLICATION","value":"%[1]s"},{"name":"AWS_REGION","value":"eu-central-1"},`+
		`{"name":"SCHEMA_REGISTRY_URL","value":"https://schema-registry.example.com"}],`+
		`"volumeMounts":[{"mountPath":"/opt/flink/secrets","name":"secrets","readOnly":true}]}],`+
		`"volumes":[{"name":"secrets","secret":{"secretName":"%[1]s"}}]}},`+
		`"jobManager":{"resource":{"memory":"2048m","cpu":1}},"taskManager":{"resource":{"memory":"4096m","cpu":2}},`+
		`"job":{"jarURI":"local:///opt/flink/usrlib/%[1]s.jar","entryClass":"com.example.streaming.Main",`+
		`"args":["--input","%[1]s-input","--output","%[1]s-output","--group","%[1]s"],`+
		`"state":"running","parallelism":%[2]d,"upgradeMode":"savepoint"}}`, name, parallelism)
}

// absent are the fields of a FlinkDeployment's specification that the operator
// writes as null where they are not set, by the object they are in.
var absent = map[string][]string{
	"": {"restartNonce", "imagePullPolicy", "ingress", "logConfiguration", "mode"},
	"job": {
		"savepointTriggerNonce", "initialSavepointPath", "checkpointTriggerNonce", "allowNonRestoredState",
		"savepointRedeployNonce", "autoscalerResetNonce",
	},
	"jobManager":  {"replicas", "podTemplate"},
	"taskManager": {"replicas", "podTemplate"},
}

// status is the status of a deployed object of a running job as the operator
// writes it: it holds the specification twice more, as text.
func status(apply *agentv1.Apply) (string, error) {
	var manifest struct {
		Spec map[string]any `json:"spec"`
	}
	if err := json.Unmarshal([]byte(apply.GetManifest()), &manifest); err != nil {
		return "", fmt.Errorf("read the manifest: %w", err)
	}
	for field, names := range absent {
		object := manifest.Spec
		if field != "" {
			object, _ = manifest.Spec[field].(map[string]any)
		}
		for _, name := range names {
			if _, set := object[name]; !set && object != nil {
				object[name] = nil
			}
		}
	}
	recorded, err := json.Marshal(map[string]any{
		"spec": manifest.Spec,
		"resource_metadata": map[string]any{
			"apiVersion": "flink.apache.org/v1beta1", "firstDeployment": apply.GetGeneration() == 1,
			"metadata": map[string]any{"generation": apply.GetGeneration()},
		},
	})
	if err != nil {
		return "", fmt.Errorf("record the specification: %w", err)
	}
	name := apply.GetRef().GetName()
	encoded, err := json.Marshal(map[string]any{
		"clusterInfo": map[string]string{
			"flink-revision": "90f7c1b @ 2024-06-06T15:30:19+02:00", "flink-version": "1.19.1",
			"total-cpu": "3.0", "total-memory": "6442450944",
		},
		"jobManagerDeploymentStatus": "READY",
		"jobStatus": map[string]any{
			"checkpointInfo": map[string]any{"lastPeriodicCheckpointTimestamp": 0},
			"jobId":          fmt.Sprintf("%032x", apply.GetOwnerUid()[:16]), "jobName": name, "state": "RUNNING",
			"savepointInfo": map[string]any{"lastPeriodicSavepointTimestamp": 0, "savepointHistory": []any{}},
			"startTime":     "1764172800000", "updateTime": "1764172860000",
		},
		"lifecycleState":     "STABLE",
		"observedGeneration": apply.GetGeneration(),
		"reconciliationStatus": map[string]any{
			"lastReconciledSpec": string(recorded), "lastStableSpec": string(recorded),
			"reconciliationTimestamp": 1764172800000, "state": "DEPLOYED",
		},
		"taskManager": map[string]any{"labelSelector": "component=taskmanager,app=" + name, "replicas": 1},
	})
	if err != nil {
		return "", fmt.Errorf("encode the status: %w", err)
	}
	return string(encoded), nil
}
