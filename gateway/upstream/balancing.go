package upstream

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/balancer"
	"google.golang.org/grpc/balancer/endpointsharding"
	"google.golang.org/grpc/balancer/pickfirst"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/resolver"
)

// balancingPolicy is the name by which serviceConfig selects balancing.
const balancingPolicy = "weir_fewest_requests"

func init() { balancer.Register(balancing{}) }

// balancing is a load-balancing policy that sends a request to the ready replica
// with the fewest requests under way. Unlike the policies of gRPC it knows which
// calls are attempts of the same read, and prefers replicas that the read was not
// sent to yet.
type balancing struct{}

func (balancing) Name() string { return balancingPolicy }

func (balancing) Build(conn balancer.ClientConn, options balancer.BuildOptions) balancer.Balancer {
	b := &replicaBalancer{ClientConn: conn, endpoints: resolver.NewEndpointMap[*endpoint]()}
	b.Balancer = endpointsharding.NewBalancer(b, options, balancer.Get(pickfirst.Name).Build, endpointsharding.Options{})
	return b
}

// replicaBalancer stands between the channel and the balancer that keeps a
// connection to each replica.
type replicaBalancer struct {
	balancer.ClientConn
	balancer.Balancer

	mu        sync.Mutex // also guards what the endpoints and the attempts contain
	endpoints *resolver.EndpointMap[*endpoint]
	picks     uint64
}

// endpoint is a replica as far as balancing knows it.
type endpoint struct {
	requests   int       // under way
	lastPick   uint64    // the number of the pick
	heard      time.Time // when a response arrived last, or the connection was not ready
	avoidUntil time.Time // it is silent: it gets what no other replica can take
}

// UpdateClientConnState makes the connections heed the health of the replicas.
func (b *replicaBalancer) UpdateClientConnState(state balancer.ClientConnState) error {
	state.ResolverState = pickfirst.EnableHealthListener(state.ResolverState)
	return b.Balancer.UpdateClientConnState(state)
}

// UpdateState gets the states of the connections.
func (b *replicaBalancer) UpdateState(state balancer.State) {
	if ready := b.update(endpointsharding.ChildStatesFromPicker(state.Picker)); len(ready) > 0 {
		state.Picker = &picker{balancer: b, ready: ready}
	}
	b.ClientConn.UpdateState(state)
}

// update returns the endpoints that are ready.
func (b *replicaBalancer) update(children []endpointsharding.ChildState) []readyEndpoint {
	b.mu.Lock()
	defer b.mu.Unlock()
	var ready []readyEndpoint
	endpoints := resolver.NewEndpointMap[*endpoint]()
	for _, child := range children {
		e, known := b.endpoints.Get(child.Endpoint)
		if !known {
			e = &endpoint{}
		}
		endpoints.Set(child.Endpoint, e)
		if child.State.ConnectivityState == connectivity.Ready {
			ready = append(ready, readyEndpoint{endpoint: e, connection: child.State.Picker})
		} else {
			e.heardAt(time.Now()) // silence counts for one connection only
		}
	}
	b.endpoints = endpoints
	return ready
}

// picker picks from the endpoints that are ready.
type picker struct {
	balancer *replicaBalancer
	ready    []readyEndpoint
}

type readyEndpoint struct {
	*endpoint
	connection balancer.Picker
}

func (p *picker) Pick(info balancer.PickInfo) (balancer.PickResult, error) {
	a, _ := info.Ctx.Value(attemptKey{}).(attempt)
	now := time.Now()
	picked := p.begin(a, now)
	result, err := picked.connection.Pick(info)
	if err != nil {
		p.end(picked.endpoint, false)
		return result, err
	}
	p.sent(a, picked.endpoint, now)
	done := result.Done
	result.Done = func(info balancer.DoneInfo) {
		p.end(picked.endpoint, info.BytesReceived)
		if done != nil {
			done(info)
		}
	}
	return result, nil
}

// begin chooses an endpoint and counts the request. Of those with equally few
// requests, it is the one that was picked longest ago.
func (p *picker) begin(a attempt, now time.Time) readyEndpoint {
	p.balancer.mu.Lock()
	defer p.balancer.mu.Unlock()
	if a.hedge {
		a.read.avoidSilent(now)
	}
	picked := slices.MinFunc(p.ready, func(one, two readyEndpoint) int {
		return cmp.Or(
			cmp.Compare(a.read.rank(one.endpoint, now), a.read.rank(two.endpoint, now)),
			cmp.Compare(one.requests, two.requests),
			cmp.Compare(one.lastPick, two.lastPick),
		)
	})
	p.balancer.picks++
	picked.lastPick = p.balancer.picks
	picked.requests++
	return picked
}

// sent notes that an attempt goes to an endpoint. One whose connection could not take it
// was not sent there.
func (p *picker) sent(a attempt, e *endpoint, now time.Time) {
	if a.read == nil {
		return
	}
	p.balancer.mu.Lock()
	defer p.balancer.mu.Unlock()
	a.read[e] = now
}

func (p *picker) end(e *endpoint, answered bool) {
	p.balancer.mu.Lock()
	defer p.balancer.mu.Unlock()
	e.requests--
	if answered {
		e.heardAt(time.Now())
	}
}

func (e *endpoint) heardAt(now time.Time) {
	e.heard, e.avoidUntil = now, time.Time{}
}

// attempts are those of one read: the endpoints that it was sent to, and when.
type attempts map[*endpoint]time.Time

// rank orders endpoints by how well they suit the next attempt; the least is best.
func (a attempts) rank(e *endpoint, now time.Time) int {
	switch _, sent := a[e]; {
	case sent:
		return 2
	case now.Before(e.avoidUntil):
		return 1
	}
	return 0
}

// avoidSilent marks the endpoints that have answered nothing, neither the read nor
// another request, since the read was sent to them. The mark ends when it must be
// wrong: the connection to a replica that is silent does not last as long.
func (a attempts) avoidSilent(now time.Time) {
	for e, sent := range a {
		if !e.heard.After(sent) {
			e.avoidUntil = now.Add(keepaliveTime + keepaliveTimeout)
		}
	}
}

// attempt is what the context of a call says to the picker.
type attempt struct {
	read  attempts
	hedge bool // the former attempts take too long
}

type attemptKey struct{}

func withAttempt(ctx context.Context, a attempt) context.Context {
	return context.WithValue(ctx, attemptKey{}, a)
}
