package sql

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	"github.com/openweir/weir/internal/await"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// agent is a process with a driver, and the control plane's view of it.
type agent struct {
	t      *testing.T
	driver *Driver
	end    func()

	mu       sync.Mutex
	acks     []*agentv1.Ack
	statuses []*agentv1.StatusReport
	events   []*agentv1.EventReport
	renewals []string
}

func (a *agent) Ack(m *agentv1.Ack) { a.note(func() { a.acks = append(a.acks, m) }) }
func (a *agent) Status(m *agentv1.StatusReport) {
	a.note(func() { a.statuses = append(a.statuses, m) })
}
func (a *agent) Event(m *agentv1.EventReport) { a.note(func() { a.events = append(a.events, m) }) }

func (a *agent) Renew(reason string) { a.note(func() { a.renewals = append(a.renewals, reason) }) }

func (a *agent) note(what func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	what()
}

// start begins a process that ends with the test, or by end.
func start(t *testing.T, f *fakeFlink) *agent {
	t.Helper()
	return startFenced(t, f, nil)
}

// startFenced is start with a record of the newest session of the cluster.
func startFenced(t *testing.T, f *fakeFlink, fence Fence) *agent {
	t.Helper()
	a := &agent{t: t}
	a.driver = New(Config{Endpoints: f, Fence: fence, Reports: a, Log: slog.New(slog.DiscardHandler), Timing: Timing{
		PollMin: time.Millisecond, PollMax: 5 * time.Millisecond, Follow: 5 * time.Millisecond, RetryMin: time.Millisecond, RetryMax: 10 * time.Millisecond,
		Lost: 50 * time.Millisecond, Settle: 50 * time.Millisecond, Shutdown: await.Patience,
	}})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { a.driver.Run(ctx) })
	a.end = func() {
		cancel()
		running.Wait()
	}
	t.Cleanup(a.end)
	a.driver.Welcome("installation", 1, 0, false)
	return a
}

// kill ends a process as kill -9 would.
func (a *agent) kill() {
	a.driver.Disconnected(true)
	a.end()
}

func ref() *agentv1.ObjectRef {
	return &agentv1.ObjectRef{ApiVersion: APIVersion, Kind: Kind, Namespace: "n", Name: "s"}
}

func (a *agent) apply(generation int64, spec Spec) {
	a.t.Helper()
	spec.Deployment = "pool"
	manifest, err := json.Marshal(map[string]any{
		"apiVersion": APIVersion, "kind": Kind, "metadata": map[string]any{"name": "s", "namespace": "n"}, "spec": spec,
	})
	if err != nil {
		a.t.Fatal(err)
	}
	a.driver.Apply(&agentv1.Apply{Ref: ref(), OwnerUid: "u", Generation: generation, Hash: fmt.Sprint("h", generation), Manifest: string(manifest)})
}

func (a *agent) fetch(offset int64) *agentv1.ResultPage {
	var page *agentv1.ResultPage
	a.driver.Fetch(&agentv1.FetchResults{RequestId: "r", Ref: ref(), OwnerUid: "u", Offset: offset, MaxRows: 5000}, func(p *agentv1.ResultPage) { page = p })
	return page
}

// held returns the statements that the driver lists in a Hello.
func (a *agent) held() []*agentv1.HeldObject {
	a.t.Helper()
	var hello agentv1.Hello
	if err := a.driver.Describe(a.t.Context(), &hello); err != nil {
		a.t.Fatal(err)
	}
	return hello.GetHeld()
}

// last returns the status that was reported last, and its generation.
func (a *agent) last() (status, int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.statuses) == 0 {
		return status{}, 0
	}
	return a.parse(a.statuses[len(a.statuses)-1])
}

// passes waits until the job has been reported to be in a state that it may have left
// since.
func (a *agent) passes(job string) {
	a.t.Helper()
	await.Until(a.t, "a job has been "+job, func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return slices.ContainsFunc(a.statuses, func(report *agentv1.StatusReport) bool {
			s, _ := a.parse(report)
			return s.JobStatus != nil && s.JobStatus.State == job
		})
	})
}

func (a *agent) parse(report *agentv1.StatusReport) (status, int64) {
	var s status
	var parsed struct {
		LifecycleState, Error string
		JobStatus             *jobStatus
		Exceptions            []exception
	}
	if err := json.Unmarshal([]byte(report.GetStatus()), &parsed); err != nil {
		a.t.Errorf("the status %s: %v", report.GetStatus(), err)
	}
	s.LifecycleState, s.Error, s.JobStatus, s.Exceptions = parsed.LifecycleState, parsed.Error, parsed.JobStatus, parsed.Exceptions
	return s, report.GetGeneration()
}

// reaches waits for a status of a generation.
func (a *agent) reaches(generation int64, lifecycle, job string) status {
	a.t.Helper()
	var s status
	await.Until(a.t, fmt.Sprintf("generation %d is %s with a job that is %s", generation, lifecycle, job), func() bool {
		var at int64
		s, at = a.last()
		state := ""
		if s.JobStatus != nil {
			state = s.JobStatus.State
		}
		return at == generation && s.LifecycleState == lifecycle && state == job
	})
	return s
}

func (a *agent) acked(outcome agentv1.Outcome) *agentv1.Ack {
	a.t.Helper()
	var last *agentv1.Ack
	await.Until(a.t, "the last Ack is "+outcome.String(), func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		if len(a.acks) > 0 {
			last = a.acks[len(a.acks)-1]
		}
		return last.GetOutcome() == outcome
	})
	return last
}

func endless() Spec { return Spec{Statement: "SELECT endless", Setup: []string{"CREATE TABLE t"}} }

func TestAQueryIsReadCompletely(t *testing.T) {
	f := newFlink(t)
	for i := range 25 {
		f.rows <- fmt.Sprint(i)
	}
	a := start(t, f)
	a.apply(1, Spec{Statement: "SELECT bounded", Setup: []string{"CREATE TABLE t", "USE x"}})
	a.reaches(1, "STABLE", "FINISHED")
	page := a.fetch(0)
	if len(page.GetRows()) != 25 || page.GetRows()[3] != `{"op":0,"row":["3"]}` || !page.GetFinished() || page.GetNextOffset() != 25 {
		t.Errorf("the rows are %v", page)
	}
	f.at(func() {
		want := "CREATE TABLE t|USE x|EXPLAIN SELECT bounded|EXPLAIN CHANGELOG_MODE SELECT bounded|SELECT bounded"
		if got := strings.Join(f.ran, "|"); got != want {
			t.Errorf("Flink ran %s", got)
		}
	})
	await.Until(t, "the session is closed", func() (closed bool) { f.at(func() { closed = len(f.sessions) == 0 }); return closed })
	if held := a.held(); len(held) != 1 || held[0].GetHash() != "h1" {
		t.Errorf("held are %v", held)
	}
}

// TestAQueryWithoutReadersWaits: the driver stops to read, and reads on when
// rows are handed out.
func TestAQueryWithoutReadersWaits(t *testing.T) {
	f := newFlink(t)
	const rows = spoolRows + 12_000
	for i := range rows {
		f.rows <- fmt.Sprint(i)
	}
	a := start(t, f)
	a.apply(1, endless())
	a.reaches(1, "STABLE", "RUNNING")
	offset := int64(0)
	await.Until(t, "all rows are fetched", func() bool {
		page := a.fetch(offset)
		if page.GetFailure() != 0 {
			t.Fatalf("at %d: %v", offset, page)
		}
		for i, row := range page.GetRows() {
			if want := fmt.Sprintf(`{"op":0,"row":["%d"]}`, offset+int64(i)); row != want {
				t.Fatalf("row %d is %s", offset+int64(i), row)
			}
		}
		offset = page.GetNextOffset()
		return offset == rows
	})
	if page := a.fetch(0); page.GetFailure() != agentv1.ResultFailure_RESULT_FAILURE_GONE {
		t.Error("rows are kept for ever")
	}
}

func TestThePlannersMessageIsTheError(t *testing.T) {
	for name, spec := range map[string]Spec{
		"query":  {Statement: "SELECT wrong"},
		"insert": {Statement: "INSERT wrong", Detached: true},
		"setup":  {Statement: "SELECT endless", Setup: []string{"CREATE wrong"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFlink(t)
			f.failures["SELECT wrong"], f.failures["INSERT wrong"], f.failures["CREATE wrong"] = "Not so.", "Not so.", "Not so."
			a := start(t, f)
			a.apply(1, spec)
			if s := a.reaches(1, "FAILED", ""); s.Error != "Not so." {
				t.Errorf("the error is %q", s.Error)
			}
			await.Until(t, "the session is closed", func() (closed bool) { f.at(func() { closed = len(f.sessions) == 0 }); return closed })
		})
	}
}

func TestAStatementWaitsForItsCluster(t *testing.T) {
	f := newFlink(t)
	f.down = true
	a := start(t, f)
	a.apply(1, endless())
	if ack := a.acked(agentv1.Outcome_OUTCOME_RETRYING); !strings.Contains(ack.GetMessage(), "session cluster 'pool'") {
		t.Errorf("the user is told %q", ack.GetMessage())
	}
	a.reaches(1, "CREATED", "")
	f.at(func() { f.down = false })
	a.reaches(1, "STABLE", "RUNNING")
	a.acked(agentv1.Outcome_OUTCOME_APPLIED)
}

// record is a Fence by which a newer session has begun while its error is set.
type record struct {
	mu  sync.Mutex
	err error
}

func (r *record) Check(context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

func TestNoStatementStartsWhereANewerSessionHasBegun(t *testing.T) {
	for name, spec := range map[string]Spec{"a query": endless(), "an INSERT": {Statement: "INSERT INTO t SELECT endless", Setup: []string{"CREATE TABLE t"}, Detached: true}} {
		t.Run(name, func(t *testing.T) {
			f := newFlink(t)
			fence := &record{err: errors.New("a newer session has begun")}
			a := startFenced(t, f, fence)
			a.apply(1, spec)
			if ack := a.acked(agentv1.Outcome_OUTCOME_RETRYING); !strings.Contains(ack.GetMessage(), "a newer session has begun") {
				t.Errorf("the user is told %q", ack.GetMessage())
			}
			if started := f.alive(); len(started) > 0 {
				t.Errorf("jobs were started: %v", started)
			}
			fence.mu.Lock()
			fence.err = nil
			fence.mu.Unlock()
			a.reaches(1, "STABLE", "RUNNING")
		})
	}
}

func TestADeletedQueryLeavesNoJob(t *testing.T) {
	f := newFlink(t)
	a := start(t, f)
	a.apply(1, endless())
	a.reaches(1, "STABLE", "RUNNING")
	a.driver.Delete(&agentv1.Delete{Ref: ref(), OwnerUid: "u"})
	a.acked(agentv1.Outcome_OUTCOME_DELETED)
	if left := f.alive(); len(left) > 0 || len(a.held()) > 0 {
		t.Errorf("left are the jobs %v", left)
	}
}

func TestAQueryOfAnAgentThatWasKilledFails(t *testing.T) {
	f := newFlink(t)
	a := start(t, f)
	a.apply(1, endless())
	a.reaches(1, "STABLE", "RUNNING")
	a.kill()
	if len(f.alive()) != 1 {
		t.Fatal("the job went with the agent")
	}
	b := start(t, f)
	b.apply(1, endless())
	if s := b.reaches(1, "FAILED", "RUNNING"); s.Error != lostByRestart {
		t.Errorf("the error is %q", s.Error)
	}
	if left := f.alive(); len(left) > 0 {
		t.Errorf("left are the jobs %v", left)
	}
	if page := b.fetch(0); page.GetFailure() != agentv1.ResultFailure_RESULT_FAILURE_GONE {
		t.Errorf("its rows are %v", page)
	}
}

func TestAStoppingAgentClosesItsQueries(t *testing.T) {
	f := newFlink(t)
	a := start(t, f)
	a.apply(1, endless())
	a.reaches(1, "STABLE", "RUNNING")
	a.end()
	if left := f.alive(); len(left) > 0 {
		t.Errorf("left are the jobs %v", left)
	}
}

func TestAGatewayThatLosesItsSessionsFailsQueries(t *testing.T) {
	f := newFlink(t)
	a := start(t, f)
	a.apply(1, endless())
	a.reaches(1, "STABLE", "RUNNING")
	f.at(func() { clear(f.sessions) })
	if s := a.reaches(1, "FAILED", "FAILED"); !strings.Contains(s.Error, "The SQL gateway was restarted") {
		t.Errorf("the error is %q", s.Error)
	}
	if left := f.alive(); len(left) > 0 {
		t.Errorf("left are the jobs %v", left)
	}
}

func TestStrayJobsAreCancelledAfterSynced(t *testing.T) {
	f := newFlink(t)
	f.jobs = []*job{
		{id: "1", name: "weir/u-gone/n/gone", state: "RUNNING"},
		{id: "2", name: "weir/u/n/s", state: "RUNNING"},
		{id: "3", name: "somebody's own", state: "RUNNING"},
	}
	a := start(t, f)
	a.apply(1, Spec{Statement: "INSERT", Detached: true})
	a.reaches(1, "STABLE", "RUNNING")
	if len(f.alive()) != 3 {
		t.Errorf("before all is said, there are %v", f.alive())
	}
	a.driver.Synced()
	await.Until(t, "the orphaned job is cancelled", func() bool { return len(f.alive()) == 2 })
	for _, j := range f.alive() {
		if j.id == "1" {
			t.Error("the wrong job was cancelled")
		}
	}
}

// The statement of a job that was submitted before the control plane was restored from
// a backup may be newer than the backup.
func TestJobsThatMayBeNewerThanABackupAreKeptAndListed(t *testing.T) {
	f := newFlink(t)
	f.jobs = []*job{
		{id: "1", name: "weir/u-newer/n/newer", state: "RUNNING", parameters: "weir.spec:abc,weir.nonce:0,weir.generation:3,weir.epoch:90"},
		{id: "2", name: "weir/u-released/n/released", state: "RUNNING", parameters: "weir.spec:abc,weir.nonce:0"},
		{id: "3", name: "weir/u-later/n/later", state: "RUNNING", parameters: "weir.spec:abc,weir.nonce:0,weir.generation:3,weir.epoch:1001"},
		{id: "4", name: "weir/u-query/n/query", state: "RUNNING"},
	}
	a := start(t, f)
	a.driver.Welcome("installation", 1002, 1000, false)
	a.driver.Synced()
	await.Until(t, "the jobs of a later session and of a query are cancelled, and a session is requested for each of the others", func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return len(f.alive()) == 2 && len(a.renewals) == 2
	})
	var listed []string
	for _, held := range a.held() {
		listed = append(listed, held.GetRef().GetName()+" "+held.GetOwnerUid()+" "+held.GetInstallation())
	}
	slices.Sort(listed)
	if want := []string{"newer u-newer installation", "released u-released installation"}; !slices.Equal(listed, want) {
		t.Errorf("listed are %v, want %v", listed, want)
	}

	// A user has one of them deleted.
	a.driver.Delete(&agentv1.Delete{Ref: &agentv1.ObjectRef{ApiVersion: APIVersion, Kind: Kind, Namespace: "n", Name: "newer"}, OwnerUid: "u-newer"})
	a.acked(agentv1.Outcome_OUTCOME_DELETED)
	if left := f.alive(); len(left) != 1 || left[0].id != "2" {
		t.Errorf("left are %v", left)
	}
	if held := a.held(); len(held) != 1 {
		t.Errorf("listed are %v", held)
	}
}

func TestInvalidManifestsAreRefused(t *testing.T) {
	a := start(t, newFlink(t))
	a.driver.Apply(&agentv1.Apply{Ref: ref(), OwnerUid: "u", Generation: 1, Manifest: `{}`})
	if ack := a.acked(agentv1.Outcome_OUTCOME_REFUSED); ack.GetReason() != "Invalid" || !strings.Contains(ack.GetMessage(), "spec.statement") {
		t.Errorf("the refusal is %v", ack)
	}
	other := ref()
	other.Kind = "View"
	if a.driver.Handles(other) || !a.driver.Handles(ref()) {
		t.Error("the driver does not handle statements, and them only")
	}
}

// policies forbids statements with an option.
type policies struct{}

func (policies) Check(_ context.Context, object, _ map[string]any) string {
	spec, _ := object["spec"].(map[string]any)
	if configuration, _ := spec["configuration"].(map[string]any); configuration["forbidden"] != nil {
		return "policy 'options': not this one"
	}
	return ""
}

func TestStatementsThatViolateAPolicyAreRefused(t *testing.T) {
	a := start(t, newFlink(t))
	a.driver.config.Policies = policies{}
	a.driver.Apply(&agentv1.Apply{Ref: ref(), OwnerUid: "u", Generation: 1, Manifest: `{"metadata":{"name":"s","namespace":"n"},"spec":{"deployment":"pool","statement":"SELECT 1","configuration":{"forbidden":"1"}}}`})
	ack := a.acked(agentv1.Outcome_OUTCOME_REFUSED)
	if want := "The agent does not run the statement: policy 'options': not this one. The agent's --policy has the policies."; ack.GetReason() != ReasonPolicy || ack.GetMessage() != want {
		t.Errorf("the refusal is %v", ack)
	}
}

func TestEverythingIsReportedAgainAfterWelcome(t *testing.T) {
	f := newFlink(t)
	a := start(t, f)
	a.apply(1, endless())
	a.reaches(1, "STABLE", "RUNNING")
	a.acked(agentv1.Outcome_OUTCOME_APPLIED)
	a.driver.Disconnected(false)
	a.note(func() { a.statuses, a.acks = nil, nil })
	a.driver.Welcome("installation", 1, 0, false)
	a.reaches(1, "STABLE", "RUNNING")
	a.acked(agentv1.Outcome_OUTCOME_APPLIED)
}

// TestStatusOfAQuery decides what a new process does with one
// whose job Flink has forgotten.
func TestStatusOfAQuery(t *testing.T) {
	for _, test := range []struct {
		known                 Known
		lifecycle, job, error string
	}{
		{Known{}, "STABLE", "RUNNING", ""},
		{Known{JobID: "j", State: "FINISHED", Phase: "PENDING"}, "STABLE", "RUNNING", ""},
		{Known{JobID: "j", State: "FINISHED", Phase: "COMPLETED"}, "STABLE", "FINISHED", ""},
		{Known{JobID: "j", State: "RUNNING", Phase: "RUNNING"}, "FAILED", "RUNNING", lostByRestart},
	} {
		t.Run(test.known.Phase, func(t *testing.T) {
			a := start(t, newFlink(t))
			spec := endless()
			spec.Known = test.known
			a.apply(1, spec)
			if s := a.reaches(1, test.lifecycle, test.job); s.Error != test.error {
				t.Errorf("the error is %q", s.Error)
			}
		})
	}
}

func TestAFailedStatementIsNotRunAgain(t *testing.T) {
	for _, detached := range []bool{false, true} {
		f := newFlink(t)
		a := start(t, f)
		spec := Spec{Statement: "INSERT INTO t", Detached: detached, Known: Known{Phase: "FAILED"}}
		a.apply(1, spec)
		a.acked(agentv1.Outcome_OUTCOME_APPLIED)
		if s, at := a.last(); at != 0 || len(f.alive()) > 0 {
			t.Errorf("detached: %v; reported is %+v", detached, s)
		}
	}
}

func TestAStatementOfAnotherOwnerReplacesThePreviousOne(t *testing.T) {
	f := newFlink(t)
	a := start(t, f)
	a.apply(1, endless())
	a.reaches(1, "STABLE", "RUNNING")
	other := &agentv1.Apply{Ref: ref(), OwnerUid: "u2", Generation: 1, Hash: "h", Manifest: `{"metadata":{"name":"s","namespace":"n"},"spec":{"deployment":"pool","statement":"SELECT endless"}}`}
	a.driver.Apply(other)
	await.Until(t, "only the job of the other owner runs", func() bool {
		alive := f.alive()
		return len(alive) == 1 && alive[0].name == "weir/u2/n/s"
	})
}
