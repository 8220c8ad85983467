package fleet

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// reporters is how many objects' reports are stored at a time. Each costs one
// etcd transaction, which mostly waits for the disk.
const reporters = 32

// report is what an agent has said of one object and is not stored yet: the
// newest status, the newest outcome for each owner, and every event.
type report struct {
	session *session
	ref     *agentv1.ObjectRef
	status  *agentv1.StatusReport
	// acks are by owner: of two resources that bore the same name one after the
	// other, the first one's object is gone and the second one's applied.
	acks   map[string]*agentv1.Ack
	events []*agentv1.EventReport
}

// reports stores what agents report. Reports of one object are stored one after
// the other and coalesce while they wait; those of different objects do not
// wait for each other, whichever agents they come from.
type reports struct {
	fleet *Fleet

	mu      sync.Mutex
	waiting map[reportKey]*report
	order   []reportKey
	busy    map[reportKey]bool
	ready   chan struct{}
}

type reportKey struct {
	cluster string
	object  object
}

func newReports(f *Fleet) *reports {
	return &reports{
		fleet:   f,
		waiting: map[reportKey]*report{},
		busy:    map[reportKey]bool{},
		ready:   make(chan struct{}, reporters),
	}
}

// add lets say change the waiting report of an object. What an older session
// has said is dropped where a newer one speaks: it would be refused, and the
// newer one says it all again.
func (r *reports) add(s *session, ref *agentv1.ObjectRef, say func(*report)) {
	key := reportKey{s.cluster, objectOf(ref)}
	r.mu.Lock()
	defer r.mu.Unlock()
	waiting := r.waiting[key]
	switch {
	case waiting == nil && !r.busy[key]:
		r.order = append(r.order, key)
		fallthrough
	case waiting == nil, waiting.session.epoch < s.epoch:
		waiting = &report{session: s, ref: ref, acks: map[string]*agentv1.Ack{}}
		r.waiting[key] = waiting
	case waiting.session.epoch > s.epoch:
		return
	}
	say(waiting)
	r.wake()
}

func (r *reports) wake() {
	select {
	case r.ready <- struct{}{}:
	default:
	}
}

func (r *reports) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for range reporters {
		group.Go(func() error { return r.work(ctx) })
	}
	return group.Wait()
}

func (r *reports) work(ctx context.Context) error {
	for {
		for {
			key, next, ok := r.take()
			if !ok {
				break
			}
			r.store(ctx, next)
			r.done(key)
		}
		select {
		case <-r.ready:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (r *reports) take() (reportKey, *report, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.order) == 0 {
		r.order = nil
		return reportKey{}, nil, false
	}
	key := r.order[0]
	r.order = r.order[1:]
	next := r.waiting[key]
	delete(r.waiting, key)
	r.busy[key] = true
	if len(r.order) > 0 {
		r.wake() // one wake may stand for several reports
	}
	return key, next, true
}

func (r *reports) done(key reportKey) {
	r.mu.Lock()
	delete(r.busy, key)
	again := r.waiting[key] != nil
	if again {
		r.order = append(r.order, key)
	}
	r.mu.Unlock()
	if again {
		r.wake()
	}
}

// maxStoreAttempts bounds how often a report starts over because the resource
// changed meanwhile; every such change brings the agent's next report closer.
const maxStoreAttempts = 20

// maxEvents bounds the events that one transaction stores. It is no more than
// what a transaction drops of the oldest.
const maxEvents = 16

// store stores a report, in parts where it has many events.
func (r *reports) store(ctx context.Context, next *report) {
	for {
		rest := next.events[min(maxEvents, len(next.events)):]
		next.events = next.events[:len(next.events)-len(rest)]
		if err := r.storePart(ctx, next); err != nil {
			if ctx.Err() == nil {
				next.session.end(err)
			}
			return
		}
		if len(rest) == 0 {
			return
		}
		next = &report{session: next.session, ref: next.ref, events: rest}
	}
}

// storePart stores a report and acknowledges its events once that is done. Its
// error is what the session has to end with, so that the agent says it all
// again in the next.
func (r *reports) storePart(ctx context.Context, next *report) error {
	s := next.session
	log := s.log.With("kind", next.ref.GetKind(), "namespace", next.ref.GetNamespace(), "name", next.ref.GetName())
	for range maxStoreAttempts {
		err := r.storeOnce(ctx, next)
		switch {
		case errors.Is(err, store.ErrConflict):
			if err := s.standing(ctx); errors.Is(err, errSuperseded) || errors.Is(err, errExpired) {
				return err
			}
			continue
		case errors.Is(err, store.ErrTooLarge):
			// It would be no smaller in the next session.
			log.Error("report is too large to be stored and is dropped", "error", err)
		case err != nil:
			log.Warn("report could not be stored", "error", err)
			return errUnstored
		}
		for _, event := range next.events {
			s.say(&agentv1.ConnectResponse{Message: &agentv1.ConnectResponse_EventAck{EventAck: &agentv1.EventAck{Id: event.GetId()}}})
		}
		return nil
	}
	return errUnstored
}

func (r *reports) storeOnce(ctx context.Context, next *report) error {
	for _, ack := range next.acks {
		if ack.GetOutcome() != agentv1.Outcome_OUTCOME_DELETED {
			continue
		}
		if err := r.storeDeletion(ctx, next.session, ack); err != nil {
			return err
		}
	}
	claim, err := r.claim(ctx, next)
	if err != nil || claim == nil {
		return err
	}
	if store := r.fleet.kept[claim.GetCollection()].store; store != nil {
		return store(ctx, next, claim)
	}
	return nil
}
