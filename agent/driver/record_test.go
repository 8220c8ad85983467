package driver

import "testing"

func TestWhatIsWantedWhileTheControlPlaneIsStillSayingWhatDiffers(t *testing.T) {
	mine := &want{marks: marks{owner: "u1"}}
	next := &want{marks: marks{owner: "u2"}}
	for name, test := range map[string]struct {
		record record
		apply  *want
		remove string
	}{
		"listed in Hello":                       {record{held: mine, heldSession: 2}, mine, ""},
		"listed in an earlier Hello":            {record{held: mine, heldSession: 1}, nil, ""},
		"listed, then deleted":                  {record{held: mine, heldSession: 2, remove: "u1", removeSession: 2}, nil, "u1"},
		"listed, and another owner's deleted":   {record{held: mine, heldSession: 2, remove: "u0", removeSession: 2}, mine, "u0"},
		"listed, deleted in an earlier session": {record{held: mine, heldSession: 2, remove: "u1", removeSession: 1}, mine, ""},
		"listed, deleted and replaced":          {record{held: mine, heldSession: 2, remove: "u1", removeSession: 2, apply: next, applySession: 2}, next, "u1"},
		"applied in an earlier session":         {record{apply: mine, applySession: 1}, nil, ""},
	} {
		apply, remove := test.record.wanted(2, true)
		if apply != test.apply || remove != test.remove {
			t.Errorf("%s: got (%v, %q), want (%v, %q)", name, apply, remove, test.apply, test.remove)
		}
	}
}
