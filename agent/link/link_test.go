package link

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

func TestASessionPassesMessagesToTheHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t)
		a := run(t, f)
		p := f.welcomed(t, 1, time.Hour)
		p.send(t, &agentv1.ConnectResponse{Message: &agentv1.ConnectResponse_Apply{Apply: &agentv1.Apply{Ref: ref("a")}}})
		p.send(t, &agentv1.ConnectResponse{}) // of a kind that this agent does not know
		p.send(t, &agentv1.ConnectResponse{Message: &agentv1.ConnectResponse_Delete{Delete: &agentv1.Delete{Ref: ref("b")}}})
		p.send(t, &agentv1.ConnectResponse{Message: &agentv1.ConnectResponse_Synced{Synced: &agentv1.Synced{Sent: 2}}})
		a.expect(t, "Welcome 1", "Apply a", "Delete b", "Synced")
	})
}

func TestASessionSendsTheOutbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t)
		a := run(t, f)
		p := f.welcomed(t, 1, time.Hour)
		a.expect(t, "Welcome 1")
		a.outbox.Ack(&agentv1.Ack{Ref: ref("a"), Outcome: agentv1.Outcome_OUTCOME_APPLIED})
		if got := p.receive(t).GetAck().GetRef().GetName(); got != "a" {
			t.Errorf("acknowledged %q; want a", got)
		}
		a.outbox.Namespaces(&agentv1.NamespacesReport{Names: []string{"flink"}})
		if got := p.receive(t).GetNamespaces().GetNames(); len(got) != 1 || got[0] != "flink" {
			t.Errorf("reported namespaces %v; want [flink]", got)
		}
	})
}

func TestHeartbeatsFollowTheIntervalOfTheControlPlane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t)
		run(t, f)
		const first, second = 50 * time.Millisecond, 150 * time.Millisecond
		welcomed := time.Now()
		p := f.welcomed(t, 1, first)

		beat := p.until(t, second, isHeartbeat)
		if since := time.Since(welcomed); since != first {
			t.Errorf("the first heartbeat came after %s; want %s", since, first)
		}
		if got := beat.GetHeartbeat().GetKubernetesVersion(); got != "v1.37.2" {
			t.Errorf("the heartbeat says that Kubernetes is %q", got)
		}
		replied := time.Now()
		p.until(t, second, isHeartbeat)
		if since := time.Since(replied); since != second {
			t.Errorf("the second heartbeat came after %s; want %s", since, second)
		}
	})
}

func TestTheAgentReconnectsWhenASessionEnds(t *testing.T) {
	for name, end := range map[string]error{
		"cleanly":     nil,
		"unavailable": status.Error(codes.Unavailable, "the replica goes down"),
		"internal":    status.Error(codes.Internal, "a bug"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := serve(t)
				a := run(t, f)
				f.welcomed(t, 1, time.Hour).end <- end
				f.welcomed(t, 2, time.Hour)
				a.expect(t, "Welcome 1", "Disconnected", "Welcome 2")
			})
		})
	}
}

func TestANewSessionDropsStateAndRepeatsEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t)
		a := run(t, f)
		first := f.welcomed(t, 1, time.Hour)
		a.expect(t, "Welcome 1")
		for i := range 3 {
			a.outbox.Event(&agentv1.EventReport{Id: fmt.Sprint("event ", i), Ref: ref("a")})
		}
		for range 3 {
			first.until(t, time.Hour, isEvent)
		}
		first.send(t, &agentv1.ConnectResponse{Message: &agentv1.ConnectResponse_EventAck{EventAck: &agentv1.EventAck{Id: "event 1"}}})
		first.send(t, &agentv1.ConnectResponse{Message: &agentv1.ConnectResponse_Synced{Synced: &agentv1.Synced{}}})
		a.expect(t, "Synced") // and so the EventAck before it has come
		first.end <- nil
		a.expect(t, "Disconnected")
		a.outbox.Status(&agentv1.StatusReport{Ref: ref("a"), Status: `{"said":"between the sessions"}`})

		second := f.welcomed(t, 2, time.Hour)
		a.expect(t, "Welcome 2")
		a.outbox.Ack(&agentv1.Ack{Ref: ref("z")})
		var said []string
		second.until(t, time.Hour, func(m *agentv1.ConnectRequest) bool {
			switch {
			case isEvent(m):
				said = append(said, m.GetEvent().GetId())
			case isAck(m):
				said = append(said, "ack")
			default:
				t.Errorf("the new session began with %v", m)
			}
			return len(said) == 3
		})
		got := strings.Join(said, ", ")
		if !strings.Contains(got, "event 0") || !strings.Contains(got, "event 2") || !strings.Contains(got, "ack") {
			t.Errorf("the new session said %s; want event 0 and event 2 once more, and the ack", got)
		}
	})
}

func TestARefusedIdentityIsRetriedSlowly(t *testing.T) {
	for _, code := range []codes.Code{codes.Unauthenticated, codes.PermissionDenied} {
		t.Run(code.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := serve(t)
				a := run(t, f)
				first := f.next(t)
				first.end <- status.Error(code, "who are you?")
				second := f.next(t)
				if gap := second.began.Sub(first.began); gap < fastBackoff.RefusedMin || gap > fastBackoff.RefusedMax {
					t.Errorf("the agent reconnected after %s; want %s to %s", gap, fastBackoff.RefusedMin, fastBackoff.RefusedMax)
				}
				if log := a.log.String(); !strings.Contains(log, "level=ERROR") || !strings.Contains(log, "who are you?") {
					t.Errorf("the log does not say that the identity was refused:\n%s", log)
				}
				second.end <- nil
			})
		})
	}
}

func TestASupersededAgentStopsActing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t)
		a := run(t, f)
		first := f.welcomed(t, 1, time.Hour)
		ended := time.Now()
		first.end <- status.Error(codes.Aborted, "a newer session has begun")
		a.expect(t, "Welcome 1", "Superseded")
		second := f.welcomed(t, 3, time.Hour)
		if gap := second.began.Sub(ended); gap < fastBackoff.RefusedMin {
			t.Errorf("the agent resumed after %s; want %s at least, or two agents fight", gap, fastBackoff.RefusedMin)
		}
		a.expect(t, "Welcome 3")
	})
}

func TestADecommissionedClusterIsSilentUntilItIsActiveAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t)
		a := run(t, f)
		const period = 20 * time.Millisecond
		p := f.welcomed(t, 1, period)
		a.expect(t, "Welcome 1")
		a.outbox.Event(&agentv1.EventReport{Id: "unheard"})
		p.until(t, period, isEvent)

		p.lifecycle(t, true)
		a.expect(t, "Decommissioned")
		p.send(t, &agentv1.ConnectResponse{Message: &agentv1.ConnectResponse_Apply{Apply: &agentv1.Apply{Ref: ref("a")}}})
		for range 3 { // heartbeats continue
			p.until(t, period, isHeartbeat)
		}
		p.lifecycle(t, false)
		again := f.welcomed(t, 2, period)
		a.expect(t, "Disconnected", "Welcome 2")
		a.outbox.Ack(&agentv1.Ack{Ref: ref("a")})
		again.until(t, period, func(m *agentv1.ConnectRequest) bool {
			if isEvent(m) {
				t.Errorf("event %q outlived the decommission", m.GetEvent().GetId())
			}
			return isAck(m)
		})
	})
}

func TestAClusterMayBeWelcomedAsDecommissioned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t)
		a := run(t, f)
		p := f.next(t)
		p.receive(t)
		p.welcome(t, &agentv1.Welcome{Epoch: 1, NextHeartbeat: durationpb.New(time.Hour), Lifecycle: &agentv1.Lifecycle{Decommissioned: true}})
		a.expect(t, "Welcome 1 decommissioned")
		p.lifecycle(t, false)
		f.welcomed(t, 2, time.Hour)
		a.expect(t, "Disconnected", "Welcome 2")
	})
}

func TestRenewBeginsANewSessionAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t)
		a := run(t, f, func(c *Config) {
			c.Backoff = Backoff{Base: time.Hour, Max: time.Hour, RefusedMin: time.Hour, RefusedMax: time.Hour}
		})
		f.welcomed(t, 1, time.Hour)
		a.expect(t, "Welcome 1")
		a.outbox.Renew("a definition was installed")
		f.welcomed(t, 2, time.Hour)
		a.expect(t, "Disconnected", "Welcome 2")
	})
}

func TestNoSessionBeginsBeforeTheClusterCanBeDescribed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t)
		var tries atomic.Int32
		a := run(t, f, func(c *Config) {
			c.Handler.(*handler).helloErr = func() error {
				if tries.Add(1) < 3 {
					return errors.New("the API server is unavailable")
				}
				return nil
			}
		})
		f.welcomed(t, 1, time.Hour)
		a.expect(t, "Welcome 1")
		if got := tries.Load(); got != 3 {
			t.Errorf("the cluster was described %d times; want 3", got)
		}
	})
}

func TestASessionWithoutWelcomeIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t)
		a := run(t, f, func(c *Config) { c.WelcomeTimeout = 50 * time.Millisecond })
		f.next(t).receive(t) // Hello, and no answer
		f.next(t)
		if log := a.log.String(); !strings.Contains(log, "no Welcome received within 50ms") {
			t.Errorf("the log does not say what was wrong:\n%s", log)
		}
	})
}

func TestASessionMustBeginWithWelcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t)
		a := run(t, f)
		p := f.next(t)
		p.receive(t)
		p.send(t, &agentv1.ConnectResponse{Message: &agentv1.ConnectResponse_Synced{Synced: &agentv1.Synced{}}})
		f.welcomed(t, 1, time.Hour)
		a.expect(t, "Welcome 1")
	})
}
