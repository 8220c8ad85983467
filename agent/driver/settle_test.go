package driver

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/openweir/weir/flink"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	"github.com/openweir/weir/internal/await"
)

// inBubble runs a driver with the timing of production and a clock of its own.
func inBubble(t *testing.T, test func(*testing.T, *testSession)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		test(t, newEnvOver(t, inMemory).connect(func(c *Config) { c.Timing = DefaultTiming }))
	})
}

// after is how long a change takes until it is applied, by the clock of the bubble.
func (s *testSession) after(generation int64, manifest string) time.Duration {
	s.t.Helper()
	begin := time.Now()
	s.applyDeployment("app", "u1", generation, manifest)
	s.reports.applied("app", generation)
	return time.Since(begin)
}

// operatorSays writes a status, and waits until the driver has reported it.
func (s *testSession) operatorSays(status string) {
	s.t.Helper()
	s.edit("app", `{"status":`+status+`}`, "status")
	s.reports.status("app", func(r *agentv1.StatusReport) bool { return r.GetStatus() == status })
}

func TestAChangeWaitsUntilTheStatusHasNotChangedForAWhile(t *testing.T) {
	inBubble(t, func(t *testing.T, s *testSession) {
		if took := s.after(1, manifest("app", 1)); took != 0 {
			t.Errorf("the creation took %s; want none, since there is no status yet", took)
		}
		s.operatorSays(`{"lifecycleState":"STABLE"}`)
		await.Elapse(1500 * time.Millisecond)
		if took := s.after(2, manifest("app", 2)); took != 500*time.Millisecond {
			t.Errorf("a change 1.5 s after the last change of the status took %s; want 500ms", took)
		}
		await.Elapse(time.Minute)
		if took := s.after(3, manifest("app", 3)); took != 0 {
			t.Errorf("a change long after the last change of the status took %s; want none", took)
		}
	})
}

func TestAChangeWaitsNoLongerThanTheLimit(t *testing.T) {
	inBubble(t, func(t *testing.T, s *testSession) {
		s.after(1, manifest("app", 1))
		ctx := t.Context()
		var running sync.WaitGroup
		stopped := make(chan struct{})
		running.Go(func() {
			for n := 0; ; n++ {
				_, err := s.in(deployments).Patch(ctx, "app", "application/merge-patch+json", fmt.Appendf(nil, `{"status":{"clusterInfo":{"n":"%d"}}}`, n), metav1.PatchOptions{}, "status")
				if err != nil {
					t.Errorf("write the status: %s", err)
				}
				select {
				case <-stopped:
					return
				case <-time.After(time.Second):
				}
			}
		})
		defer running.Wait()
		defer close(stopped)
		if took := s.after(2, manifest("app", 2)); took < 29*time.Second || took > 31*time.Second {
			t.Errorf("the change took %s; want 30s, since the status never stays the same for 2 s", took)
		}
	})
}

// The operator may write the status at the very moment at which the wait for it ends.
func TestAWriteThatMeetsAConflictAtTheLimitIsNotDelayedAgain(t *testing.T) {
	timing := Timing{Settle: 2 * time.Second, SettleMax: 30 * time.Second}
	begin := time.Now()
	var s settling
	for _, step := range []struct{ at, want time.Duration }{{0, 2 * time.Second}, {29 * time.Second, time.Second}, {30 * time.Second, 0}, {30 * time.Second, 0}} {
		now := begin.Add(step.at)
		s.changed = now // the status has just changed
		if got := s.delay(now, true, timing); got != step.want {
			t.Errorf("after %s, the delay is %s; want %s", step.at, got, step.want)
		}
	}
	s.end()
	s.changed = begin.Add(time.Minute)
	if got := s.delay(s.changed, true, timing); got != timing.Settle {
		t.Errorf("the delay of the next write is %s; want %s", got, timing.Settle)
	}
}

func TestARepairWaitsUntilTheStatusHasNotChangedForAWhile(t *testing.T) {
	inBubble(t, func(t *testing.T, s *testSession) {
		s.after(1, manifest("app", 1))
		await.Elapse(time.Minute)
		s.operatorSays(`{"lifecycleState":"STABLE"}`)
		begin := time.Now()
		s.edit("app", `{"spec":{"job":{"parallelism":9}}}`)
		s.reports.event("app", "DriftRepaired")
		if took := time.Since(begin); took != DefaultTiming.Settle {
			t.Errorf("the repair took %s; want %s", took, DefaultTiming.Settle)
		}
	})
}

func TestAJobIsResumedOnceTheOperatorHasStoredThatItIsSuspended(t *testing.T) {
	const running, stopped = `"lastReconciledSpec":"{\"spec\":{\"job\":{\"state\":\"running\"}}}"`, `"lastReconciledSpec":"{\"spec\":{\"job\":{\"state\":\"suspended\"}}}"`
	object := func(state string, status string) *unstructured.Unstructured {
		o := &unstructured.Unstructured{}
		text := fmt.Sprintf(`{"apiVersion":"flink.apache.org/v1beta1","kind":"FlinkDeployment","metadata":{"name":"app","generation":3},"spec":{"job":{"state":%q}},"status":%s}`, state, status)
		if err := o.UnmarshalJSON([]byte(text)); err != nil {
			t.Fatal(err)
		}
		return o
	}
	for name, test := range map[string]struct {
		from, to, status string
		want             bool
	}{
		"the operator has not stopped it":      {"suspended", "running", `{"observedGeneration":2,"lifecycleState":"STABLE","reconciliationStatus":{` + running + `}}`, true},
		"it was suspended before":              {"suspended", "running", `{"observedGeneration":2,"lifecycleState":"SUSPENDED","reconciliationStatus":{` + stopped + `}}`, true},
		"the operator is stopping it":          {"suspended", "running", `{"observedGeneration":3,"lifecycleState":"UPGRADING","reconciliationStatus":{` + stopped + `}}`, true},
		"it is stored":                         {"suspended", "running", `{"observedGeneration":3,"lifecycleState":"SUSPENDED","reconciliationStatus":{` + stopped + `}}`, false},
		"it has never run":                     {"suspended", "running", `{"lifecycleState":"CREATED","reconciliationStatus":{"state":"UPGRADING"}}`, false},
		"the operator has not seen the object": {"suspended", "running", `{}`, false},
		"it stays suspended":                   {"suspended", "suspended", `{"observedGeneration":2,"lifecycleState":"STABLE","reconciliationStatus":{` + running + `}}`, false},
		"it runs":                              {"running", "running", `{"observedGeneration":2,"lifecycleState":"STABLE","reconciliationStatus":{` + running + `}}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := resumesEarly(object(test.to, `{}`), object(test.from, test.status)); got != test.want {
				t.Errorf("resumed too early: %t; want %t", got, test.want)
			}
		})
	}
}

// A user who starts an application as soon as it is SUSPENDED does not interrupt the
// operator, which would forget that it has taken a savepoint.
func TestAJobThatIsResumedAtOnceStartsFromItsSavepoint(t *testing.T) {
	inBubble(t, func(t *testing.T, s *testSession) {
		operator := &operatorWithMemory{testSession: s}
		var running sync.WaitGroup
		stop := make(chan struct{})
		running.Go(func() { operator.run(stop) })
		end := sync.OnceFunc(func() {
			close(stop)
			running.Wait()
		})
		defer end()

		lifecycle := func(generation int64, state string) {
			s.reports.status("app", func(r *agentv1.StatusReport) bool {
				return r.GetGeneration() == generation && strings.Contains(r.GetStatus(), `"lifecycleState":"`+state+`"`)
			})
		}
		generation := int64(1)
		s.applyDeployment("app", "u1", generation, manifest("app", 1))
		lifecycle(generation, "STABLE")
		await.Elapse(time.Minute)
		var want []string
		for n := 1; n <= 5; n++ {
			generation++
			s.applyDeployment("app", "u1", generation, strings.Replace(manifest("app", 1), `"state":"running"`, `"state":"suspended"`, 1))
			lifecycle(generation, "SUSPENDED") // after the first of the operator's writes
			generation++
			s.applyDeployment("app", "u1", generation, manifest("app", 1))
			lifecycle(generation, "STABLE")
			want = append(want, fmt.Sprintf("savepoint-%d", n))
		}
		end()
		if got := operator.startedFrom[1:]; !slices.Equal(got, want) {
			t.Errorf("the job started from %v; want %v", got, want)
		}
	})
}

// operatorWithMemory stores a status as the operator does: it writes it three times,
// each time for the version that it wrote last, and keeps it in memory. If another
// client has written the object in between, it keeps what it had before.
type operatorWithMemory struct {
	*testSession
	status      map[string]any // as kept in memory
	running     bool           // the job, whatever the status says
	savepoints  int
	startedFrom []string
}

const (
	operatorInterval = 250 * time.Millisecond // between two reconciliations
	operatorWrite    = 20 * time.Millisecond  // that one write takes
)

func (o *operatorWithMemory) run(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(operatorInterval):
		}
		if object := o.get("app"); object != nil {
			o.reconcile(object)
		}
	}
}

func (o *operatorWithMemory) reconcile(object *unstructured.Unstructured) {
	recorded, _, _ := unstructured.NestedString(o.status, "lifecycleState")
	observed, _, _ := unstructured.NestedInt64(o.status, "observedGeneration")
	path, _, _ := unstructured.NestedString(o.status, "jobStatus", "upgradeSavepointPath")
	desired := jobState(object)
	switch {
	case observed == object.GetGeneration():
		return
	case desired == flink.Suspended && recorded == flink.LifecycleStable:
		if o.running { // otherwise there is no job to take a savepoint of
			o.savepoints++
			path = fmt.Sprintf("savepoint-%d", o.savepoints)
			o.running = false
		}
		recorded = flink.LifecycleSuspended
	case desired == flink.Running && recorded != flink.LifecycleStable:
		o.startedFrom = append(o.startedFrom, path)
		o.running = true
		recorded = flink.LifecycleStable
	case desired == flink.Running && !o.running:
		// It takes the job for a running one that has ended.
		o.startedFrom = append(o.startedFrom, "an old checkpoint")
		o.running = true
	case recorded == "":
		return // it was created as suspended
	}
	o.store(object, map[string]any{
		"lifecycleState": recorded, "observedGeneration": object.GetGeneration(),
		"jobStatus":            map[string]any{"upgradeSavepointPath": path},
		"reconciliationStatus": map[string]any{"lastReconciledSpec": `{"spec":{"job":{"state":"` + desired + `"}}}`},
	})
}

func (o *operatorWithMemory) store(object *unstructured.Unstructured, status map[string]any) {
	for n := range 3 {
		status["clusterInfo"] = map[string]any{"write": fmt.Sprint(n)}
		text, err := json.Marshal(map[string]any{"metadata": map[string]any{"resourceVersion": object.GetResourceVersion()}, "status": status})
		if err != nil {
			o.t.Error(err)
			return
		}
		object, err = o.in(deployments).Patch(o.t.Context(), "app", "application/merge-patch+json", text, metav1.PatchOptions{}, "status")
		if apierrors.IsConflict(err) {
			return
		}
		if err != nil {
			o.t.Errorf("write the status: %s", err)
			return
		}
		await.Elapse(operatorWrite)
	}
	o.status = status
}
