package driver

import "testing"

func TestEffectiveWhileSyncing(t *testing.T) {
	mine := &revision{marks: marks{owner: "u1"}}
	next := &revision{marks: marks{owner: "u2"}}
	listed, listedBefore := held{session: 2, revision: mine}, held{session: 1, revision: mine}
	for name, test := range map[string]struct {
		desired desired
		apply   *revision
		remove  string
	}{
		"listed in Hello":                       {desired{held: listed}, mine, ""},
		"listed in an earlier Hello":            {desired{held: listedBefore}, nil, ""},
		"listed, then deleted":                  {desired{held: listed, remove: "u1", removeSession: 2}, nil, "u1"},
		"listed, and another owner's deleted":   {desired{held: listed, remove: "u0", removeSession: 2}, mine, "u0"},
		"listed, deleted in an earlier session": {desired{held: listed, remove: "u1", removeSession: 1}, mine, ""},
		"listed, deleted and replaced":          {desired{held: listed, remove: "u1", removeSession: 2, apply: next, applySession: 2}, next, "u1"},
		"applied in an earlier session":         {desired{apply: mine, applySession: 1}, nil, ""},
	} {
		apply, remove := test.desired.effective(session{number: 2, syncing: true})
		if apply != test.apply || remove != test.remove {
			t.Errorf("%s: got (%v, %q), want (%v, %q)", name, apply, remove, test.apply, test.remove)
		}
	}
}

func TestMissedByHello(t *testing.T) {
	first := &revision{marks: marks{owner: "u1", generation: 1}, manifest: "{}"}
	adopted := &revision{marks: first.marks, manifest: first.manifest}
	second := &revision{marks: marks{owner: "u1", generation: 2}, manifest: "{}"}
	at := func(session int64, observed *revision) held {
		return held{session: session, revision: first, observed: observed}
	}
	for name, test := range map[string]struct {
		desired  desired
		observed *revision
		want     bool
	}{
		"never applied":                   {desired{held: at(2, nil)}, nil, false},
		"unchanged since Hello":           {desired{held: at(2, first)}, first, false},
		"adopted again":                   {desired{held: at(2, first)}, adopted, false},
		"written since Hello":             {desired{held: at(2, first)}, second, true},
		"created since Hello":             {desired{held: at(2, nil)}, first, true},
		"not listed in Hello":             {desired{held: at(1, first)}, first, true},
		"written, and applied in session": {desired{held: at(2, first), applySession: 2}, second, false},
		"written, and deleted in session": {desired{held: at(2, first), removeSession: 2}, second, false},
		"written, applied in one before":  {desired{held: at(2, first), applySession: 1}, second, true},
	} {
		if got := test.desired.missedByHello(test.observed, 2); got != test.want {
			t.Errorf("%s: got %t, want %t", name, got, test.want)
		}
	}
}

func TestApplyAndRemoveNeverNameTheSameOwner(t *testing.T) {
	var d desired
	d.setApply(&revision{marks: marks{owner: "u1"}}, 1)
	d.remove = "u1"
	d.setApply(&revision{marks: marks{owner: "u1"}}, 2)
	if d.remove != "" || d.applySession != 2 || !d.pendingAck {
		t.Errorf("after an Apply of the owner to remove: %+v", d)
	}
}
