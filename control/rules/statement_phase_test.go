package rules_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/openweir/weir/control/rules"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// TestStatementPhaseMachine states every pair of event and phase; "-" means that
// the event cannot be.
func TestStatementPhaseMachine(t *testing.T) {
	const machine = `
event         PENDING   RUNNING   FAILING   STOPPED   COMPLETED FAILED    DELETING
start         -         -         -         PENDING   -         -         -
stop          PENDING   RUNNING   FAILING   -         -         -         -
rescale       PENDING   PENDING   PENDING   STOPPED   -         -         -
redeploy      PENDING   PENDING   PENDING   STOPPED   -         PENDING   -
move          -         -         -         STOPPED   -         -         -
delete        DELETING  DELETING  DELETING  DELETING  DELETING  DELETING  DELETING
job_waits     PENDING   RUNNING   FAILING   -         -         -         -
job_runs      RUNNING   RUNNING   RUNNING   -         -         RUNNING   -
job_recovers  FAILING   FAILING   FAILING   -         -         FAILING   -
job_fails     FAILED    FAILED    FAILED    -         -         FAILED    -
job_finishes  COMPLETED COMPLETED COMPLETED -         COMPLETED COMPLETED -
job_stops     STOPPED   STOPPED   STOPPED   STOPPED   -         -         -`
	rows := strings.Split(strings.TrimSpace(machine), "\n")
	phases := strings.Fields(rows[0])[1:]
	same(t, rules.StatementPhases, phases)
	for _, row := range rows[1:] {
		columns := strings.Fields(row)
		event := rules.StatementEvent(strings.ReplaceAll(columns[0], "_", " "))
		for i, want := range columns[1:] {
			t.Run(columns[0]+" while "+phases[i], func(t *testing.T) {
				next, ok := rules.NextPhase(phases[i], event)
				if !ok {
					next = "-"
				}
				same(t, next, want)
			})
		}
	}
	if next, ok := rules.NextPhase("NO PHASE", rules.JobRuns); ok {
		t.Errorf("no phase leads to %s", next)
	}
}

func deployedStatement(generation int64, stopped bool, action rules.StatementEvent) *storev1.StatementRecord {
	return &storev1.StatementRecord{
		Statement:  &cmfv1.Statement{Spec: &cmfv1.StatementSpec{Stopped: &stopped}},
		Generation: generation, ObjectKind: "FlinkDeployment", Action: string(action),
	}
}

// TestStatementFollowsItsObject tells what becomes of a phase when the object of
// a statement reports.
func TestStatementFollowsItsObject(t *testing.T) {
	said := func(generation int64, lifecycle, job string) *storev1.StatusRecord {
		return &storev1.StatusRecord{Generation: generation, LifecycleState: lifecycle, JobState: job}
	}
	in := func(phase string, generation int64) *storev1.StatusRecord {
		return &storev1.StatusRecord{Phase: phase, Generation: generation}
	}
	refused := said(0, "", "")
	refused.Problem = &storev1.Problem{Reason: "Forbidden"}
	retried := said(0, "", "")
	retried.Problem = &storev1.Problem{Reason: "Unavailable", Retrying: true}
	crashed := said(1, "DEPLOYED", "RECONCILING")
	crashed.JobManagerStatus = "ERROR"
	for name, test := range map[string]struct {
		record        *storev1.StatementRecord
		before, after *storev1.StatusRecord
		lagging       bool
		want          string
	}{
		"it runs":                          {deployedStatement(1, false, ""), nil, said(1, "STABLE", "RUNNING"), false, "RUNNING"},
		"it recovers":                      {deployedStatement(1, false, ""), in("RUNNING", 1), said(1, "STABLE", "RESTARTING"), false, "FAILING"},
		"it fails":                         {deployedStatement(1, false, ""), in("RUNNING", 1), said(1, "FAILED", "FAILED"), false, "FAILED"},
		"its JobManager crashes":           {deployedStatement(1, false, ""), nil, crashed, false, "FAILED"},
		"it is out of sight":               {deployedStatement(1, false, ""), in("RUNNING", 1), said(1, "STABLE", "RECONCILING"), false, "RUNNING"},
		"it ends":                          {deployedStatement(1, false, ""), in("RUNNING", 1), said(1, "STABLE", "FINISHED"), false, "COMPLETED"},
		"it is refused":                    {deployedStatement(1, false, ""), nil, refused, false, "FAILED"},
		"it is tried again":                {deployedStatement(1, false, ""), nil, retried, false, ""},
		"it is stopping":                   {deployedStatement(2, true, "stop"), in("RUNNING", 1), said(2, "STABLE", "RUNNING"), true, "RUNNING"},
		"it has stopped":                   {deployedStatement(2, true, "stop"), in("RUNNING", 1), said(2, "SUSPENDED", "FINISHED"), false, "STOPPED"},
		"it is to run again":               {deployedStatement(3, false, "start"), in("STOPPED", 2), said(3, "SUSPENDED", "FINISHED"), true, "PENDING"},
		"it is upgraded":                   {deployedStatement(3, false, "rescale"), in("RUNNING", 2), said(3, "UPGRADING", "FINISHED"), false, "PENDING"},
		"an old report of a rescaled one":  {deployedStatement(2, false, "rescale"), in("RUNNING", 1), said(1, "STABLE", "RESTARTING"), false, "RUNNING"},
		"it never ran and is stopped":      {deployedStatement(1, true, ""), nil, said(1, "CREATED", ""), true, "STOPPED"},
		"it ran on before it could finish": {deployedStatement(2, false, "rescale"), in("RUNNING", 1), said(2, "STABLE", "RUNNING"), true, "PENDING"},
	} {
		t.Run(name, func(t *testing.T) {
			rules.ConcludePhase(test.record, test.before, test.after, !test.lagging)
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
			same(t, rules.StatementPhase(test.record, test.reported), test.want)
		})
	}
}

func TestActionThatAPhaseDoesNotAllow(t *testing.T) {
	for _, test := range []struct {
		phase   string
		actions []rules.StatementEvent
		want    []string
	}{
		{"STOPPED", []rules.StatementEvent{rules.StatementMove, rules.StatementRescale, rules.StatementStart}, nil},
		{"RUNNING", []rules.StatementEvent{rules.StatementRescale, rules.StatementStop}, nil},
		{"RUNNING", []rules.StatementEvent{rules.StatementStart},
			[]string{"spec.stopped: a statement that is RUNNING cannot be resumed; it would have to be STOPPED"}},
		{"COMPLETED", []rules.StatementEvent{rules.StatementStop},
			[]string{"spec.stopped: a statement that is COMPLETED cannot be stopped; it would have to be PENDING, RUNNING, FAILING"}},
		{"RUNNING", []rules.StatementEvent{rules.StatementMove},
			[]string{"spec.computePoolName: a statement that is RUNNING cannot be moved to another compute pool; it would have to be STOPPED"}},
	} {
		t.Run(fmt.Sprint(test.actions, " while ", test.phase), func(t *testing.T) {
			same(t, messages(t, rules.Act(test.phase, test.actions)), test.want)
		})
	}
}
