package sql

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/openweir/weir/agent/flinkendpoint"
	"github.com/openweir/weir/agent/sql/gateway"
	"github.com/openweir/weir/flink"
	flinkrest "github.com/openweir/weir/flink/rest"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// revision is one desired state of a statement. It is immutable.
type revision struct {
	spec       *Spec
	generation int64
	hash       string
}

// statement is a statement with its worker, one goroutine.
type statement struct {
	driver  *Driver
	id      identity
	ref     *agentv1.ObjectRef
	log     *slog.Logger
	abandon context.CancelCauseFunc // set by start; guarded by driver.mu
	wake    chan struct{}

	mu         sync.Mutex
	desired    desired
	interrupt  context.CancelFunc // ends the current step
	status     status
	lastStatus string       // as last reported
	lastAck    *agentv1.Ack // as last reported
	abandoned  bool         // nothing is reported any more
	spool      *spool

	// The following fields belong to the worker.
	query    *query
	insert   *insert
	failures int
	retry    wait.Backoff
	ends     endpoints
	removing time.Time // when the removal started
}

// endpoints are clients of a statement's cluster, resolved again after a failure.
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
		status: status{LifecycleState: flink.LifecycleCreated},
		spool:  newSpool(&d.spooled, time.Now),
		retry:  d.retry(),
	}
}

func (s *statement) held() *agentv1.HeldObject {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.desired.revision == nil || s.desired.remove {
		return nil
	}
	return &agentv1.HeldObject{Ref: s.ref, OwnerUid: s.id.owner, Generation: s.desired.revision.generation, Hash: s.desired.revision.hash}
}

// apply sets the desired revision. An older generation is ignored.
func (s *statement) apply(r *revision) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if current := s.desired.revision; current != nil && r.generation < current.generation {
		return
	}
	s.desired.revision, s.desired.remove = r, false
	s.notify()
}

// setRemoved has the statement removed. With release its job keeps running.
func (s *statement) setRemoved(release bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.desired.remove, s.desired.release = true, release
	s.notify()
}

func (s *statement) isReleased() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.desired.release
}

// notify ends the current step, so that the next one starts from the new desired
// state. The caller holds s.mu.
func (s *statement) notify() {
	if s.interrupt != nil {
		s.interrupt()
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// abandonWork stops the worker and leaves the statement's job running.
func (s *statement) abandonWork() {
	s.driver.mu.Lock()
	abandon := s.abandon
	s.driver.mu.Unlock()
	s.mu.Lock()
	s.abandoned = true
	s.mu.Unlock()
	if abandon != nil {
		abandon(errAbandoned)
	}
}

// rows returns rows of the statement's query.
func (s *statement) rows(from int64, most int) rowPage {
	s.mu.Lock()
	spool := s.spool
	s.mu.Unlock()
	return spool.page(from, most)
}

// desired is what the control plane wants of a statement.
type desired struct {
	revision        *revision // nil if the statement was never applied
	remove, release bool
}

// begin returns the desired state, and a context that ends when that changes.
func (s *statement) begin(ctx context.Context) (context.Context, context.CancelFunc, desired) {
	s.mu.Lock()
	defer s.mu.Unlock()
	step, cancel := context.WithCancel(ctx)
	s.interrupt = cancel
	return step, cancel, s.desired
}

// work takes one step after the other until the statement is removed or ctx ends.
func (s *statement) work(ctx context.Context) {
	for {
		step, cancel, desired := s.begin(ctx)
		pause, gone, err := s.step(step, desired)
		interrupted := step.Err() != nil
		cancel()
		if ctx.Err() != nil {
			s.shutdown(ctx)
			return
		}
		if gone {
			s.acknowledge(desired, agentv1.Outcome_OUTCOME_DELETED, "", "")
			return
		}
		switch {
		case interrupted:
			pause = 0
		case err != nil:
			pause = s.failed(desired, err)
		default:
			s.failures, s.retry = 0, s.driver.retry()
		}
		if !s.sleep(ctx, pause) {
			s.shutdown(ctx)
			return
		}
	}
}

// sleep waits until there is something to do, and reports whether ctx is still
// alive.
func (s *statement) sleep(ctx context.Context, pause time.Duration) bool {
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

// failed reports a failed step, and returns the delay until the next attempt.
func (s *statement) failed(w desired, err error) time.Duration {
	s.ends = endpoints{}
	s.failures++
	s.log.Debug("failed to reconcile a statement", "error", err, "failures", s.failures)
	// A running job may be unreachable for a moment.
	if s.failures > 2 || !s.hasJob() {
		s.acknowledge(w, agentv1.Outcome_OUTCOME_RETRYING, "Unavailable", explain(w, err))
	}
	if !s.hasJob() {
		s.update(func(*status) {}) // report that nothing is running yet
	}
	return s.retry.Step()
}

// hasJob reports whether the statement has, or had, a job.
func (s *statement) hasJob() bool {
	return s.query != nil && s.query.job != "" || s.insert != nil && s.insert.job != ""
}

// explain tells users what a statement is waiting for.
func explain(w desired, err error) string {
	var waiting *waitingError
	if errors.As(err, &waiting) {
		return waiting.message
	}
	cause := err.Error()
	var failure *flinkrest.Error
	if errors.As(err, &failure) {
		cause = gateway.UserMessage(failure.Message) // without its stack trace
	}
	if w.revision == nil {
		return "Failed to query the session clusters for the statement's job: " + cause + "."
	}
	return "The session cluster '" + w.revision.spec.Deployment + "' is not available yet: " + cause + "."
}

// waitingError is an error whose message tells users what a statement is waiting
// for.
type waitingError struct{ message string }

func (w *waitingError) Error() string { return w.message }

// step takes the next step. It returns how long to wait for the one after, and
// whether the statement is removed.
func (s *statement) step(ctx context.Context, w desired) (pause time.Duration, gone bool, err error) {
	if w.remove {
		err := s.tearDown(ctx, w)
		if s.removing.IsZero() {
			s.removing = time.Now()
		}
		if err != nil && ctx.Err() == nil && time.Since(s.removing) > s.driver.timing.Unreachable {
			s.log.Warn("gave up cancelling the job of a statement that is being removed", "error", err)
			err = nil
		}
		return 0, err == nil, err
	}
	if w.revision == nil {
		return time.Hour, false, nil
	}
	if w.revision.spec.Detached {
		pause, err = s.stepInsert(ctx, w.revision)
	} else {
		pause, err = s.stepQuery(ctx, w.revision)
	}
	switch {
	case err == nil && s.insert.isAhead(w.revision):
		s.acknowledge(w, agentv1.Outcome_OUTCOME_RETRYING, "ClusterAhead", s.insert.explainAhead(w.revision))
	case err == nil:
		s.acknowledge(w, agentv1.Outcome_OUTCOME_APPLIED, "", "")
	}
	return pause, false, err
}

// tearDown ends the statement's query or job, on whatever cluster it is.
func (s *statement) tearDown(ctx context.Context, w desired) error {
	if s.query != nil {
		if err := s.endQuery(ctx); err != nil {
			return err
		}
	}
	if w.release {
		return nil
	}
	if w.revision != nil {
		return s.driver.cancelOn(ctx, flinkendpoint.Deployment{Namespace: s.id.namespace, Name: w.revision.spec.Deployment}, s.isOwn)
	}
	// It was never applied to this process, so its cluster is unknown.
	return s.driver.cancelEverywhere(ctx, s.isOwn)
}

func (s *statement) isOwn(_ context.Context, _ *flinkrest.Client, _ string, id identity) (bool, error) {
	return id == s.id, nil
}

// shutdown closes the session of a query when the process ends, since its rows
// cannot be read afterwards. It does so within a short time; otherwise the next
// process cancels the job.
func (s *statement) shutdown(ctx context.Context) {
	if s.query == nil || errors.Is(context.Cause(ctx), errAbandoned) {
		return
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.driver.timing.Shutdown)
	defer cancel()
	if err := s.query.close(last); err != nil {
		s.log.Debug("failed to close the session of a query", "error", err)
	}
}

// connect returns clients of the statement's cluster.
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

// rest returns a client of the JobManager of a deployment.
func (d *Driver) rest(ctx context.Context, namespace, deployment string) (*flinkrest.Client, error) {
	at, err := d.config.Endpoints.REST(ctx, namespace, deployment)
	if err != nil {
		return nil, err
	}
	return flinkrest.New(at.String(), d.client), nil
}

// update changes the status and reports it if it is different.
func (s *statement) update(change func(*status)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.status)
	if s.desired.revision != nil {
		s.status.ObservedGeneration = s.desired.revision.generation
	}
	s.report(false)
}

// report reports the status. The caller holds s.mu.
func (s *statement) report(again bool) {
	if s.desired.revision == nil || s.abandoned {
		return
	}
	text := s.status.text()
	reports := s.driver.reporter()
	if reports == nil || !again && text == s.lastStatus {
		return
	}
	s.lastStatus = text
	reports.Status(&agentv1.StatusReport{
		Ref: s.ref, OwnerUid: s.id.owner, Generation: s.desired.revision.generation,
		ObjectGeneration: s.status.ObservedGeneration, ObjectUid: s.id.owner, Status: text, Deleting: s.desired.remove,
	})
}

// reportAgain reports everything to a new session.
func (s *statement) reportAgain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lastStatus != "" {
		s.report(true)
	}
	if reports := s.driver.reporter(); reports != nil && s.lastAck != nil {
		reports.Ack(s.lastAck)
	}
}

// acknowledge acknowledges the latest Apply or Delete if the Ack differs from the
// last one.
func (s *statement) acknowledge(w desired, outcome agentv1.Outcome, reason, message string) {
	ack := &agentv1.Ack{Ref: s.ref, OwnerUid: s.id.owner, Outcome: outcome, Reason: reason, Message: message}
	if w.revision != nil && !w.remove {
		ack.Generation, ack.Hash = w.revision.generation, w.revision.hash
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if last := s.lastAck; last != nil && last.GetOutcome() == outcome && last.GetGeneration() == ack.GetGeneration() &&
		last.GetHash() == ack.GetHash() && last.GetMessage() == message {
		return
	}
	s.lastAck = ack
	if reports := s.driver.reporter(); reports != nil && !s.abandoned {
		reports.Ack(ack)
	}
}
