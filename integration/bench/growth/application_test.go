package main

import (
	"encoding/json"
	"strings"
	"testing"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// TestStatusIsOperatorSized: the figures are for statuses of 5.8 KB.
func TestStatusIsOperatorSized(t *testing.T) {
	name := applicationName(4711)
	text, err := status(&agentv1.Apply{
		Ref: &agentv1.ObjectRef{Name: name}, OwnerUid: "4d3c1f0e-5a53-4f0e-8a51-1f6d7e1b6d0a", Generation: 3,
		Manifest: `{"spec":` + strings.Replace(spec(name, 2), `"podTemplate":{`, `"podTemplate":{"metadata":{"annotations":{`+
			`"platform.confluent.io/cmf-fa-instance":"4d3c1f0e-5a53-4f0e-8a51-1f6d7e1b6d0a","platform.confluent.io/origin":"flink"}},`, 1) + `}`,
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(text) < 5700 || len(text) > 5900 {
		t.Errorf("the status has %d bytes, want about 5,800", len(text))
	}
	var got struct {
		LifecycleState       string
		ObservedGeneration   int64
		ReconciliationStatus struct{ LastReconciledSpec, LastStableSpec string }
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if got.LifecycleState != "STABLE" || got.ObservedGeneration != 3 {
		t.Errorf("the status is %+v, want a stable one of generation 3", got)
	}
	var recorded struct {
		Spec struct {
			Job map[string]any
		}
	}
	if err := json.Unmarshal([]byte(got.ReconciliationStatus.LastStableSpec), &recorded); err != nil {
		t.Fatal(err)
	}
	if nonce, ok := recorded.Spec.Job["savepointTriggerNonce"]; !ok || nonce != nil || recorded.Spec.Job["parallelism"] != 2.0 {
		t.Errorf("the recorded job is %v", recorded.Spec.Job)
	}
}
