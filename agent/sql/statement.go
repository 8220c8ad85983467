package sql

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/openweir/weir/agent/flinkendpoint"
	"github.com/openweir/weir/agent/sql/gateway"
	flinkrest "github.com/openweir/weir/flink/rest"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// want is what a statement shall be.
type want struct {
	spec       *Spec
	generation int64
	hash       string
}

// statement is a statement that the driver works on. One goroutine does so.
type statement struct {
	driver  *Driver
	id      identity
	ref     *agentv1.ObjectRef
	log     *slog.Logger
	abandon context.CancelCauseFunc // set before the work begins; guarded by driver.mu
	wake    chan struct{}

	mu        sync.Mutex
	want      *want // nil where the statement was never applied
	remove    bool
	release   bool
	interrupt context.CancelFunc // ends the present step
	status    status
	told      string // the last status that was reported
	ack       *agentv1.Ack
	left      bool // the agent stands back: nothing is to be told any more
	spool     *spool

	// What follows is the worker's own.
	query    *query
	insert   *insert
	failures int
	ends     endpoints
	removing time.Time // since when the statement is being removed
}

// endpoints are clients of a statement's cluster, found anew after a failure.
type endpoints struct {
	deployment string
	gateway    *gateway.Client
	rest       *flinkrest.Client
}

func newStatement(d *Driver, id identity, ref *agentv1.ObjectRef) *statement {
	return &statement{
		driver: d, id: id, ref: ref,
		log:    d.log.With("statement", id.namespace+"/"+id.name),
		wake:   make(chan struct{}, 1),
		status: status{LifecycleState: lifecycleCreated},
		spool:  newSpool(&d.spooled, time.Now),
	}
}

func (s *statement) held() *agentv1.HeldObject {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.want == nil || s.remove {
		return nil
	}
	return &agentv1.HeldObject{Ref: s.ref, OwnerUid: s.id.owner, Generation: s.want.generation, Hash: s.want.hash}
}

// apply notes what the statement shall be. An older generation is passed over.
func (s *statement) apply(w *want) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.want != nil && w.generation < s.want.generation {
		return
	}
	s.want, s.remove = w, false
	s.nudge()
}

// drop notes that the statement has to go; released, what runs of it stays.
func (s *statement) drop(release bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove, s.release = true, release
	s.nudge()
}

func (s *statement) isReleased() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.release
}

// nudge ends the present step, so that the next one sees what is new. The
// caller holds s.mu.
func (s *statement) nudge() {
	if s.interrupt != nil {
		s.interrupt()
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// leave ends the work, and leaves what runs as it is.
func (s *statement) leave() {
	s.driver.mu.Lock()
	abandon := s.abandon
	s.driver.mu.Unlock()
	s.mu.Lock()
	s.left = true
	s.mu.Unlock()
	if abandon != nil {
		abandon(errAbandoned)
	}
}

// rows are rows of the statement's query.
func (s *statement) rows(from int64, most int) rowPage {
	s.mu.Lock()
	spool := s.spool
	s.mu.Unlock()
	return spool.page(from, most)
}

// wishes are what a step works towards.
type wishes struct {
	want            *want
	remove, release bool
}

// begin reads what is wished for, and makes the context that a change of it
// ends.
func (s *statement) begin(ctx context.Context) (context.Context, context.CancelFunc, wishes) {
	s.mu.Lock()
	defer s.mu.Unlock()
	step, cancel := context.WithCancel(ctx)
	s.interrupt = cancel
	return step, cancel, wishes{s.want, s.remove, s.release}
}

// work takes one step after the other until the statement is gone or ctx ends.
func (s *statement) work(ctx context.Context) {
	for {
		step, cancel, wishes := s.begin(ctx)
		pause, gone, err := s.step(step, wishes)
		interrupted := step.Err() != nil
		cancel()
		if ctx.Err() != nil {
			s.farewell(ctx)
			return
		}
		if gone {
			s.acknowledge(wishes, agentv1.Outcome_OUTCOME_DELETED, "", "")
			return
		}
		switch {
		case interrupted:
			pause = 0
		case err != nil:
			pause = s.failed(wishes, err)
		default:
			s.failures = 0
		}
		if !s.rest(ctx, pause) {
			s.farewell(ctx)
			return
		}
	}
}

// rest waits until there is something to do, and says whether ctx still lives.
func (s *statement) rest(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-s.wake:
	case <-timer.C:
	case <-s.spool.room:
	}
	return ctx.Err() == nil
}

// failed tells of a step that failed, and says when to try again.
func (s *statement) failed(w wishes, err error) time.Duration {
	s.ends = endpoints{}
	s.failures++
	s.log.Debug("could not work on a statement", "error", err, "failures", s.failures)
	// What runs already may fail to answer now and then.
	if s.failures > 2 || !s.begun() {
		s.acknowledge(w, agentv1.Outcome_OUTCOME_RETRYING, "Unavailable", explain(w, err))
	}
	if !s.begun() {
		s.update(func(*status) {}) // that nothing runs yet is a status too
	}
	pause := s.driver.timing.RetryMin << min(s.failures-1, 16)
	if pause <= 0 || pause > s.driver.timing.RetryMax {
		pause = s.driver.timing.RetryMax
	}
	return pause
}

// begun tells whether something of the statement runs, or ran.
func (s *statement) begun() bool {
	return s.query != nil && s.query.job != "" || s.insert != nil && s.insert.job != ""
}

// explain says what a statement waits for.
func explain(w wishes, err error) string {
	var wait *waiting
	if errors.As(err, &wait) {
		return wait.sentence
	}
	said := err.Error()
	var failure *flinkrest.Error
	if errors.As(err, &failure) {
		said = gateway.Sentence(failure.Message) // and not the stack behind it
	}
	if w.want == nil {
		return "The session clusters cannot be asked for the statement's job: " + said + "."
	}
	return "The session cluster '" + w.want.spec.Deployment + "' does not answer yet: " + said + "."
}

// waiting is an error that already says what a statement waits for.
type waiting struct{ sentence string }

func (w *waiting) Error() string { return w.sentence }

// step does what there is to do now. It says how long to wait for the next one,
// and whether the statement is gone for good.
func (s *statement) step(ctx context.Context, w wishes) (pause time.Duration, gone bool, err error) {
	if w.remove {
		err := s.tearDown(ctx, w)
		if s.removing.IsZero() {
			s.removing = time.Now()
		}
		if err != nil && ctx.Err() == nil && time.Since(s.removing) > s.driver.timing.Unreachable {
			s.log.Warn("gave up looking for the job of a statement that goes", "error", err)
			err = nil
		}
		return 0, err == nil, err
	}
	if w.want == nil {
		return time.Hour, false, nil
	}
	if w.want.spec.Detached {
		pause, err = s.stepInsert(ctx, w.want)
	} else {
		pause, err = s.stepQuery(ctx, w.want)
	}
	if err == nil {
		s.acknowledge(w, agentv1.Outcome_OUTCOME_APPLIED, "", "")
	}
	return pause, false, err
}

// tearDown ends what runs of a statement, wherever that is.
func (s *statement) tearDown(ctx context.Context, w wishes) error {
	if s.query != nil {
		if err := s.endQuery(ctx); err != nil {
			return err
		}
	}
	if w.release {
		return nil
	}
	if w.want != nil {
		return s.driver.cancelOn(ctx, flinkendpoint.Deployment{Namespace: s.id.namespace, Name: w.want.spec.Deployment}, s.ours)
	}
	// It was never applied to this process: nobody says on which cluster it runs.
	return s.driver.cancelEverywhere(ctx, s.ours)
}

func (s *statement) ours(id identity) bool { return id == s.id }

// farewell ends a query whose agent ends: nobody could read its rows. It does
// what can be done in a short time; a later process does the rest.
func (s *statement) farewell(ctx context.Context) {
	if s.query == nil || errors.Is(context.Cause(ctx), errAbandoned) {
		return
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.driver.timing.Farewell)
	defer cancel()
	if err := s.query.close(last); err != nil {
		s.log.Debug("could not close the session of a query", "error", err)
	}
}

// connect finds the cluster of the statement.
func (s *statement) connect(ctx context.Context, spec *Spec) (endpoints, error) {
	if s.ends.gateway != nil && s.ends.deployment == spec.Deployment {
		return s.ends, nil
	}
	rest, err := s.driver.rest(ctx, s.id.namespace, spec.Deployment)
	if err != nil {
		return endpoints{}, err
	}
	at, err := s.driver.config.Endpoints.SQLGateway(ctx, s.id.namespace, spec.Deployment)
	if err != nil {
		return endpoints{}, err
	}
	s.ends = endpoints{deployment: spec.Deployment, gateway: gateway.New(at, s.driver.client), rest: rest}
	return s.ends, nil
}

// rest is a client of the JobManager of a deployment.
func (d *Driver) rest(ctx context.Context, namespace, deployment string) (*flinkrest.Client, error) {
	at, err := d.config.Endpoints.REST(ctx, namespace, deployment)
	if err != nil {
		return nil, err
	}
	return flinkrest.New(at.String(), d.client), nil
}

// update changes the status and reports it, if that makes a difference.
func (s *statement) update(change func(*status)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.status)
	if s.want != nil {
		s.status.ObservedGeneration = s.want.generation
	}
	s.report(false)
}

// report reports the status. The caller holds s.mu.
func (s *statement) report(again bool) {
	if s.want == nil || s.left {
		return
	}
	text := s.status.text()
	reports := s.driver.reporter()
	if reports == nil || !again && text == s.told {
		return
	}
	s.told = text
	reports.Status(&agentv1.StatusReport{
		Ref: s.ref, OwnerUid: s.id.owner, Generation: s.want.generation,
		ObjectGeneration: s.status.ObservedGeneration, ObjectUid: s.id.owner, Status: text, Deleting: s.remove,
	})
}

// reportAgain tells a new session all that there is to tell.
func (s *statement) reportAgain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.told != "" {
		s.report(true)
	}
	if reports := s.driver.reporter(); reports != nil && s.ack != nil {
		reports.Ack(s.ack)
	}
}

// acknowledge answers the newest Apply or Delete, if the answer is new.
func (s *statement) acknowledge(w wishes, outcome agentv1.Outcome, reason, message string) {
	answer := &agentv1.Ack{Ref: s.ref, OwnerUid: s.id.owner, Outcome: outcome, Reason: reason, Message: message}
	if w.want != nil && !w.remove {
		answer.Generation, answer.Hash = w.want.generation, w.want.hash
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if last := s.ack; last != nil && last.GetOutcome() == outcome && last.GetGeneration() == answer.GetGeneration() &&
		last.GetHash() == answer.GetHash() && last.GetMessage() == message {
		return
	}
	s.ack = answer
	if reports := s.driver.reporter(); reports != nil && !s.left {
		reports.Ack(answer)
	}
}
