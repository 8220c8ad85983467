package resource

import (
	"testing"

	"pgregory.net/rapid"
)

func TestVersionsAreParsedAsFormatted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Version{Revision: rapid.Int64Min(2).Draw(t, "revision"), Index: rapid.IntMin(0).Draw(t, "index")}
		if got, err := ParseVersion(want.String()); err != nil || got != want {
			t.Errorf("%s is read as %v, %v", want, got, err)
		}
	})
}

// What is read has one spelling, so that clients can compare it.
func TestOtherTextIsNotAVersion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[-+]?[0-9]{0,3}\.?[-+]?[0-9]{0,3}`).Draw(t, "text")
		if v, err := ParseVersion(text); err == nil && text != "" && v.String() != text {
			t.Errorf("%q is read as %s", text, v)
		}
	})
}
