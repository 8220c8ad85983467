package operator

import (
	"fmt"
	"time"
)

// Annotations that select what the sandbox simulates.
const (
	// AnnotationFail names a fault, of those below.
	AnnotationFail = "sandbox.weir.dev/fail"
	// AnnotationFinishAfter is how long the job runs before it finishes.
	AnnotationFinishAfter = "sandbox.weir.dev/finish-after"
	// AnnotationPace is how long each step of this object takes.
	AnnotationPace = "sandbox.weir.dev/pace"
)

// Faults, the values of AnnotationFail.
const (
	// faultValidation has every new spec refused.
	faultValidation = "validation"
	// faultImage leaves the JobManager without an image.
	faultImage = "image"
	// faultJobManager lets the JobManager crash again and again.
	faultJobManager = "jobmanager"
	// faultJob lets the job fail a while after it runs, for good.
	faultJob = "job"
	// faultCrashOnce lets every run of the job fail and recover once.
	faultCrashOnce = "crash-once"
	// faultRestartLoop lets the job fail and recover without end.
	faultRestartLoop = "restart-loop"
	// faultSavepoint lets every savepoint fail.
	faultSavepoint = "savepoint"
	// faultFlakySavepoint lets the first try of every savepoint fail.
	faultFlakySavepoint = "flaky-savepoint"
	// faultCleanup lets the deletion never end.
	faultCleanup = "cleanup"
)

// marker is the key of status.clusterInfo by which the sandbox says what it is.
const marker = "weir-sandbox"

// Keys of status.clusterInfo in which the sandbox remembers what it has done.
const (
	crashedKey  = "weir-sandbox-crashed"
	restartsKey = "weir-sandbox-restarts"
)

// simulated ends every message about a fault, so that nobody looks for it in
// Flink.
const simulated = "(simulated by the Weir sandbox)"

// jobException is what a job fails with.
const jobException = `org.apache.flink.runtime.JobException: Recovery is suppressed by NoRestartBackoffTimeStrategy
Caused by: java.lang.IllegalStateException: Record could not be processed ` + simulated + `
	at dev.weir.sandbox.SimulatedFailure.map(SimulatedFailure.java:42)
	at org.apache.flink.streaming.api.operators.StreamMap.processElement(StreamMap.java:37)`

// taskException is what a job restarts after.
const taskException = `java.lang.RuntimeException: Task failed and is restarted ` + simulated + `
	at dev.weir.sandbox.SimulatedFailure.map(SimulatedFailure.java:17)
	at org.apache.flink.streaming.runtime.tasks.StreamTask.invoke(StreamTask.java:914)`

// savepointFailure is why a savepoint fails.
const savepointFailure = "Checkpoint was declined: the savepoint could not be written " + simulated

// duration returns the duration in an annotation, or an alternative where
// there is none that makes sense.
func (t *target) duration(annotation string, alternative time.Duration) time.Duration {
	d, err := time.ParseDuration(t.annotations[annotation])
	if err != nil || d <= 0 {
		return alternative
	}
	return d
}

// faulty tells whether the object is to have the fault.
func (t *target) faulty(fault string) bool { return t.annotations[AnnotationFail] == fault }

// savepointFails tells whether the next savepoint does. tried is set where one
// failed before.
func (t *target) savepointFails(tried bool) bool {
	return t.faulty(faultSavepoint) || t.faulty(faultFlakySavepoint) && !tried
}

// refuse is the fault of validation.
func (t *target) refuse() error {
	if t.faulty(faultValidation) {
		return fmt.Errorf("the annotation %s asks for a refusal %s", AnnotationFail, simulated)
	}
	return nil
}
