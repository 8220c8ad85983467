package limit

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Connections are the limits of simultaneous connections to one listener. 0 means no
// limit.
type Connections struct {
	Total, PerAddress int
}

// DefaultConnections leave room for the agents of large installations behind one address.
var DefaultConnections = Connections{Total: 10_000, PerAddress: 2000}

// Validate returns what is wrong with the limits.
func (c Connections) Validate() error {
	if c.Total < 0 || c.PerAddress < 0 {
		return fmt.Errorf("limits of connections: must not be negative, got %d, and %d for each address", c.Total, c.PerAddress)
	}
	return nil
}

// Gate closes new connections to a listener at once while there are too many. Those who
// wait in the backlog of a listener that accepts no more would not learn why, and would
// keep others waiting.
type Gate struct {
	limits  Connections
	refused atomic.Int64

	mu        sync.Mutex
	total     int
	byAddress map[string]int
}

// NewGate returns the gate of a listener, whose name is that of its metrics.
func NewGate(name string, limits Connections, meters metric.MeterProvider) (*Gate, error) {
	g := &Gate{limits: limits, byAddress: map[string]int{}}
	_, err := meters.Meter("github.com/openweir/weir/control/limit").Int64ObservableCounter("weir.connections.refused",
		metric.WithDescription("Connections that were closed at once because there were too many."),
		metric.WithInt64Callback(func(_ context.Context, observer metric.Int64Observer) error {
			observer.Observe(g.refused.Load(), metric.WithAttributes(attribute.String("listener", name)))
			return nil
		}))
	if err != nil {
		return nil, fmt.Errorf("metrics of the listener %s: %w", name, err)
	}
	return g, nil
}

// Limit limits the connections of a listener.
func (g *Gate) Limit(listener net.Listener) net.Listener { return gated{listener, g} }

type gated struct {
	net.Listener
	gate *Gate
}

// Accept returns the next connection that is within the limits.
func (l gated) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		address := source(conn.RemoteAddr())
		if l.gate.enter(address) {
			return &connection{Conn: conn, closed: func() { l.gate.leave(address) }}, nil
		}
		_ = conn.Close() // the client learns of it, whatever the error
	}
}

func (g *Gate) enter(address string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.limits.Total > 0 && g.total >= g.limits.Total || g.limits.PerAddress > 0 && g.byAddress[address] >= g.limits.PerAddress {
		g.refused.Add(1)
		return false
	}
	g.total++
	g.byAddress[address]++
	return true
}

func (g *Gate) leave(address string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.total--
	if g.byAddress[address]--; g.byAddress[address] == 0 {
		delete(g.byAddress, address)
	}
}

// connection tells when it is closed.
type connection struct {
	net.Conn
	once   sync.Once
	closed func()
}

// Close closes the connection.
func (c *connection) Close() error {
	defer c.once.Do(c.closed)
	return c.Conn.Close()
}
