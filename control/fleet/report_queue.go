package fleet

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

const (
	// reporters is how many objects' reports are stored at a time. Each costs one
	// etcd transaction, which mostly waits for the disk.
	reporters = 32
	// maxWaitingEvents bounds the events of one object that wait to be stored. Of more,
	// the oldest are dropped: they are not acknowledged, so the agent reports them
	// again in its next session.
	maxWaitingEvents = 1024
	// maxWaitingObjects bounds the objects of one agent whose reports wait. It is more
	// than a cluster has. maxWaitingAcks bounds the owners of one object that outcomes
	// wait for; those of others are dropped.
	maxWaitingObjects = 1 << 18
	maxWaitingAcks    = 16
	// While etcd has no space, nothing is tried for a pause that doubles from
	// minPause to maxPause; while it is not available, for minPause.
	minPause, maxPause = time.Second, 30 * time.Second
	// maxUnavailable is how long a report waits for an etcd that is not available
	// before the session ends.
	maxUnavailable = 10 * time.Second
)

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
	// unavailableSince is when etcd first was not available to store the report.
	unavailableSince time.Time
}

// mayWait is true until etcd has not been available for maxUnavailable.
func (r *report) mayWait() bool {
	if r.unavailableSince.IsZero() {
		r.unavailableSince = time.Now()
	}
	return time.Since(r.unavailableSince) < maxUnavailable
}

// reports stores what agents report. Reports of one object are stored one after
// the other and coalesce while they wait; those of different objects do not
// wait for each other. Clusters take turns, so that one that reports a lot does not
// hold up others.
type reports struct {
	fleet *Fleet

	mu      sync.Mutex
	waiting map[reportKey]*report
	order   map[string][]reportKey // by cluster, without those that are empty
	turns   []string               // of the clusters in order
	busy    map[reportKey]bool
	ready   chan struct{}
	// paused is true while nothing is stored; pause is for how long it was last.
	paused bool
	pause  time.Duration
}

type reportKey struct {
	cluster string
	object  object
}

func newReports(f *Fleet) *reports {
	return &reports{
		fleet:   f,
		waiting: map[reportKey]*report{},
		order:   map[string][]reportKey{},
		busy:    map[reportKey]bool{},
		ready:   make(chan struct{}, reporters),
	}
}

func (r *reports) addAck(s *session, ack *agentv1.Ack) {
	r.add(s, ack.GetRef(), func(r *report) {
		if _, known := r.acks[ack.GetOwnerUid()]; known || len(r.acks) < maxWaitingAcks {
			r.acks[ack.GetOwnerUid()] = ack
		}
	})
}

func (r *reports) addStatus(s *session, status *agentv1.StatusReport) {
	r.add(s, status.GetRef(), func(r *report) { r.status = status })
}

func (r *reports) addEvent(s *session, event *agentv1.EventReport) {
	r.add(s, event.GetRef(), func(r *report) { r.addEvents(event) })
}

func (r *report) addEvents(events ...*agentv1.EventReport) {
	r.events = append(r.events, events...)
	r.events = r.events[max(0, len(r.events)-maxWaitingEvents):]
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
		if len(r.order[key.cluster]) >= maxWaitingObjects {
			s.end(errFlooding)
			return
		}
		r.push(key)
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

// push puts an object at the end of those of its cluster.
func (r *reports) push(key reportKey) {
	if len(r.order[key.cluster]) == 0 {
		r.turns = append(r.turns, key.cluster)
	}
	r.order[key.cluster] = append(r.order[key.cluster], key)
}

// pop takes the first object of the cluster whose turn it is.
func (r *reports) pop() (key reportKey, ok bool) {
	if len(r.turns) == 0 {
		r.turns = nil
		return key, false
	}
	cluster := r.turns[0]
	r.turns = r.turns[1:]
	keys := r.order[cluster]
	if len(keys) > 1 {
		r.order[cluster] = keys[1:]
		r.turns = append(r.turns, cluster)
	} else {
		delete(r.order, cluster)
	}
	return keys[0], true
}

// depth is how many objects have reports that wait to be stored.
func (r *reports) depth() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.waiting)
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
			switch err := r.fleet.storeReport(ctx, next); {
			case err == nil, ctx.Err() != nil:
			case errors.Is(err, store.ErrNoSpace):
				r.keep(key, next)
				r.suspend()
			case errors.Is(err, store.ErrUnavailable) && next.mayWait():
				r.keep(key, next)
				r.suspend()
			case errors.Is(err, store.ErrUnavailable):
				next.session.log.Warn("report could not be stored", "error", err)
				next.session.end(errUnstored)
			case errors.Is(err, store.ErrConflict):
				r.keep(key, next)
			default:
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
	if r.paused {
		return reportKey{}, nil, false
	}
	key, ok := r.pop()
	if !ok {
		return reportKey{}, nil, false
	}
	next := r.waiting[key]
	delete(r.waiting, key)
	r.busy[key] = true
	if len(r.turns) > 0 {
		r.wake() // one wake may stand for several reports
	}
	return key, next, true
}

// keep puts back what is still to be stored of a report. What the agent has
// reported of the object since goes before it, and what a session has reported that is
// not the newest is dropped.
func (r *reports) keep(key reportKey, kept *report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	newer := r.waiting[key]
	switch {
	case newer == nil || newer.session.epoch < kept.session.epoch:
	case newer.session.epoch > kept.session.epoch:
		return
	default:
		if newer.status != nil {
			kept.status = newer.status
		}
		maps.Copy(kept.acks, newer.acks)
		kept.addEvents(newer.events...)
	}
	r.waiting[key] = kept
}

// suspend stops the storing of reports for a while, because etcd has no space or is
// not available: they wait, and sessions go on.
func (r *reports) suspend() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.paused {
		return
	}
	r.paused, r.pause = true, min(max(2*r.pause, minPause), maxPause)
	time.AfterFunc(r.pause, r.resume)
}

func (r *reports) resume() {
	exhausted := r.fleet.Store.Space().Exhausted
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.paused = false; !exhausted {
		r.pause = 0
	}
	r.wake()
}

func (r *reports) done(key reportKey) {
	r.mu.Lock()
	delete(r.busy, key)
	again := r.waiting[key] != nil
	if again {
		r.push(key)
	}
	r.mu.Unlock()
	if again {
		r.wake()
	}
}
