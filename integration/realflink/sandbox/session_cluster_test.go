//go:build flink

package sandbox

import (
	"strings"
	"testing"
)

// TestASessionCluster: it has a SQL Gateway, runs a job that is submitted to
// it, gets TaskManagers as jobs need slots, and is not deleted while one runs.
func TestASessionCluster(t *testing.T) {
	onEveryRelease(t, func(t *testing.T, s *site) {
		s.create(deployments, "FlinkDeployment", "pool", s.deployment(`flinkConfiguration: {taskmanager.numberOfTaskSlots: "1"}`))
		pool := s.await(deployments, "pool", "ready", func(o object) bool { return o.at("jobManagerDeploymentStatus") == "READY" })
		if !strings.HasPrefix(pool.at("clusterInfo", "weir-sql-gateway"), "http://127.0.0.1:") {
			t.Errorf("the cluster's information is %s", pool.at("clusterInfo"))
		}
		s.create(sessionJobs, "FlinkSessionJob", "job", `{deploymentName: pool, job: {`+
			`jarURI: "local:///opt/flink/examples/streaming/StateMachineExample.jar", parallelism: 2, upgradeMode: stateless}}`)
		running := s.await(sessionJobs, "job", "running", func(o object) bool { return o.at("jobStatus", "state") == "RUNNING" })
		pool = s.await(deployments, "pool", "grown", func(o object) bool { return o.at("taskManager", "replicas") == "2" })
		pool.Object["status"].(map[string]any)["jobStatus"] = running.Object["status"].(map[string]any)["jobStatus"]
		s.allTasksRun(pool)

		s.remove(deployments, "pool")
		s.event("pool", "CleanupFailed", "job")
		s.remove(sessionJobs, "job")
		s.gone(sessionJobs, "job")
		s.gone(deployments, "pool")
		s.noJava()
	})
}
