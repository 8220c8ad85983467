package operator

import (
	"context"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/openweir/weir/flink"
)

// deployment moves a FlinkDeployment one step onwards.
func deployment(ctx context.Context, on engine, t target, status *deploymentStatus, sessionJobs func() []string, now time.Time, pace time.Duration) outcome {
	if status.ClusterInfo == nil {
		status.ClusterInfo = map[string]string{}
	}
	m := &machine{
		target:  t,
		engine:  on,
		status:  &status.commonStatus,
		manager: &status.JobManagerDeploymentStatus,
		memory:  status.ClusterInfo,
		validate: func(reconciled spec) error {
			if err := validateDeployment(t.name, on.effective(t.namespace, t.name, t.spec), reconciled); err != nil {
				return err
			}
			return on.supports(t.spec.text("flinkVersion"))
		},
		blocked: func() string {
			names := sessionJobs()
			if t.spec.job() != nil || len(names) == 0 {
				return ""
			}
			return "The session cluster cannot be deleted while it has session jobs: " + strings.Join(names, ", ")
		},
		now:  now,
		pace: t.duration(AnnotationPace, pace),
	}
	out := m.step(ctx)
	status.describe(on, t, now)
	return out
}

// describe fills in what follows from the rest of the status and the spec in
// force.
func (s *deploymentStatus) describe(on engine, t target, now time.Time) {
	reconciled := readRecorded(s.ReconciliationStatus.LastReconciledSpec)
	if reconciled != nil {
		s.TaskManager = &taskManager{LabelSelector: "component=taskmanager,app=" + t.name, Replicas: reconciled.taskManagers()}
	}
	on.describe(t, s, reconciled)
	if reconciled != nil {
		s.setRunning(reconciled, now)
	}
}

// taskManagers is how many TaskManagers the job needs.
func (s spec) taskManagers() int64 {
	if replicas, ok := s.number("taskManager", "replicas"); ok {
		return replicas
	}
	parallelism, _ := s.number("job", "parallelism")
	slots, err := strconv.ParseInt(s.config()[flink.TaskSlots], 10, 64)
	if err != nil || slots < 1 {
		slots = 1
	}
	return (parallelism + slots - 1) / slots
}

// setRunning sets the condition Running: of an application, that its job runs;
// of a session cluster, that its JobManager is ready.
func (s *deploymentStatus) setRunning(reconciled spec, now time.Time) {
	state := s.JobStatus.State
	holds := state == flink.JobRunning
	if reconciled.job() == nil {
		state, holds = s.JobManagerDeploymentStatus, s.JobManagerDeploymentStatus == flink.JobManagerReady
	}
	running := condition{
		Type: "Running", Status: map[bool]string{true: "True", false: "False"}[holds], Reason: camel(state),
		LastTransitionTime: now.UTC().Format(time.RFC3339),
	}
	if len(s.Conditions) == 1 && s.Conditions[0].Status == running.Status {
		running.LastTransitionTime = s.Conditions[0].LastTransitionTime
	}
	s.Conditions = []condition{running}
}

// camel turns DEPLOYED_NOT_READY into DeployedNotReady.
func camel(constant string) string {
	var out strings.Builder
	start := true
	for _, r := range constant {
		switch {
		case r == '_':
			start = true
		case start:
			out.WriteRune(r)
			start = false
		default:
			out.WriteRune(unicode.ToLower(r))
		}
	}
	return out.String()
}

// sessionJob moves a FlinkSessionJob one step onwards. cluster is its session
// cluster's spec, nil where there is none, and ready whether it can take jobs.
func sessionJob(ctx context.Context, on engine, t target, status *commonStatus, cluster spec, ready bool, now time.Time, pace time.Duration) outcome {
	m := &machine{
		target:       t,
		engine:       on,
		status:       status,
		clusterReady: ready,
		cluster:      cluster,
		validate: func(reconciled spec) error {
			return validateSessionJob(t.spec, reconciled, cluster, on.fetches)
		},
		blocked: func() string { return "" },
		now:     now,
		pace:    t.duration(AnnotationPace, pace),
	}
	return m.step(ctx)
}
