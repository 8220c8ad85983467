package link

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

func TestAnAgentKeepsTheNewestOfEachObjectForAControlPlaneThatDoesNotRead(t *testing.T) {
	f := serve(t)
	a := run(t, f.address)
	p := f.welcomed(t, 1, time.Hour)
	a.expect(t, "Welcome 1")

	const objects, rounds = 20, 200
	bulk := strings.Repeat("x", 4<<10) // more than flow control lets through
	for round := range rounds {
		for i := range objects {
			a.outbox.Status(&agentv1.StatusReport{
				Ref: ref(fmt.Sprint(i)), OwnerUid: "owner", ObjectGeneration: int64(round), Status: bulk,
			})
		}
	}
	if kept := a.outbox.size(); kept > objects {
		t.Fatalf("the outbox keeps %d messages; want one an object, %d, at most", kept, objects)
	}
	newest := make(map[string]int64)
	received := 0
	p.until(t, time.Hour, func(m *agentv1.ConnectRequest) bool {
		received++
		s := m.GetStatus()
		if was, seen := newest[s.GetRef().GetName()]; seen && s.GetObjectGeneration() <= was {
			t.Fatalf("object %s went back from %d to %d", s.GetRef().GetName(), was, s.GetObjectGeneration())
		}
		newest[s.GetRef().GetName()] = s.GetObjectGeneration()
		for i := range objects {
			if newest[fmt.Sprint(i)] != rounds-1 {
				return false
			}
		}
		return true
	})
	if received > objects*rounds/2 {
		t.Errorf("%d messages were sent of %d; old ones should have been left out", received, objects*rounds)
	}
}

// size is how many messages wait that an event log does not keep.
func (o *Outbox) size() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.pending)
}

func TestASilentPeerIsTakenForDead(t *testing.T) {
	f := serve(t)
	a := run(t, f.address)
	const period = 40 * time.Millisecond
	welcomed := time.Now()
	f.welcomed(t, 1, period) // and no reply to any heartbeat
	second := f.welcomed(t, 2, time.Hour)
	if after := second.began.Sub(welcomed); after < missedPeriods*period {
		t.Errorf("the peer was taken for dead after %s; want %s at least", after, missedPeriods*period)
	}
	a.expect(t, "Welcome 1", "Disconnected", "Welcome 2")
	if log := a.log.String(); !strings.Contains(log, "no answer to heartbeats") {
		t.Errorf("the log does not say what was wrong:\n%s", log)
	}
}

func TestAConnectionThatNobodyForwardsIsGivenUp(t *testing.T) {
	f := serve(t)
	wire := forward(t, f.address)
	a := run(t, wire.address)
	const period = 40 * time.Millisecond
	p := f.welcomed(t, 1, period)
	p.until(t, period, isHeartbeat)
	wire.cut() // without a word to either side
	f.welcomed(t, 2, time.Hour)
	a.expect(t, "Welcome 1", "Disconnected", "Welcome 2")
}

func TestABlockedSendEndsWithTheAgent(t *testing.T) {
	f := serve(t)
	a := run(t, f.address)
	f.welcomed(t, 1, time.Hour)
	a.expect(t, "Welcome 1")
	for i := range 1000 {
		a.outbox.Status(&agentv1.StatusReport{Ref: ref(fmt.Sprint(i)), Status: strings.Repeat("x", 4<<10)})
	}
	stopped := make(chan struct{})
	go func() {
		a.stop()
		close(stopped)
	}()
	select {
	case <-stopped:
	case <-time.After(patience):
		t.Fatal("the link does not end")
	}
}

// wire forwards TCP connections, until those that it has are cut: then it lets
// them stand and forwards nothing more.
type wire struct {
	address string
	current atomic.Pointer[atomic.Bool] // whether connections made now are cut
}

func (w *wire) cut() { w.current.Swap(new(atomic.Bool)).Store(true) }

func forward(t *testing.T, to string) *wire {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{address: listener.Addr().String()}
	w.current.Store(new(atomic.Bool))
	var mu sync.Mutex
	var open []net.Conn
	var running sync.WaitGroup
	running.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				_ = near.Close()
				continue
			}
			mu.Lock()
			open = append(open, near, far)
			mu.Unlock()
			dead := w.current.Load()
			running.Go(func() { pour(near, far, dead) })
			running.Go(func() { pour(far, near, dead) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		mu.Lock()
		for _, c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		running.Wait()
	})
	return w
}

// pour copies until the end of a connection, or drops what comes once dead.
func pour(from, to net.Conn, dead *atomic.Bool) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if !dead.Load() && n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			if err != io.EOF || !dead.Load() {
				_ = to.Close()
			}
			return
		}
	}
}
