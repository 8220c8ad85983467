package flink_test

import (
	"testing"

	"github.com/openweir/weir/flink"
)

func TestErrorMessage(t *testing.T) {
	for text, want := range map[string]string{
		``: ``,
		`{"type":"org.example.Bad","message":"it is bad","throwableList":[{"message":"deeper"}]}`: `it is bad`,
		`{"type":"org.example.Bad"}`: `{"type":"org.example.Bad"}`,
		`{"message":`:                `{"message":`,
		`["a"]`:                      `["a"]`,
		`plain text`:                 `plain text`,
		`org.apache.flink.util.FlinkException: plain text`: `plain text`,
		// As release 1.15.0 writes it.
		`{"type":"org.apache.flink.kubernetes.operator.exception.ReconciliationException","message":"org.apache.flink.client.deployment.ClusterDeploymentException: Could not create Kubernetes cluster \"orders\".","additionalMetadata":{},` +
			`"throwableList":[{"type":"org.apache.flink.client.deployment.ClusterDeploymentException","message":"Could not create Kubernetes cluster \"orders\".","additionalMetadata":{}},` +
			`{"type":"io.fabric8.kubernetes.client.KubernetesClientException","message":"Failure executing: POST at: https://10.96.0.1/apis/apps/v1/namespaces/flink/deployments. Message: deployments.apps is forbidden: exceeded quota: jobs. Received status: Status(apiVersion=v1, code=403, kind=Status).","additionalMetadata":{}}]}`: `deployments.apps is forbidden: exceeded quota: jobs.`,
		`{"type":"a.b.C","message":"a.b.C: a.b.D: it is bad"}`: `it is bad`,
		`{"type":"a.b.C","message":"no answer","throwableList":[{"type":"java.net.UnknownHostException","message":"orders-rest.flink"},{"type":"a.b.D"}]}`: `no answer`,
		`{"type":"a.b.C","throwableList":[{"type":"a.b.D","message":"a.b.D: it is bad\n\tat a.b.E.f(E.java:1)"}]}`:                                         `it is bad`,
		`{"type":"a.b.C","message":"a.b.C"}`: `{"type":"a.b.C","message":"a.b.C"}`,
	} {
		same(t, flink.ErrorMessage(text), want)
	}
}
