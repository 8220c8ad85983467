package store

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openweir/weir/internal/await"
)

func TestEtcdIsSilentWhenItDoesNotAnswer(t *testing.T) {
	lost := ErrUnavailable
	for name, test := range map[string]struct {
		do     func(s *silence)
		silent bool
	}{
		"nothing is asked":                         {func(*silence) { await.Elapse(time.Hour) }, false},
		"a request is under way":                   {func(s *silence) { s.ask(); await.Elapse(silenceLimit - 1) }, false},
		"a request is under way for too long":      {func(s *silence) { s.ask(); await.Elapse(silenceLimit + 1) }, true},
		"one was answered":                         {func(s *silence) { s.ask()(nil); await.Elapse(time.Hour) }, false},
		"one was rejected":                         {func(s *silence) { s.ask()(errors.New("no")); await.Elapse(time.Hour) }, false},
		"one was given up":                         {func(s *silence) { s.ask()(context.Canceled); await.Elapse(silenceLimit + 1) }, true},
		"one has failed":                           {func(s *silence) { s.ask()(lost); await.Elapse(silenceLimit - 1) }, false},
		"one has failed, and none was answered":    {func(s *silence) { s.ask()(lost); await.Elapse(silenceLimit + 1) }, true},
		"one has failed, and the next is answered": {func(s *silence) { s.ask()(lost); s.ask()(nil); await.Elapse(time.Hour) }, false},
		"a slow one, while others are answered": {func(s *silence) {
			s.ask()
			for range 10 {
				await.Elapse(silenceLimit / 2)
				s.ask()(nil)
			}
		}, false},
		"a request is under way on a connection": {func(s *silence) {
			s.connected = func() bool { return true }
			s.ask()
			await.Elapse(connectedLimit - 1)
		}, false},
		"a request is under way on a connection for too long": {func(s *silence) {
			s.connected = func() bool { return true }
			s.ask()
			await.Elapse(connectedLimit + 1)
		}, true},
		"it answers again": {func(s *silence) { s.ask(); await.Elapse(silenceLimit + 1); s.heard() }, false},
		"it answers again, and then does not": {func(s *silence) {
			s.ask()
			await.Elapse(silenceLimit + 1)
			s.heard()
			await.Elapse(silenceLimit + 1)
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSilence(func() bool { return false })
				defer s.stop()
				test.do(s)
				synctest.Wait()
				broken := false
				select {
				case <-s.Broken():
					broken = true
				default:
				}
				if s.isSilent() != test.silent || broken != test.silent {
					t.Errorf("it is silent: %t, and says so: %t, want %t", s.isSilent(), broken, test.silent)
				}
			})
		})
	}
}
