//go:build flink

package sqldriver

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openweir/weir/agent/flinkendpoint"
	"github.com/openweir/weir/agent/sql"
	flinkrest "github.com/openweir/weir/flink/rest"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	"github.com/openweir/weir/integration/realflink/session"
	"github.com/openweir/weir/internal/await"
)

// patience is how long a statement may take for anything.
const patience = 90 * time.Second

// owners makes the owners of statements unlike those of other runs.
var owners = rand.Text()

func owner(name string) string { return owners + "-" + name }

// endpoints are those of one cluster, whose deployment is called pool.
type endpoints struct{ cluster *session.Cluster }

func (e endpoints) REST(context.Context, string, string) (*url.URL, error) {
	return e.cluster.REST, nil
}

func (e endpoints) SQLGateway(context.Context, string, string) (*url.URL, error) {
	return e.cluster.SQLGateway, nil
}

func (e endpoints) Deployments(context.Context, string) ([]flinkendpoint.Deployment, error) {
	return []flinkendpoint.Deployment{{Namespace: "default", Name: "pool"}}, nil
}

// agent is a process of an agent, as far as statements go. It notes what the
// driver tells.
type agent struct {
	t      *testing.T
	driver *sql.Driver
	end    func()

	mu       sync.Mutex
	acks     map[string]*agentv1.Ack
	statuses map[string]string
	events   map[string]string
}

func (a *agent) Ack(m *agentv1.Ack) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.acks[m.GetRef().GetName()] = m
}

func (a *agent) Status(m *agentv1.StatusReport) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.statuses[m.GetRef().GetName()] = m.GetStatus()
}

// Renew does nothing: there is only one session.
func (a *agent) Renew(string) {}

func (a *agent) Event(m *agentv1.EventReport) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.events[m.GetId()] = m.GetMessage()
}

// start begins a process that ends with the test, or by end.
func start(t *testing.T, cluster *session.Cluster) *agent {
	t.Helper()
	a := &agent{
		t: t, acks: map[string]*agentv1.Ack{}, statuses: map[string]string{}, events: map[string]string{},
	}
	a.driver = sql.New(sql.Config{
		Endpoints: endpoints{cluster}, Reports: a, Log: slog.New(slog.DiscardHandler),
		Timing: sql.Timing{Follow: 200 * time.Millisecond, PollMax: 200 * time.Millisecond, Lost: 2 * time.Second},
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.driver.Run(ctx)
	}()
	a.end = func() {
		cancel()
		<-done
	}
	t.Cleanup(a.end)
	a.driver.Welcome("installation", 1, 0, false)
	return a
}

// kill ends a process as kill -9 would: nothing is said to Flink.
func (a *agent) kill() {
	a.driver.Disconnected(true)
	a.end()
}

func ref(name string) *agentv1.ObjectRef {
	return &agentv1.ObjectRef{ApiVersion: sql.APIVersion, Kind: sql.Kind, Namespace: "default", Name: name}
}

// statement is a manifest with a specification.
type statement struct {
	name       string
	generation int64
	spec       sql.Spec
}

func (a *agent) apply(s statement) {
	a.t.Helper()
	s.spec.Deployment = "pool"
	if s.spec.State == "" {
		s.spec.State = "running"
	}
	manifest, err := json.Marshal(map[string]any{
		"apiVersion": sql.APIVersion, "kind": sql.Kind,
		"metadata": map[string]any{"name": s.name, "namespace": "default"}, "spec": s.spec,
	})
	if err != nil {
		a.t.Fatal(err)
	}
	a.driver.Apply(&agentv1.Apply{
		Ref: ref(s.name), OwnerUid: owner(s.name), Generation: max(1, s.generation), Hash: string(manifest), Manifest: string(manifest),
	})
}

func (a *agent) remove(name string) {
	a.t.Helper()
	a.driver.Delete(&agentv1.Delete{Ref: ref(name), OwnerUid: owner(name)})
	await.Within(a.t, patience, name+" to be gone", func(context.Context) error {
		a.mu.Lock()
		defer a.mu.Unlock()
		if got := a.acks[name].GetOutcome(); got != agentv1.Outcome_OUTCOME_DELETED {
			return fmt.Errorf("the last acknowledgement is %v", a.acks[name])
		}
		return nil
	})
}

// status is what was last reported.
type status struct {
	ObservedGeneration    int64
	LifecycleState, Error string
	JobStatus             struct{ JobID, State, UpgradeSavepointPath string }
	Traits                struct {
		IsBounded, IsAppendOnly *bool
		UpsertColumns           []int32
		Schema                  struct {
			Columns []struct {
				Name string
				Type json.RawMessage
			}
		}
	}
	Exceptions []struct{ ID, Name, Message, Timestamp string }
}

func (a *agent) status(name string) status {
	a.mu.Lock()
	defer a.mu.Unlock()
	var s status
	if text := a.statuses[name]; text != "" {
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			a.t.Errorf("the status %s: %v", text, err)
		}
	}
	return s
}

// reaches waits until the status of a statement is as asked for.
func (a *agent) reaches(name, what string, is func(status) bool) status {
	a.t.Helper()
	var last status
	await.Within(a.t, patience, name+" to be "+what, func(context.Context) error {
		last = a.status(name)
		if !is(last) {
			a.mu.Lock()
			defer a.mu.Unlock()
			return fmt.Errorf("it is %s, with %v", a.statuses[name], a.acks[name])
		}
		return nil
	})
	return last
}

func (a *agent) runs(name string) status {
	a.t.Helper()
	return a.reaches(name, "running", func(s status) bool { return s.LifecycleState == "STABLE" && s.JobStatus.State == "RUNNING" })
}

func (a *agent) fails(name string) status {
	a.t.Helper()
	return a.reaches(name, "failed", func(s status) bool { return s.LifecycleState == "FAILED" })
}

func (a *agent) fetch(name string, offset int64) *agentv1.ResultPage {
	var page *agentv1.ResultPage
	a.driver.Fetch(&agentv1.FetchResults{RequestId: "r", Ref: ref(name), OwnerUid: owner(name), Offset: offset, MaxRows: 100},
		func(p *agentv1.ResultPage) { page = p })
	return page
}

// read reads at least some rows of a query, or all of them where it ends.
func (a *agent) read(name string, atLeast int) []string {
	a.t.Helper()
	var rows []string
	offset := int64(0)
	await.Within(a.t, patience, fmt.Sprintf("%d rows of %s", atLeast, name), func(context.Context) error {
		page := a.fetch(name, offset)
		if page.GetFailure() != 0 {
			return fmt.Errorf("no rows: %s", page.GetMessage())
		}
		rows = append(rows, page.GetRows()...)
		offset = page.GetNextOffset()
		if page.GetFinished() || len(rows) >= atLeast {
			return nil
		}
		if s := a.status(name); s.LifecycleState == "FAILED" {
			a.t.Fatalf("%s has failed: %s", name, s.Error)
		}
		return fmt.Errorf("%d rows so far; the status is %+v", len(rows), a.status(name))
	})
	return rows
}

// jobs lists the jobs of a statement, or of all where name is empty, that have
// not ended.
func jobs(ctx context.Context, cluster *session.Cluster, name string) ([]flinkrest.Job, error) {
	text, err := session.Get(ctx, cluster.REST, "/jobs/overview")
	if err != nil {
		return nil, err
	}
	var all struct{ Jobs []flinkrest.Job }
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		return nil, err
	}
	var out []flinkrest.Job
	for _, job := range all.Jobs {
		if !job.Ended() && (name == "" || strings.HasSuffix(job.Name, "/default/"+name)) {
			out = append(out, job)
		}
	}
	return out, nil
}

func noJobs(t *testing.T, cluster *session.Cluster, name string) {
	t.Helper()
	await.Within(t, patience, "no job of "+name, func(ctx context.Context) error {
		left, err := jobs(ctx, cluster, name)
		if err == nil && len(left) > 0 {
			err = fmt.Errorf("there are %v", left)
		}
		return err
	})
}
