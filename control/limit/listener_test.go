package limit

import (
	"errors"
	"io"
	"net"
	"testing"

	"go.opentelemetry.io/otel/metric/noop"

	"github.com/openweir/weir/internal/await"
)

// served is a listener whose connections stay open until their clients close them.
func served(t *testing.T, limits Connections) (address string, gate *Gate) {
	t.Helper()
	gate, err := NewGate("test", limits, noop.NewMeterProvider())
	if err != nil {
		t.Fatal(err)
	}
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener, ended := gate.Limit(inner), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = conn.Write([]byte{1})
				_, _ = io.Copy(io.Discard, conn)
				_ = conn.Close()
				_ = conn.Close() // which does not count twice
			}()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		await.Closed(t, "the listener", ended)
	})
	return inner.Addr().String(), gate
}

// connect returns a connection, or an error if the server has closed it at once.
func connect(address string) (net.Conn, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

func TestConnectionsAreLimited(t *testing.T) {
	for name, limits := range map[string]Connections{"in total": {Total: 2}, "of an address": {PerAddress: 2}} {
		t.Run(name, func(t *testing.T) {
			address, gate := served(t, limits)
			var open []net.Conn
			for range 2 {
				conn, err := connect(address)
				if err != nil {
					t.Fatal(err)
				}
				open = append(open, conn)
			}
			if conn, err := connect(address); err == nil {
				_ = conn.Close()
				t.Error("a third connection is accepted")
			}
			if got := gate.refused.Load(); got != 1 {
				t.Errorf("%d connections are counted as refused", got)
			}
			_ = open[0].Close()
			await.Success(t, "a connection after another one has ended", func() error {
				conn, err := connect(address)
				if err == nil {
					open[0] = conn
				}
				return err
			})
			for _, conn := range open {
				_ = conn.Close()
			}
			await.Until(t, "nothing is kept of closed connections", func() bool {
				gate.mu.Lock()
				defer gate.mu.Unlock()
				return gate.total == 0 && len(gate.byAddress) == 0
			})
		})
	}
}

func TestConnectionsWithoutLimits(t *testing.T) {
	address, _ := served(t, Connections{})
	for range 100 {
		conn, err := connect(address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
}
