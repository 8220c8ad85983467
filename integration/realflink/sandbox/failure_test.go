//go:build flink

package sandbox

import (
	"strings"
	"testing"
)

const job = `jarURI: "local:///opt/flink/examples/streaming/StateMachineExample.jar", parallelism: 1, upgradeMode: stateless`

// TestFailuresAreReported: what fails says why, in Flink's own words.
func TestFailuresAreReported(t *testing.T) {
	onEveryRelease(t, func(t *testing.T, s *site) {
		s.create(deployments, "FlinkDeployment", "no-class", s.deployment(`job: {`+job+`, entryClass: com.example.Nope}`))
		app := s.await(deployments, "no-class", "in error", func(o object) bool { return o.at("jobManagerDeploymentStatus") == "ERROR" })
		if !strings.Contains(app.at("error"), "java.lang.ClassNotFoundException: com.example.Nope") {
			t.Errorf("the error is %s", app.at("error"))
		}
		s.event("no-class", "CrashLoopBackOff", "com.example.Nope")
		s.remove(deployments, "no-class")
		s.gone(deployments, "no-class")

		s.create(deployments, "FlinkDeployment", "bad-program", s.deployment(`job: {`+job+`, args: [--error-rate, much]}`))
		app = s.await(deployments, "bad-program", "failed", func(o object) bool { return o.at("lifecycleState") == "FAILED" })
		if !strings.Contains(app.at("error"), "NumberFormatException") || app.at("jobStatus", "state") != "FAILED" {
			t.Errorf("the status is %v", app.Object["status"])
		}
		s.event("bad-program", "JobException", "NumberFormatException")
		s.remove(deployments, "bad-program")
		s.gone(deployments, "bad-program")

		s.create(deployments, "FlinkDeployment", "no-home", strings.Replace(s.deployment(`job: {`+job+`}`), s.version, "v1_18", 1))
		s.event("no-home", "ValidationError", "the sandbox has Flink distributions of "+s.version)
	})
}
