package driver

import (
	"strings"
	"testing"

	"github.com/openweir/weir/flink/podsecurity"
)

func TestAClusterThatReachesItsNodeIsNotApplied(t *testing.T) {
	rooted := strings.Replace(manifest("app", 2), `"spec":{`, `"spec":{"podTemplate":{"spec":{"volumes":[{"name":"root","hostPath":{"path":"/"}}]}},`, 1)

	t.Run("baseline is enforced if nothing is configured", func(t *testing.T) {
		s := newEnv(t).connect()
		s.applyDeployment("app", "u1", 1, rooted)
		a := s.reports.ack("app", isRefused, ReasonPodSecurity)
		want := `The agent of cluster "edge" does not apply FlinkDeployment default/app: spec.podTemplate: violates the Pod Security Standard "baseline": ` +
			`hostPath volumes: volume "root". The agent's --pod-security sets the level.`
		if a.GetMessage() != want {
			t.Errorf("the message is\n%s\nwant\n%s", a.GetMessage(), want)
		}
		if s.get("app") != nil {
			t.Error("it was applied")
		}
		s.applyDeployment("app", "u1", 2, manifest("app", 2))
		s.reports.applied("app", 2)
		s.applyDeployment("app", "u1", 3, rooted)
		s.reports.ack("app", isRefused, ReasonPodSecurity)
		if _, changed := s.get("app").Object["spec"].(map[string]any)["podTemplate"]; changed {
			t.Error("a cluster that runs was given the template")
		}
	})
	t.Run("privileged allows it", func(t *testing.T) {
		s := newEnv(t).connect(func(c *Config) { c.PodSecurity = podsecurity.Privileged })
		s.applyDeployment("app", "u1", 1, rooted)
		s.reports.applied("app", 1)
	})
}
