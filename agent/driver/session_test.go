package driver

import "testing"

func TestSession(t *testing.T) {
	var s session
	check := func(step string, want session) {
		t.Helper()
		if s.mode != want.mode || s.epoch != want.epoch || s.hellos != want.hellos || s.number != want.number || s.syncing != want.syncing {
			t.Errorf("after %s: %+v, want %+v", step, s, want)
		}
	}
	s.describe(nil, nil)
	if n := s.describe(nil, nil); n != 2 {
		t.Errorf("the second Hello has number %d", n)
	}
	check("two Hellos", session{mode: waiting, hellos: 2})
	s.welcome("", 7, false)
	check("Welcome", session{mode: active, epoch: 7, hellos: 2, number: 2, syncing: true})
	s.disconnect(false)
	check("the end of the session", session{mode: active, epoch: 7, hellos: 2, number: 2})
	s.describe(nil, nil)
	check("the next Hello", session{mode: active, epoch: 7, hellos: 3, number: 2})
	s.welcome("", 8, true)
	check("Welcome to a decommissioned cluster", session{mode: decommissioned, epoch: 8, hellos: 3, number: 3})
	s.welcome("", 9, false)
	s.disconnect(true)
	check("being superseded", session{mode: superseded, epoch: 9, hellos: 3, number: 3})
}
