package limit

import (
	"container/list"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// idle is how long a user is known who uses nothing. Buckets are full again long before.
const idle = time.Minute

// user is a caller or an address.
type user struct {
	key             string
	used            time.Time      // last
	requests, bytes *rate.Limiter  // nil for no limit
	held            [slotCount]int // slots, guarded by users.mu
	element         *list.Element
}

func (u *user) busy() bool { return u.held != [slotCount]int{} }

// users are those who were seen last, at most max of them and those who hold slots.
type users struct {
	max  int
	fill func(*user)

	mu    sync.Mutex
	byKey map[string]*user
	byUse *list.List // of *user, who was seen last first
}

func newUsers(max int, fill func(*user)) users {
	return users{max: max, fill: fill, byKey: map[string]*user{}, byUse: list.New()}
}

// get returns a user. The caller holds the lock.
func (u *users) get(key string, now time.Time) *user {
	found := u.byKey[key]
	if found == nil {
		u.forget(now)
		found = &user{key: key}
		u.fill(found)
		found.element = u.byUse.PushFront(found)
		u.byKey[key] = found
	} else {
		u.byUse.MoveToFront(found.element)
	}
	found.used = now
	return found
}

// forgetAtOnce bounds the work of forget. It is more than one, so that idle users become
// fewer although others come.
const forgetAtOnce = 8

// forget drops the users who were not seen for longest, if they are idle or there are too
// many. Those who hold slots are seen again when they give them back, and stay.
func (u *users) forget(now time.Time) {
	last := u.byUse.Back()
	for range forgetAtOnce {
		if last == nil {
			return
		}
		candidate := last.Value.(*user)
		last = last.Prev()
		switch {
		case candidate.busy():
			u.byUse.MoveToFront(candidate.element)
		case len(u.byKey) >= u.max || now.Sub(candidate.used) > idle:
			u.byUse.Remove(candidate.element)
			delete(u.byKey, candidate.key)
		default:
			return
		}
	}
}

// count returns how many users are known.
func (u *users) count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.byKey)
}
