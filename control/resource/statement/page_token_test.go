package statement

import (
	"math"
	"testing"
)

func TestPageTokenIsValidOnlyForItsStatement(t *testing.T) {
	for _, offset := range []int64{0, 1, math.MaxInt64} {
		if got, err := readPageToken(pageToken("one", offset), "one"); err != nil || got != offset {
			t.Errorf("offset %d is read as %d, %v", offset, got, err)
		}
	}
	if _, err := readPageToken(pageToken("one", 1), "two"); err == nil {
		t.Error("it is good for another statement")
	}
	if _, err := readPageToken(pageToken("one", -1), "one"); err == nil {
		t.Error("it begins before the first row")
	}
}

// FuzzPageToken: whatever clients send for a token, it is one of the statement's
// or refused.
func FuzzPageToken(f *testing.F) {
	f.Add("")
	f.Add(pageToken("one", 7))
	f.Add("e30")
	f.Add("!")
	f.Fuzz(func(t *testing.T, token string) {
		offset, err := readPageToken(token, "one")
		if err == nil && offset < 0 {
			t.Errorf("%q begins at %d", token, offset)
		}
	})
}
