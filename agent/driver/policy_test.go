package driver

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
)

// policies is a policy about the image of Flink clusters.
type policies struct{ off atomic.Bool }

func (p *policies) Check(_ context.Context, object, live map[string]any) string {
	spec, _ := object["spec"].(map[string]any)
	if spec["image"] != "forbidden" || p.off.Load() {
		return ""
	}
	if live != nil {
		return "policy 'images': not another image"
	}
	return "policy 'images': not this image"
}

func TestAnObjectThatViolatesAPolicyIsNotApplied(t *testing.T) {
	forbidden := strings.Replace(manifest("app", 2), `"image":"flink:2.2"`, `"image":"forbidden"`, 1)
	p := &policies{}
	s := newEnv(t).connect(func(c *Config) { c.Policies = p })
	s.applyDeployment("app", "u1", 1, forbidden)
	a := s.reports.ack("app", isRefused, ReasonPolicy)
	want := `The agent of cluster "edge" does not apply FlinkDeployment default/app: policy 'images': not this image. The agent's --policy has the policies.`
	if a.GetMessage() != want {
		t.Errorf("the message is\n%s\nwant\n%s", a.GetMessage(), want)
	}
	if s.get("app") != nil {
		t.Error("it was applied")
	}
	s.applyDeployment("app", "u1", 2, manifest("app", 2))
	s.reports.applied("app", 2)
	s.applyDeployment("app", "u1", 3, forbidden)
	s.reports.ack("app", isRefused, ReasonPolicy)
	if image := s.get("app").Object["spec"].(map[string]any)["image"]; image != "flink:2.2" {
		t.Error("a cluster that runs was given the image")
	}
	// Other policies are evaluated at once.
	p.off.Store(true)
	s.Driver.PoliciesChanged()
	s.reports.applied("app", 3)
}
