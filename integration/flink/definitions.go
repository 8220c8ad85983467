// Package flink plays the Flink Kubernetes Operator's part in the tests: its
// custom resource definitions, and what it does with the resources.
package flink

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const (
	group   = "flink.apache.org"
	version = "v1beta1"
)

// The operator's resources.
var (
	Deployments    = schema.GroupVersionResource{Group: group, Version: version, Resource: "flinkdeployments"}
	SessionJobs    = schema.GroupVersionResource{Group: group, Version: version, Resource: "flinksessionjobs"}
	StateSnapshots = schema.GroupVersionResource{Group: group, Version: version, Resource: "flinkstatesnapshots"}
)

// Definitions are the operator's custom resource definitions, as far as a
// client can tell them from the published ones: the same fields at the levels
// that Weir writes, the same types and enumerations, and, which matters most,
// fields that are not listed are pruned without a word.
func Definitions() []*unstructured.Unstructured {
	deployment := definition("FlinkDeployment", "flinkdeployments", "flinkdep", deploymentSpec())
	versions, _, _ := unstructured.NestedSlice(deployment.Object, "spec", "versions")
	versions[0].(map[string]any)["subresources"].(map[string]any)["scale"] = map[string]any{
		"specReplicasPath":   ".spec.taskManager.replicas",
		"statusReplicasPath": ".status.taskManager.replicas",
		"labelSelectorPath":  ".status.taskManager.labelSelector",
	}
	_ = unstructured.SetNestedSlice(deployment.Object, versions, "spec", "versions")
	return []*unstructured.Unstructured{
		deployment,
		definition("FlinkSessionJob", "flinksessionjobs", "sessionjob", sessionJobSpec()),
		definition("FlinkStateSnapshot", "flinkstatesnapshots", "flinksnp", stateSnapshotSpec()),
	}
}

// fields are the properties of a schema, by name.
type fields = map[string]any

func definition(kind, plural, short string, spec fields) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1",
		"kind":       "CustomResourceDefinition",
		"metadata":   map[string]any{"name": plural + "." + group},
		"spec": map[string]any{
			"group": group,
			"scope": "Namespaced",
			"names": map[string]any{
				"kind": kind, "listKind": kind + "List", "plural": plural, "singular": plural[:len(plural)-1],
				"shortNames": []any{short},
			},
			"versions": []any{map[string]any{
				"name":         version,
				"served":       true,
				"storage":      true,
				"subresources": map[string]any{"status": map[string]any{}},
				"schema":       map[string]any{"openAPIV3Schema": object(fields{"spec": object(spec), "status": anything()})},
			}},
		},
	}}
}

func deploymentSpec() fields {
	process := object(fields{
		"podTemplate": anything(),
		"replicas":    ofType("integer"),
		"resource": object(fields{
			"cpu": ofType("number"), "memory": ofType("string"), "ephemeralStorage": ofType("string"),
		}),
	})
	return fields{
		"image":              ofType("string"),
		"imagePullPolicy":    ofType("string"),
		"serviceAccount":     ofType("string"),
		"flinkVersion":       oneOf("v1_13", "v1_14", "v1_15", "v1_16", "v1_17", "v1_18", "v1_19", "v1_20", "v2_0", "v2_1", "v2_2", "v2_3", "v2_4"),
		"mode":               oneOf("native", "standalone"),
		"flinkConfiguration": anything(),
		"jobManager":         process,
		"taskManager":        process,
		"podTemplate":        anything(),
		"logConfiguration":   texts(),
		"ingress": object(fields{
			"annotations": texts(), "className": ofType("string"), "labels": texts(), "template": ofType("string"),
			"tls": map[string]any{"type": "array", "items": anything()},
		}),
		"restartNonce": ofType("integer"),
		"job":          jobSpec(),
	}
}

func sessionJobSpec() fields {
	return fields{
		"deploymentName":     ofType("string"),
		"flinkConfiguration": anything(),
		"restartNonce":       ofType("integer"),
		"job":                jobSpec(),
	}
}

func stateSnapshotSpec() fields {
	return fields{
		"backoffLimit": ofType("integer"),
		"checkpoint":   anything(),
		"jobReference": object(fields{"kind": oneOf("FlinkDeployment", "FlinkSessionJob"), "name": ofType("string")}),
		"savepoint": object(fields{
			"alreadyExists": ofType("boolean"), "disposeOnDelete": ofType("boolean"),
			"formatType": oneOf("CANONICAL", "NATIVE", "UNKNOWN"), "path": ofType("string"),
		}),
	}
}

func jobSpec() map[string]any {
	return object(fields{
		"allowNonRestoredState":  ofType("boolean"),
		"args":                   map[string]any{"type": "array", "items": ofType("string")},
		"autoscalerResetNonce":   ofType("integer"),
		"checkpointTriggerNonce": ofType("integer"),
		"entryClass":             ofType("string"),
		"initialSavepointPath":   ofType("string"),
		"jarURI":                 ofType("string"),
		"parallelism":            ofType("integer"),
		"savepointRedeployNonce": ofType("integer"),
		"savepointTriggerNonce":  ofType("integer"),
		"state":                  oneOf("running", "suspended"),
		"upgradeMode":            oneOf("savepoint", "last-state", "stateless"),
	})
}

func object(properties fields) map[string]any {
	return map[string]any{"type": "object", "properties": properties}
}

func anything() map[string]any {
	return map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}
}

func texts() map[string]any {
	return map[string]any{"type": "object", "additionalProperties": ofType("string")}
}

func ofType(name string) map[string]any { return map[string]any{"type": name} }

func oneOf(values ...any) map[string]any {
	return map[string]any{"type": "string", "enum": values}
}
