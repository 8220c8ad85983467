package upstream

import (
	"maps"
	"slices"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc/balancer"
	"google.golang.org/grpc/balancer/endpointsharding"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/resolver"

	"github.com/openweir/weir/internal/await"
)

// balanced are replicas that requests are balanced over, without connections.
type balanced struct {
	t        *testing.T
	balancer *replicaBalancer
	picker   *picker
	picked   string          // the replica that was picked last
	broken   map[string]bool // replicas whose connections take no requests at present
}

// connection notes that its replica was picked.
type connection struct {
	replica string
	picked  *string
	broken  map[string]bool // replicas
}

func (c connection) Pick(balancer.PickInfo) (balancer.PickResult, error) {
	if c.broken[c.replica] {
		return balancer.PickResult{}, balancer.ErrNoSubConnAvailable
	}
	*c.picked = c.replica
	return balancer.PickResult{}, nil
}

func balance(t *testing.T, replicas ...string) *balanced {
	b := &balanced{t: t, broken: map[string]bool{}, balancer: &replicaBalancer{endpoints: resolver.NewEndpointMap[*endpoint]()}}
	states := map[string]connectivity.State{}
	for _, name := range replicas {
		states[name] = connectivity.Connecting
	}
	b.update(states)
	for _, name := range replicas {
		states[name] = connectivity.Ready
	}
	b.update(states)
	return b
}

func (b *balanced) update(states map[string]connectivity.State) {
	var children []endpointsharding.ChildState
	for _, name := range slices.Sorted(maps.Keys(states)) {
		children = append(children, endpointsharding.ChildState{
			Endpoint: resolver.Endpoint{Addresses: []resolver.Address{{Addr: name}}},
			State:    balancer.State{ConnectivityState: states[name], Picker: connection{replica: name, picked: &b.picked, broken: b.broken}},
		})
	}
	b.picker = &picker{balancer: b.balancer, ready: b.balancer.update(children)}
}

// begin sends a request and returns the replica that gets it. The request ends with
// an answer or, such as when it is canceled, without one.
func (b *balanced) begin(a attempt) (replica string, end func(answered bool)) {
	b.t.Helper()
	result, err := b.picker.Pick(balancer.PickInfo{Ctx: withAttempt(b.t.Context(), a)})
	if err != nil {
		b.t.Fatal(err)
	}
	return b.picked, func(answered bool) { result.Done(balancer.DoneInfo{BytesReceived: answered}) }
}

// expect sends requests that are answered at once, and checks which replicas get
// them.
func (b *balanced) expect(what string, replicas ...string) {
	b.t.Helper()
	var got []string
	for range replicas {
		replica, end := b.begin(attempt{})
		end(true)
		got = append(got, replica)
	}
	slices.Sort(got)
	if !slices.Equal(got, replicas) {
		b.t.Errorf("%s: the requests went to %v, want %v", what, got, replicas)
	}
}

func TestRequestsGoWhereTheFewestAreUnderWay(t *testing.T) {
	b := balance(t, "a", "b", "c")
	b.expect("all equal", "a", "a", "b", "b", "c", "c")
	ends := map[string]func(bool){}
	for range 3 {
		replica, end := b.begin(attempt{})
		ends[replica] = end
	}
	if len(ends) != 3 {
		t.Fatalf("requests are under way at %v, want one at each", slices.Sorted(maps.Keys(ends)))
	}
	ends["b"](true)
	b.expect("none under way at b", "b", "b", "b")
	ends["c"](false)
	b.expect("none under way at b and c", "b", "b", "c", "c")
}

func TestAttemptsOfAReadGoToDifferentReplicas(t *testing.T) {
	for name, hedge := range map[string]bool{"sent again": false, "hedged": true} {
		t.Run(name, func(t *testing.T) {
			b := balance(t, "a", "b", "c")
			read := attempts{}
			first, endFirst := b.begin(attempt{read: read})
			endFirst(false)
			for range 9 { // three at each, except that the first replica is spared
				if replica, end := b.begin(attempt{}); replica == first {
					end(true)
				}
			}
			second, _ := b.begin(attempt{read: read, hedge: hedge})
			third, _ := b.begin(attempt{read: read, hedge: hedge})
			if got := []string{first, second, third}; len(slices.Compact(slices.Sorted(slices.Values(got)))) != 3 {
				t.Errorf("the attempts went to %v, want each to another replica", got)
			}
			if fourth, _ := b.begin(attempt{read: read, hedge: hedge}); fourth != first {
				t.Errorf("the fourth attempt went to %s, want %s, which has the fewest requests", fourth, first)
			}
		})
	}
}

func TestSilentReplicasArePickedLast(t *testing.T) {
	ready := map[string]connectivity.State{"a": connectivity.Ready, "b": connectivity.Ready}
	for name, test := range map[string]struct {
		meanwhile func(*balanced)             // while the read waits for an answer of a
		hedged    func(*balanced, func(bool)) // once it has gone to b; ends the request at a
		spared    bool                        // whether a gets no requests
	}{
		"the read is not answered": {
			hedged: func(*balanced, func(bool)) {},
			spared: true,
		},
		"the read is canceled": {
			hedged: func(_ *balanced, end func(bool)) { end(false) },
			spared: true,
		},
		"the read is answered late": {
			hedged: func(_ *balanced, end func(bool)) { end(true) },
		},
		"another read is answered meanwhile": {
			meanwhile: func(b *balanced) {
				for range 2 { // one at each
					_, end := b.begin(attempt{})
					defer end(true)
				}
			},
			hedged: func(_ *balanced, end func(bool)) { end(false) },
		},
		"the connection is replaced": {
			hedged: func(b *balanced, end func(bool)) {
				b.update(map[string]connectivity.State{"a": connectivity.Connecting, "b": connectivity.Ready})
				end(false)
				b.update(ready)
			},
		},
		"the connection is older than that of a silent replica can be": {
			hedged: func(_ *balanced, end func(bool)) {
				end(false)
				await.Elapse(keepaliveTime + keepaliveTimeout)
			},
		},
		"the other replica is lost": {
			hedged: func(b *balanced, end func(bool)) {
				end(false)
				b.update(map[string]connectivity.State{"a": connectivity.Ready, "b": connectivity.TransientFailure})
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := balance(t, "a", "b")
				read := attempts{}
				first, end := b.begin(attempt{read: read})
				await.Elapse(hedgingDelay)
				if test.meanwhile != nil {
					test.meanwhile(b)
				}
				second, endSecond := b.begin(attempt{read: read, hedge: true})
				endSecond(true)
				if first != "a" || second != "b" {
					t.Fatalf("the read was sent to %s and %s, want a and b", first, second)
				}
				test.hedged(b, end)
				var got []string
				for range 4 {
					replica, _ := b.begin(attempt{})
					got = append(got, replica)
				}
				if spared := !slices.Contains(got, "a"); spared != test.spared {
					t.Errorf("requests go to %v; a is spared: %t, want %t", got, spared, test.spared)
				}
			})
		})
	}
}

// gRPC picks again when a connection cannot take a request after all.
func TestAnAttemptThatNoConnectionTookWasNotSent(t *testing.T) {
	b := balance(t, "a", "b")
	read := attempts{}
	b.broken["a"] = true
	if _, err := b.picker.Pick(balancer.PickInfo{Ctx: withAttempt(t.Context(), attempt{read: read})}); err == nil {
		t.Fatal("the broken connection was not picked first")
	}
	if len(read) != 0 {
		t.Errorf("the read counts as sent to %d replicas", len(read))
	}
	b.broken["a"] = false
	b.expect("both are free", "a", "b") // so that the next turn is that of b
	if first, _ := b.begin(attempt{read: read}); first != "b" {
		t.Fatalf("the read was sent to %s, want b", first)
	}
	if second, _ := b.begin(attempt{read: read, hedge: true}); second != "a" {
		t.Errorf("the second attempt went to %s again, although a did not get the read", second)
	}
}
