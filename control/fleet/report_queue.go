package fleet

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// reporters is how many objects' reports are stored at a time. Each costs one
// etcd transaction, which mostly waits for the disk.
const reporters = 32

// report is what an agent has reported of one object and is not stored yet: the
// newest status, the newest outcome for each owner, and every event.
type report struct {
	session *session
	ref     *agentv1.ObjectRef
	status  *agentv1.StatusReport
	// acks are by owner: of two resources that had the same name one after the
	// other, the first one's object is deleted and the second one's applied.
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

func (r *reports) addAck(s *session, ack *agentv1.Ack) {
	r.add(s, ack.GetRef(), func(r *report) { r.acks[ack.GetOwnerUid()] = ack })
}

func (r *reports) addStatus(s *session, status *agentv1.StatusReport) {
	r.add(s, status.GetRef(), func(r *report) { r.status = status })
}

func (r *reports) addEvent(s *session, event *agentv1.EventReport) {
	r.add(s, event.GetRef(), func(r *report) { r.events = append(r.events, event) })
}

// add lets note change the waiting report of an object. What an older session
// reported is dropped where a newer one does: it would be refused, and the newer
// one reports it all again.
func (r *reports) add(s *session, ref *agentv1.ObjectRef, note func(*report)) {
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
	note(waiting)
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
			if err := r.fleet.storeReport(ctx, next); err != nil && ctx.Err() == nil {
				next.session.end(err)
			}
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
