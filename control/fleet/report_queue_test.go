package fleet

import (
	"testing"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// A session that has been superseded can go on to report for a moment, while a report
// of the newer one is being stored.
func TestAReportThatIsKeptIsNotMixedWithThatOfAnotherSession(t *testing.T) {
	for _, test := range []struct {
		name        string
		kept, later int64 // the epochs of the sessions
		want        string
	}{
		{"an older session", 2, 1, "kept"},
		{"the same session", 2, 2, "later"},
		{"a newer session", 2, 3, "later"},
	} {
		t.Run(test.name, func(t *testing.T) {
			reportOf := func(epoch int64, status string) *report {
				return &report{session: &session{epoch: epoch}, status: &agentv1.StatusReport{Status: status}, acks: map[string]*agentv1.Ack{}}
			}
			key := reportKey{}
			queue := &reports{waiting: map[reportKey]*report{key: reportOf(test.later, "later")}}
			queue.keep(key, reportOf(test.kept, "kept"))
			waiting := queue.waiting[key]
			if got := waiting.status.GetStatus(); got != test.want {
				t.Errorf("the status that is going to be stored is %q, want %q", got, test.want)
			}
			if waiting.session.epoch != max(test.kept, test.later) {
				t.Errorf("the report is stored as one of session %d", waiting.session.epoch)
			}
		})
	}
}
