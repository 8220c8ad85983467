package driver

import "testing"

// failedCall is how the API server reports a webhook that answered with a status
// other than 200.
const failedCall = `Internal error occurred: failed calling webhook "validationwebhook.flink.apache.org": failed to call webhook: `

func TestWebhookRefusal(t *testing.T) {
	for name, test := range map[string]struct {
		message, reason string
		isWebhook       bool
	}{
		"the operator cannot read a field": {
			failedCall + `an error on the server ("java.lang.IllegalArgumentException: Cannot deserialize value of type FlinkVersion from String \"v9_9\": not one of [v1_15, v2_2]\n at [Source: UNKNOWN] (through reference chain: org.apache.flink.FlinkDeployment[\"spec\"]->org.apache.flink.FlinkDeploymentSpec[\"flinkVersion\"])\n\tat com.fasterxml.jackson.databind.ObjectMapper._convert(ObjectMapper.java:4544)\n\tat") has prevented the request from succeeding`,
			`spec.flinkVersion: Cannot deserialize value of type FlinkVersion from String "v9_9": not one of [v1_15, v2_2]`, true,
		},
		"it throws without a field": {
			failedCall + `an error on the server ("java.lang.NullPointerException: no job\n\tat org.apache.flink.A.b(A.java:1)") has prevented the request from succeeding`,
			"no job", true,
		},
		"it throws without a message": {
			failedCall + `an error on the server ("java.lang.NullPointerException\n\tat org.apache.flink.A.b(A.java:1)") has prevented the request from succeeding`,
			"java.lang.NullPointerException", true,
		},
		"a proxy in front of it fails": {
			failedCall + `an error on the server ("upstream connect error or disconnect/reset before headers") has prevented the request from succeeding`, "", true,
		},
		"nothing listens":   {failedCall + `Post "https://flink-operator-webhook-service.flink.svc:443/validate?timeout=10s": dial tcp 10.0.0.1:443: connect: connection refused`, "", true},
		"it has no pods":    {failedCall + `Post "https://flink-operator-webhook-service.flink.svc:443/validate?timeout=10s": no endpoints available for service "flink-operator-webhook-service"`, "", true},
		"it takes too long": {failedCall + `Post "https://flink-operator-webhook-service.flink.svc:443/validate?timeout=10s": context deadline exceeded`, "", true},
		"it denies":         {`admission webhook "validationwebhook.flink.apache.org" denied the request: Job parallelism must be larger than 0`, "", false},
		"another error":     {"etcdserver: no space", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			reason, isWebhook := webhookRefusal(test.message)
			if reason != test.reason || isWebhook != test.isWebhook {
				t.Errorf("the reason is %q, of a webhook: %t; want %q, %t", reason, isWebhook, test.reason, test.isWebhook)
			}
		})
	}
}
