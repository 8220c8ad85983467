package store

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestKey(t *testing.T) {
	for want, segments := range map[string][]string{
		"prod/app":        {"prod", "app"},
		"prod":            {"prod"},
		"a%2Fb/c":         {"a/b", "c"},
		"100%25/%252F":    {"100%", "%2F"},
		"a/%/b":           {"a", "", "b"},
		"%":               {""},
		"My App-1.2_3/é~": {"My App-1.2_3", "é~"},
	} {
		if got := Key(segments...); got != want {
			t.Errorf("the key of %q is %q, want %q", segments, got, want)
		}
	}
}

func TestSegmentsUndoesKey(t *testing.T) {
	segment := rapid.OneOf(rapid.String(), rapid.StringMatching(`[%/2F5a]{0,6}`))
	rapid.Check(t, func(t *rapid.T) {
		segments := rapid.SliceOfN(segment, 1, 4).Draw(t, "segments")
		key := Key(segments...)
		if got := Segments(key); !slices.Equal(got, segments) {
			t.Fatalf("%q became %q and then %q", segments, key, got)
		}
	})
}

func TestSpanHoldsDescendantsOnly(t *testing.T) {
	for _, test := range []struct {
		path, key string
		want      bool
	}{
		{"prod", "prod/a", true},
		{"prod", "prod/a/b", true},
		{"prod", "prod", false},
		{"prod", "prod2/a", false},
		{"prod", "prod-1/a", false},
		{"prod", "pro/a", false},
		{"", "anything", true},
	} {
		if got := spanOf(test.path).contains(test.key); got != test.want {
			t.Errorf("%q under %q: %t, want %t", test.key, test.path, got, test.want)
		}
	}
}
