package store

import (
	"errors"
	"testing"
)

func passed(b *barrier) bool {
	select {
	case <-b.passed:
		return true
	default:
		return false
	}
}

func TestReadersWhoArriveTogetherShareAQuestion(t *testing.T) {
	b := newBarriers()
	if first, other := b.join(), b.join(); first != other {
		t.Error("two readers have two questions")
	}
}

func TestAReaderWhoComesAfterTheQuestionWasPutHasOneOfItsOwn(t *testing.T) {
	b := newBarriers()
	early := b.join()
	taken := b.take()
	late := b.join()
	if taken != early || late == early {
		t.Error("the late reader shares a question put before it came")
	}
}

func TestABarrierPassesWhenTheCachesAreThere(t *testing.T) {
	b := newBarriers()
	b.restart(10, 1)
	now, soon, later := b.join(), &barrier{passed: make(chan struct{})}, &barrier{passed: make(chan struct{})}
	b.await(now, 0, 10)
	b.await(soon, 0, 11)
	b.await(later, 0, 13)
	if !passed(now) || passed(soon) || passed(later) {
		t.Errorf("at 10 those of 10, 11 and 13 have passed: %t %t %t", passed(now), passed(soon), passed(later))
	}
	b.advance(12)
	if !passed(soon) || passed(later) {
		t.Errorf("at 12 those of 11 and 13 have passed: %t %t", passed(soon), passed(later))
	}
	if behind, _ := b.lag(); behind != 1 {
		t.Errorf("the lag is %d", behind)
	}
	b.advance(11) // an event that comes late moves nothing back
	if b.position().revision != 12 {
		t.Errorf("the caches went back to %d", b.position().revision)
	}
}

func TestReadersOfALostHistoryAskAgain(t *testing.T) {
	for name, restart := range map[string]struct {
		revision int64
		cluster  uint64
	}{
		"an older revision":                  {5, 1},
		"another cluster, however far it is": {50, 2},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBarriers()
			b.restart(10, 1)
			before := b.position().history
			waits, comes := b.join(), &barrier{passed: make(chan struct{})}
			b.await(waits, before, 20)
			b.restart(restart.revision, restart.cluster)
			b.await(comes, before, 20)
			for what, waiter := range map[string]*barrier{"waiting": waits, "answered meanwhile": comes} {
				if !passed(waiter) || !errors.Is(waiter.err, errHistoryChanged) {
					t.Errorf("%s: passed is %t with %v", what, passed(waiter), waiter.err)
				}
			}
			if got := b.position().revision; got != restart.revision {
				t.Errorf("the caches are at %d, want %d", got, restart.revision)
			}
		})
	}
}

func TestLoadingTheSameHistoryAgainKeepsReaders(t *testing.T) {
	b := newBarriers()
	b.restart(10, 1)
	waits := b.join()
	b.await(waits, 0, 20)
	b.restart(25, 1)
	if !passed(waits) || waits.err != nil {
		t.Errorf("passed is %t with %v", passed(waits), waits.err)
	}
}
