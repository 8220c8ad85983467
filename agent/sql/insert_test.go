package sql

import (
	"slices"
	"strings"
	"testing"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	"github.com/openweir/weir/internal/await"
)

func insertion() Spec {
	return Spec{
		Statement: "INSERT INTO t", Detached: true, UpgradeMode: "savepoint", Parallelism: 1,
		Configuration: map[string]string{"state.savepoints.dir": "file:///sp"},
	}
}

func TestAnInsertOutlivesItsAgent(t *testing.T) {
	f := newFlink(t)
	a := start(t, f)
	a.apply(1, insertion())
	before := a.reaches(1, "STABLE", "RUNNING")
	a.kill()
	b := start(t, f)
	b.apply(1, insertion())
	after := b.reaches(1, "STABLE", "RUNNING")
	if before.JobStatus.JobID != after.JobStatus.JobID || len(f.jobs) != 1 {
		t.Errorf("the job was %+v and is %+v", before.JobStatus, after.JobStatus)
	}
}

func TestAnInsertOutlivesAnAgentThatStops(t *testing.T) {
	f := newFlink(t)
	a := start(t, f)
	a.apply(1, insertion())
	a.reaches(1, "STABLE", "RUNNING")
	a.end()
	if len(f.alive()) != 1 {
		t.Error("the job went with the agent")
	}
}

func TestStoppedWithASavepointAndResumedFromIt(t *testing.T) {
	for _, restarts := range []bool{false, true} {
		f := newFlink(t)
		a := start(t, f)
		spec := insertion()
		a.apply(1, spec)
		first := a.reaches(1, "STABLE", "RUNNING")
		spec.State = "suspended"
		a.apply(2, spec)
		stopped := a.reaches(2, "SUSPENDED", "FINISHED")
		path := "file:///sp/savepoint-" + first.JobStatus.JobID
		if stopped.JobStatus.UpgradeSavepointPath != path {
			t.Fatalf("stopped, the job is %+v", stopped.JobStatus)
		}
		if restarts {
			a.kill()
			a = start(t, f)
		}
		spec.State = "running"
		a.apply(3, spec)
		a.reaches(3, "STABLE", "RUNNING")
		f.at(func() {
			if len(f.jobs) != 2 || f.jobs[1].restored != path {
				t.Errorf("restarted: %v; the jobs are %+v", restarts, f.jobs)
			}
		})
	}
}

// TestAChangeWhileTheAgentWasStopped is noticed by what the job was made of.
func TestAChangeWhileTheAgentWasStopped(t *testing.T) {
	f := newFlink(t)
	a := start(t, f)
	spec := insertion()
	a.apply(1, spec)
	first := a.reaches(1, "STABLE", "RUNNING")
	a.kill()
	b := start(t, f)
	spec.Parallelism = 4
	b.apply(2, spec)
	await.Until(t, "a job of another parallelism runs", func() bool {
		s, at := b.last()
		return at == 2 && s.LifecycleState == "STABLE" && s.JobStatus.JobID != first.JobStatus.JobID && s.JobStatus.State == "RUNNING"
	})
	f.at(func() {
		if f.jobs[1].restored != "file:///sp/savepoint-"+first.JobStatus.JobID {
			t.Errorf("the job goes on from %q", f.jobs[1].restored)
		}
	})
}

func TestANewNonceRestartsFromTheNamedSavepoint(t *testing.T) {
	f := newFlink(t)
	a := start(t, f)
	spec := insertion()
	a.apply(1, spec)
	first := a.reaches(1, "STABLE", "RUNNING")
	spec.InitialSavepointPath, spec.SavepointRedeployNonce = "file:///elsewhere", 2
	a.apply(2, spec)
	await.Until(t, "another job runs", func() bool {
		s, at := a.last()
		return at == 2 && s.JobStatus.JobID != first.JobStatus.JobID && s.JobStatus.State == "RUNNING"
	})
	f.at(func() {
		if f.jobs[0].state != "CANCELED" || f.jobs[1].restored != "file:///elsewhere" {
			t.Errorf("the jobs are %+v and %+v", f.jobs[0], f.jobs[1])
		}
	})
}

func TestWithoutASavepointDirectoryTheJobIsCancelled(t *testing.T) {
	f := newFlink(t)
	a := start(t, f)
	spec := insertion()
	spec.Configuration = nil
	a.apply(1, spec)
	a.reaches(1, "STABLE", "RUNNING")
	spec.State = "suspended"
	a.apply(2, spec)
	if s := a.reaches(2, "SUSPENDED", "FINISHED"); s.JobStatus.UpgradeSavepointPath != "" {
		t.Errorf("the job is %+v", s.JobStatus)
	}
	spec.State = "running"
	a.apply(3, spec)
	a.reaches(3, "STABLE", "RUNNING")
}

func TestAFinishedInsertIsNotRunAgain(t *testing.T) {
	f := newFlink(t)
	a := start(t, f)
	a.apply(1, insertion())
	a.reaches(1, "STABLE", "RUNNING")
	f.at(func() { f.jobs[0].state = "FINISHED" })
	s := a.reaches(1, "STABLE", "FINISHED")
	a.kill()

	// Flink remembers.
	b := start(t, f)
	b.apply(1, insertion())
	b.reaches(1, "STABLE", "FINISHED")
	b.kill()

	// Flink has forgotten, and the control plane remembers.
	f.at(func() { f.jobs = nil })
	spec := insertion()
	spec.Known = Known{JobID: s.JobStatus.JobID, State: "FINISHED", Phase: "COMPLETED"}
	c := start(t, f)
	c.apply(1, spec)
	c.reaches(1, "STABLE", "FINISHED")
	c.acked(agentv1.Outcome_OUTCOME_APPLIED)
	if len(f.alive()) > 0 {
		t.Errorf("it runs again: %v", f.alive())
	}
}

func TestAJobThatItsJobManagerLostIsSubmittedAgain(t *testing.T) {
	f := newFlink(t)
	a := start(t, f)
	a.apply(1, insertion())
	first := a.reaches(1, "STABLE", "RUNNING")
	f.at(func() { f.jobs[0] = &job{id: "another", name: "somebody's", state: "RUNNING"} })
	a.passes("RECONCILING")
	await.Until(t, "the job is there again", func() bool {
		s, _ := a.last()
		return s.JobStatus.State == "RUNNING" && s.JobStatus.JobID != first.JobStatus.JobID
	})
}

func TestExceptionsOfAFailedJobAreReported(t *testing.T) {
	f := newFlink(t)
	a := start(t, f)
	a.apply(1, insertion())
	a.reaches(1, "STABLE", "RUNNING")
	f.at(func() { f.jobs[0].state = "FAILED" })
	s := a.reaches(1, "FAILED", "FAILED")
	if s.Error != `For input string: "x"` || len(s.Exceptions) != 1 || s.Exceptions[0].Name != "java.lang.NumberFormatException" {
		t.Errorf("the status is %+v", s)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.events) == 0 || a.events[0].GetReason() != "JobException" || !strings.HasPrefix(a.events[0].GetId(), f.jobs[0].id+"/") {
		t.Errorf("the events are %v", a.events)
	}
}

func TestAJobCancelledByAnotherClientHasFailed(t *testing.T) {
	f := newFlink(t)
	a := start(t, f)
	a.apply(1, insertion())
	a.reaches(1, "STABLE", "RUNNING")
	f.at(func() { f.jobs[0].state = "CANCELED" })
	if s := a.reaches(1, "FAILED", "CANCELED"); !strings.Contains(s.Error, "not by Weir") {
		t.Errorf("the error is %q", s.Error)
	}
}

func TestAReleasedInsertContinuesToRun(t *testing.T) {
	f := newFlink(t)
	a := start(t, f)
	a.apply(1, insertion())
	released := a.reaches(1, "STABLE", "RUNNING").JobStatus.JobID
	a.driver.Delete(&agentv1.Delete{Ref: ref(), OwnerUid: "u", Release: true})
	a.acked(agentv1.Outcome_OUTCOME_DELETED)
	// Orphaned jobs are cancelled in the order that Flink lists them, this one last.
	f.at(func() { f.jobs = append(f.jobs, &job{id: "stray", name: "weir/u-gone/n/gone", state: "RUNNING"}) })
	a.driver.Synced()
	await.Until(t, "the orphaned job is cancelled", func() bool {
		return !slices.ContainsFunc(f.alive(), func(j job) bool { return j.id == "stray" })
	})
	if !slices.ContainsFunc(f.alive(), func(j job) bool { return j.id == released }) {
		t.Error("the released job was cancelled")
	}
}

func TestAnInsertOfAnEarlierProcessIsDeleted(t *testing.T) {
	f := newFlink(t)
	f.jobs = []*job{{id: "1", name: "weir/u/n/s", state: "RUNNING"}}
	a := start(t, f)
	a.driver.Delete(&agentv1.Delete{Ref: ref(), OwnerUid: "u"})
	a.acked(agentv1.Outcome_OUTCOME_DELETED)
	if left := f.alive(); len(left) > 0 {
		t.Errorf("left are the jobs %v", left)
	}
}

// The control plane was restored from a backup, and the agent was restarted since.
func TestAJobOfANewerGenerationContinuesUntilTheStatementIsChanged(t *testing.T) {
	f := newFlink(t)
	first := start(t, f)
	newer := insertion()
	newer.Parallelism = 4
	first.apply(7, newer)
	running := first.reaches(7, "STABLE", "RUNNING").JobStatus.JobID
	first.kill()

	second := start(t, f)
	second.apply(3, insertion())
	ack := second.acked(agentv1.Outcome_OUTCOME_RETRYING)
	if ack.GetReason() != "ClusterAhead" || !strings.Contains(ack.GetMessage(), "it was submitted from generation 7, and the statement has generation 3") {
		t.Errorf("the Ack is %v", ack)
	}
	if job := second.reaches(3, "STABLE", "RUNNING").JobStatus.JobID; job != running {
		t.Errorf("job %s has replaced %s", job, running)
	}
	second.apply(1000, insertion())
	second.acked(agentv1.Outcome_OUTCOME_APPLIED)
	if job := second.reaches(1000, "STABLE", "RUNNING").JobStatus.JobID; job == running {
		t.Error("the changed statement is not applied")
	}
}
