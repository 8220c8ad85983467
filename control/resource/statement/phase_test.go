package statement

import (
	"fmt"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/resource"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func deployedStatement(generation int64, stopped bool, action event) *storev1.StatementRecord {
	return &storev1.StatementRecord{
		Statement:  &cmfv1.Statement{Spec: &cmfv1.StatementSpec{Stopped: &stopped}},
		Generation: generation, ObjectKind: "FlinkDeployment", Action: string(action),
	}
}

// walk is a statement over time: what its user does, what its object reports, and
// the phase that is shown.
type walk struct {
	record   *storev1.StatementRecord
	reported *storev1.StatusRecord
}

// step is something that happens in a walk, and the phase that is shown after it.
type step struct {
	happens func(testing.TB, *walk)
	want    string
}

// user does something with the statement, which its phase has to allow.
func user(actions ...event) func(testing.TB, *walk) {
	return func(t testing.TB, w *walk) {
		t.Helper()
		if err := checkActions(phaseFrom(w.record, w.reported), actions); err != nil {
			t.Error(err)
		}
		w.record.Generation++
		w.record.Action = string(actions[len(actions)-1])
		w.record.Statement.Spec.Stopped = proto.Bool(w.record.GetStatement().GetSpec().GetStopped() && !slices.Contains(actions, userStarts) || slices.Contains(actions, userStops))
	}
}

func userDeletes(_ testing.TB, w *walk) { w.record.Deleting = true }

// reportOf is a report of the object of a generation; generations count back from
// the newest. current is true if the operator has seen the newest specification.
func reportOf(back int64, current bool, lifecycle, job string) func(testing.TB, *walk) {
	return func(_ testing.TB, w *walk) {
		after := &storev1.StatusRecord{Generation: w.record.GetGeneration() - back, LifecycleState: lifecycle, JobState: job}
		concludePhase(w.record, w.reported, after, current)
		w.reported = after
	}
}

func report(lifecycle, job string) func(testing.TB, *walk) { return reportOf(0, true, lifecycle, job) }

// late is a report of the run before: the operator has not seen the newest
// specification yet.
func late(lifecycle, job string) func(testing.TB, *walk) { return reportOf(0, false, lifecycle, job) }

// old is a report of an object that was not changed yet.
func old(lifecycle, job string) func(testing.TB, *walk) { return reportOf(1, true, lifecycle, job) }

// problem is an object that could not be applied.
func problem(retrying bool) func(testing.TB, *walk) {
	return func(_ testing.TB, w *walk) {
		after := resource.CopyStatus(w.reported, "")
		after.Problem = &storev1.Problem{Reason: "Forbidden", Retrying: retrying}
		concludePhase(w.record, w.reported, after, false)
		w.reported = after
	}
}

// crash is a JobManager that does not start.
func crash(_ testing.TB, w *walk) {
	after := &storev1.StatusRecord{Generation: w.record.GetGeneration(), LifecycleState: "DEPLOYED", JobState: "RECONCILING", JobManagerStatus: "ERROR"}
	concludePhase(w.record, w.reported, after, true)
	w.reported = after
}

func TestPhaseOverTime(t *testing.T) {
	runs, recovers, waits := report("STABLE", "RUNNING"), report("STABLE", "RESTARTING"), report("STABLE", "RECONCILING")
	finishes, fails, suspended := report("STABLE", "FINISHED"), report("FAILED", "FAILED"), report("SUSPENDED", "FINISHED")
	for name, steps := range map[string][]step{
		"it runs to its end": {
			{report("DEPLOYED", "RECONCILING"), "PENDING"}, {runs, "RUNNING"}, {runs, "RUNNING"}, {recovers, "FAILING"}, {report("STABLE", "FAILING"), "FAILING"},
			{waits, "FAILING"}, {runs, "RUNNING"}, {waits, "RUNNING"}, {finishes, "COMPLETED"},
			// It has ended, whatever else is reported.
			{finishes, "COMPLETED"}, {runs, "COMPLETED"}, {recovers, "COMPLETED"}, {fails, "COMPLETED"}, {waits, "COMPLETED"},
		},
		"it ends before it was seen running":       {{finishes, "COMPLETED"}},
		"it ends while it recovers":                {{recovers, "FAILING"}, {finishes, "COMPLETED"}},
		"it fails before it was seen running":      {{fails, "FAILED"}, {fails, "FAILED"}, {waits, "FAILED"}},
		"it fails, and a job of it runs again":     {{runs, "RUNNING"}, {fails, "FAILED"}, {runs, "RUNNING"}},
		"it fails, and a job of it recovers":       {{recovers, "FAILING"}, {report("STABLE", "FAILED"), "FAILED"}, {recovers, "FAILING"}},
		"it fails, and a job of it ends":           {{fails, "FAILED"}, {finishes, "COMPLETED"}},
		"it fails, and is started from elsewhere":  {{fails, "FAILED"}, {user(userRedeploys), "PENDING"}, {runs, "RUNNING"}},
		"its JobManager does not start":            {{runs, "RUNNING"}, {crash, "FAILED"}},
		"it is refused, and accepted when it runs": {{problem(true), "PENDING"}, {problem(false), "FAILED"}, {runs, "RUNNING"}},
		"it is stopped and resumed": {
			{runs, "RUNNING"}, {user(userStops), "RUNNING"}, {late("STABLE", "RUNNING"), "RUNNING"}, {suspended, "STOPPED"}, {suspended, "STOPPED"},
			// It has stopped, whatever is reported of its last run.
			{runs, "STOPPED"}, {recovers, "STOPPED"}, {waits, "STOPPED"}, {finishes, "STOPPED"}, {crash, "STOPPED"},
			{user(userStarts), "PENDING"}, {old("SUSPENDED", "FINISHED"), "PENDING"}, {late("SUSPENDED", "FINISHED"), "PENDING"}, {runs, "RUNNING"},
		},
		"it is stopped while it recovers":        {{recovers, "FAILING"}, {user(userStops), "FAILING"}, {late("STABLE", "RUNNING"), "FAILING"}, {suspended, "STOPPED"}},
		"it is stopped before it ran":            {{user(userStops), "PENDING"}, {late("CREATED", ""), "STOPPED"}},
		"it ends while it is being stopped":      {{runs, "RUNNING"}, {user(userStops), "RUNNING"}, {finishes, "COMPLETED"}, {suspended, "COMPLETED"}},
		"it is rescaled while it runs":           {{runs, "RUNNING"}, {user(userRescales), "PENDING"}, {old("STABLE", "RESTARTING"), "PENDING"}, {report("UPGRADING", "FINISHED"), "PENDING"}, {late("STABLE", "RUNNING"), "PENDING"}, {runs, "RUNNING"}},
		"it is rescaled while it recovers":       {{recovers, "FAILING"}, {user(userRescales), "PENDING"}},
		"it is rescaled before it ran":           {{user(userRescales), "PENDING"}, {runs, "RUNNING"}},
		"it is rescaled and stopped":             {{runs, "RUNNING"}, {user(userRescales, userStops), "RUNNING"}, {suspended, "STOPPED"}},
		"it is started from elsewhere":           {{user(userRedeploys), "PENDING"}, {runs, "RUNNING"}, {user(userRedeploys), "PENDING"}, {recovers, "FAILING"}, {user(userRedeploys), "PENDING"}},
		"it is changed while it is stopped":      {{user(userStops), "PENDING"}, {suspended, "STOPPED"}, {user(userRescales), "STOPPED"}, {user(userMoves), "STOPPED"}, {user(userRedeploys), "STOPPED"}, {suspended, "STOPPED"}},
		"it is moved, rescaled and resumed":      {{user(userStops), "PENDING"}, {suspended, "STOPPED"}, {user(userMoves, userRescales, userStarts), "PENDING"}, {runs, "RUNNING"}},
		"it is deleted":                          {{runs, "RUNNING"}, {userDeletes, "DELETING"}, {runs, "DELETING"}, {finishes, "DELETING"}, {fails, "DELETING"}},
		"it is deleted when it has been stopped": {{user(userStops), "PENDING"}, {suspended, "STOPPED"}, {userDeletes, "DELETING"}, {suspended, "DELETING"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := &walk{record: deployedStatement(1, false, "")}
			same(t, phaseFrom(w.record, nil), "PENDING")
			for i, step := range steps {
				step.happens(t, w)
				if got := phaseFrom(w.record, w.reported); got != step.want {
					t.Fatalf("after step %d it is %s, want %s", i+1, got, step.want)
				}
			}
		})
	}
}

func TestActionsAllowedInAPhase(t *testing.T) {
	all := []event{userStarts, userStops, userRescales, userRedeploys, userMoves}
	for phase, want := range map[string][]event{
		"PENDING":   {userStops, userRescales, userRedeploys},
		"RUNNING":   {userStops, userRescales, userRedeploys},
		"FAILING":   {userStops, userRescales, userRedeploys},
		"STOPPED":   {userStarts, userRescales, userRedeploys, userMoves},
		"COMPLETED": nil,
		"FAILED":    {userRedeploys},
		"DELETING":  nil,
	} {
		t.Run(phase, func(t *testing.T) {
			var may []event
			for _, action := range all {
				if checkActions(phase, []event{action}) == nil {
					may = append(may, action)
				}
			}
			same(t, may, want)
		})
	}
}

// TestStatementFollowsItsObject tests the phase that results from a report about
// the object of a statement.
func TestStatementFollowsItsObject(t *testing.T) {
	reports := func(generation int64, lifecycle, job string) *storev1.StatusRecord {
		return &storev1.StatusRecord{Generation: generation, LifecycleState: lifecycle, JobState: job}
	}
	in := func(phase string, generation int64) *storev1.StatusRecord {
		return &storev1.StatusRecord{Phase: phase, Generation: generation}
	}
	refused := reports(0, "", "")
	refused.Problem = &storev1.Problem{Reason: "Forbidden"}
	retried := reports(0, "", "")
	retried.Problem = &storev1.Problem{Reason: "Unavailable", Retrying: true}
	crashed := reports(1, "DEPLOYED", "RECONCILING")
	crashed.JobManagerStatus = "ERROR"
	for name, test := range map[string]struct {
		record        *storev1.StatementRecord
		before, after *storev1.StatusRecord
		lagging       bool
		want          string
	}{
		"it runs":                               {deployedStatement(1, false, ""), nil, reports(1, "STABLE", "RUNNING"), false, "RUNNING"},
		"it recovers":                           {deployedStatement(1, false, ""), in("RUNNING", 1), reports(1, "STABLE", "RESTARTING"), false, "FAILING"},
		"it fails":                              {deployedStatement(1, false, ""), in("RUNNING", 1), reports(1, "FAILED", "FAILED"), false, "FAILED"},
		"its JobManager crashes":                {deployedStatement(1, false, ""), nil, crashed, false, "FAILED"},
		"it is out of sight":                    {deployedStatement(1, false, ""), in("RUNNING", 1), reports(1, "STABLE", "RECONCILING"), false, "RUNNING"},
		"it ends":                               {deployedStatement(1, false, ""), in("RUNNING", 1), reports(1, "STABLE", "FINISHED"), false, "COMPLETED"},
		"it is refused":                         {deployedStatement(1, false, ""), nil, refused, false, "FAILED"},
		"it is tried again":                     {deployedStatement(1, false, ""), nil, retried, false, ""},
		"it is stopping":                        {deployedStatement(2, true, "stop"), in("RUNNING", 1), reports(2, "STABLE", "RUNNING"), true, "RUNNING"},
		"it has stopped":                        {deployedStatement(2, true, "stop"), in("RUNNING", 1), reports(2, "SUSPENDED", "FINISHED"), false, "STOPPED"},
		"it is to run again":                    {deployedStatement(3, false, "start"), in("STOPPED", 2), reports(3, "SUSPENDED", "FINISHED"), true, "PENDING"},
		"it is upgraded":                        {deployedStatement(3, false, "rescale"), in("RUNNING", 2), reports(3, "UPGRADING", "FINISHED"), false, "PENDING"},
		"an old report of a rescaled statement": {deployedStatement(2, false, "rescale"), in("RUNNING", 1), reports(1, "STABLE", "RESTARTING"), false, "RUNNING"},
		"it never ran and is stopped":           {deployedStatement(1, true, ""), nil, reports(1, "CREATED", ""), true, "STOPPED"},
		"it ran on before it could finish":      {deployedStatement(2, false, "rescale"), in("RUNNING", 1), reports(2, "STABLE", "RUNNING"), true, "PENDING"},
	} {
		t.Run(name, func(t *testing.T) {
			concludePhase(test.record, test.before, test.after, !test.lagging)
			same(t, test.after.GetPhase(), test.want)
		})
	}
}

func TestPhaseThatUsersSee(t *testing.T) {
	deleting := deployedStatement(2, false, "start")
	deleting.Deleting = true
	answered := &storev1.StatementRecord{Phase: "COMPLETED"}
	for name, test := range map[string]struct {
		record   *storev1.StatementRecord
		reported *storev1.StatusRecord
		want     string
	}{
		"not reported":                  {deployedStatement(1, false, ""), nil, "PENDING"},
		"created so as not to run":      {deployedStatement(1, true, ""), nil, "STOPPED"},
		"resumed, not reported since":   {deployedStatement(3, false, "start"), &storev1.StatusRecord{Phase: "STOPPED", Generation: 2}, "PENDING"},
		"stopped, not reported since":   {deployedStatement(3, true, "stop"), &storev1.StatusRecord{Phase: "RUNNING", Generation: 2}, "RUNNING"},
		"rescaled, not reported since":  {deployedStatement(3, false, "rescale"), &storev1.StatusRecord{Phase: "RUNNING", Generation: 2}, "PENDING"},
		"rescaled and reported":         {deployedStatement(3, false, "rescale"), &storev1.StatusRecord{Phase: "RUNNING", Generation: 3}, "RUNNING"},
		"being deleted":                 {deleting, &storev1.StatusRecord{Phase: "RUNNING", Generation: 2}, "DELETING"},
		"answered by the control plane": {answered, nil, "COMPLETED"},
	} {
		t.Run(name, func(t *testing.T) {
			same(t, phaseFrom(test.record, test.reported), test.want)
		})
	}
}

func TestActionNotAllowedInAPhase(t *testing.T) {
	for _, test := range []struct {
		phase   string
		actions []event
		want    []string
	}{
		{"STOPPED", []event{userMoves, userRescales, userStarts}, nil},
		{"RUNNING", []event{userRescales, userStops}, nil},
		{"RUNNING", []event{userStarts},
			[]string{"spec.stopped: a statement that is RUNNING cannot be resumed; it must be STOPPED"}},
		{"COMPLETED", []event{userStops},
			[]string{"spec.stopped: a statement that is COMPLETED cannot be stopped; it must be PENDING, RUNNING, FAILING"}},
		{"RUNNING", []event{userMoves},
			[]string{"spec.computePoolName: a statement that is RUNNING cannot be moved to another compute pool; it must be STOPPED"}},
	} {
		t.Run(fmt.Sprint(test.actions, " while ", test.phase), func(t *testing.T) {
			same(t, messages(t, checkActions(test.phase, test.actions)), test.want)
		})
	}
}
