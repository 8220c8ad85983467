package link

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	"github.com/openweir/weir/internal/await"
)

func TestTheOutboxKeepsTheNewestStatusForASlowControlPlane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t)
		a := run(t, f)
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
	})
}

// size is how many messages wait that an event log does not keep.
func (o *Outbox) size() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.pending)
}

func TestASilentPeerTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t)
		a := run(t, f)
		const period = 40 * time.Millisecond
		welcomed := time.Now()
		f.welcomed(t, 1, period) // and no reply to any heartbeat
		second := f.welcomed(t, 2, time.Hour)
		if after := second.began.Sub(welcomed); after < missedHeartbeats*period {
			t.Errorf("the peer timed out after %s; want %s at least", after, missedHeartbeats*period)
		}
		a.expect(t, "Welcome 1", "Disconnected", "Welcome 2")
		if log := a.log.String(); !strings.Contains(log, "nothing was received") {
			t.Errorf("the log does not say what was wrong:\n%s", log)
		}
	})
}

// A control plane that has much to send may reply late.
func TestAPeerThatSendsDoesNotTimeOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t)
		a := run(t, f)
		const period = 40 * time.Millisecond
		p := f.welcomed(t, 1, period)
		for range 3 * missedHeartbeats {
			p.send(t, &agentv1.ConnectResponse{Message: &agentv1.ConnectResponse_Synced{Synced: &agentv1.Synced{}}})
			p.receive(t) // a heartbeat, which comes each period
		}
		if log := a.log.String(); strings.Contains(log, "nothing was received") {
			t.Errorf("the session ended although the peer sent messages:\n%s", log)
		}
	})
}

func TestACutConnectionTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t)
		w := &wire{dial: f.dial}
		w.cut.Store(new(atomic.Bool))
		a := run(t, f, func(c *Config) {
			c.Dial = func() ([]grpc.DialOption, error) {
				return []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithContextDialer(w.connect)}, nil
			}
		})
		const period = 40 * time.Millisecond
		p := f.welcomed(t, 1, period)
		p.until(t, period, isHeartbeat)
		w.cutAll()
		f.welcomed(t, 2, time.Hour)
		a.expect(t, "Welcome 1", "Disconnected", "Welcome 2")
	})
}

func TestABlockedSendEndsWithTheAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t)
		a := run(t, f)
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
		case <-time.After(await.Patience):
			t.Fatal("the link does not end")
		}
	})
}

// wire is the network between an agent and a control plane. Connections that are
// cut stay open, and drop everything in both directions.
type wire struct {
	dial func(context.Context, string) (net.Conn, error)
	cut  atomic.Pointer[atomic.Bool] // whether connections made now are cut
}

func (w *wire) cutAll() { w.cut.Swap(new(atomic.Bool)).Store(true) }

func (w *wire) connect(ctx context.Context, address string) (net.Conn, error) {
	c, err := w.dial(ctx, address)
	return &wireConn{c, w.cut.Load()}, err
}

type wireConn struct {
	net.Conn
	cut *atomic.Bool
}

func (c *wireConn) Write(p []byte) (int, error) {
	if c.cut.Load() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

func (c *wireConn) Read(p []byte) (int, error) {
	for {
		n, err := c.Conn.Read(p)
		if err != nil || !c.cut.Load() {
			return n, err
		}
	}
}
