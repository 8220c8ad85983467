// Package limit bounds what each caller of the API may use of a replica, so that one
// caller cannot take what others need. Callers are told apart by their principal, and
// those who are not authenticated by their address.
package limit

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/access"
	"github.com/openweir/weir/control/apierror"
)

// Config has the limits of each caller. 0 means no limit.
type Config struct {
	// RequestsPerSecond is the sustained rate of requests. Twice as many may come at once.
	RequestsPerSecond int
	// RequestsInFlight is how many requests may be under way, without those of the next
	// two limits.
	RequestsInFlight int
	// Watches and WebUIRequests are how many watches, and how many requests for Flink web
	// UIs, may be open.
	Watches       int
	WebUIRequests int
	// RequestBytesPerSecond is the sustained rate of the sizes of request messages. Twice
	// as much may come at once, and the largest request at least.
	RequestBytesPerSecond int
	// FailuresPerSecond is the sustained rate of requests from one address whose caller
	// is not authenticated. Twice as many may come at once.
	FailuresPerSecond int
}

// Default are limits that scripts do not reach, nor benchmarks on a machine with a few
// cores.
var Default = Config{
	RequestsPerSecond: 50_000, RequestsInFlight: 256, Watches: 1000, WebUIRequests: 32, RequestBytesPerSecond: 64 << 20, FailuresPerSecond: 100,
}

// maxRate keeps twice a rate within an int32.
const maxRate = 1 << 30

// Validate returns what is wrong with the limits.
func (c Config) Validate() error {
	var wrong []error
	for _, limit := range []struct {
		name  string
		value int
	}{
		{"requests per second", c.RequestsPerSecond},
		{"requests in flight", c.RequestsInFlight},
		{"watches", c.Watches},
		{"web UI requests", c.WebUIRequests},
		{"request bytes per second", c.RequestBytesPerSecond},
		{"failures per second", c.FailuresPerSecond},
	} {
		if limit.value < 0 || limit.value > maxRate {
			wrong = append(wrong, fmt.Errorf("limit of %s: must be between 0, which means none, and %d, got %d", limit.name, maxRate, limit.value))
		}
	}
	return errors.Join(wrong...)
}

// maxUsers bounds the callers, and the addresses, that are known.
const maxUsers = 10_000

// Limiter applies the limits. Its methods may be called concurrently.
type Limiter struct {
	config  Config
	slots   [slotCount]int  // how many there are of each
	methods map[string]slot // that hold another slot than inFlight
	refused [refusalCount]atomic.Int64
	callers users
	sources users
	sizes   Sizes
}

// New returns a limiter for valid limits.
func New(config Config, sizes Sizes) *Limiter {
	return &Limiter{
		config:  config,
		sizes:   sizes,
		slots:   [slotCount]int{inFlight: config.RequestsInFlight, watch: config.Watches, webUI: config.WebUIRequests},
		methods: streams(),
		callers: newUsers(maxUsers, func(u *user) {
			u.requests = bucket(config.RequestsPerSecond, 0)
			u.bytes = bucket(config.RequestBytesPerSecond, maxRequest)
		}),
		sources: newUsers(maxUsers, func(u *user) { u.requests = bucket(config.FailuresPerSecond, 0) }),
	}
}

// bucket allows a rate, and twice as much at once, but never less than least.
func bucket(perSecond, least int) *rate.Limiter {
	if perSecond == 0 {
		return nil
	}
	return rate.NewLimiter(rate.Limit(perSecond), max(2*perSecond, least))
}

// take takes n from a bucket, or returns how long it takes until they are there.
func take(from *rate.Limiter, n int, now time.Time) (wait time.Duration) {
	if from == nil {
		return 0
	}
	reservation := from.ReserveN(now, min(n, from.Burst()))
	if wait = reservation.DelayFrom(now); wait > 0 {
		reservation.CancelAt(now)
	}
	return wait
}

// Begin admits a request of a caller, or returns the error for the caller.
func (l *Limiter) Begin(principal *access.Principal, method string) (*Request, error) {
	slot, now := l.methods[method], time.Now()
	l.callers.mu.Lock()
	defer l.callers.mu.Unlock()
	u := l.callers.get(principal.Name, now)
	if wait := take(u.requests, 1, now); wait > 0 {
		return nil, l.refuse(requestsPerSecond, wait, "%s sends more than %d requests per second.", principal.Name, l.config.RequestsPerSecond)
	}
	if most := l.slots[slot]; most > 0 && u.held[slot] >= most {
		return nil, l.refuse(slots[slot].refusal, time.Second, slots[slot].message, principal.Name, most)
	}
	u.held[slot]++
	return &Request{limiter: l, user: u, caller: principal.Name, slot: slot}, nil
}

// Request is a request under way.
type Request struct {
	limiter *Limiter
	user    *user
	caller  string
	slot    slot
	ended   atomic.Bool
}

// End gives back what the request holds.
func (r *Request) End() {
	if r.ended.Swap(true) {
		return
	}
	r.limiter.callers.mu.Lock()
	defer r.limiter.callers.mu.Unlock()
	r.user.held[r.slot]--
}

// Received accounts for a message of the request, or returns the error for the caller.
func (r *Request) Received(message proto.Message) error {
	size, err := r.limiter.sizes.Check(message)
	if err != nil {
		r.limiter.refused[requestSize].Add(1)
		return err
	}
	if wait := take(r.user.bytes, size, time.Now()); wait > 0 {
		return r.limiter.refuse(bytesPerSecond, wait, "%s sends more than %d bytes of requests per second.", r.caller, r.limiter.config.RequestBytesPerSecond)
	}
	return nil
}

// refuse counts and makes the error of a refusal.
func (l *Limiter) refuse(by refusal, wait time.Duration, format string, args ...any) error {
	l.refused[by].Add(1)
	return apierror.Limited(wait, format+" Try again later.", args...)
}
