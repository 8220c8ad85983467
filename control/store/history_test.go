package store

import (
	"testing"

	"pgregory.net/rapid"
)

// TestHistoryHoldsTheLatest compares the history with a slice of everything.
func TestHistoryHoldsTheLatest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := history{
			maxChanges: rapid.IntRange(1, 8).Draw(t, "most changes"),
			maxBytes:   rapid.IntRange(1, 40).Draw(t, "most bytes"),
		}
		h.reset(rapid.Int64Range(0, 3).Draw(t, "floor"))
		var all []transaction
		revision := h.floor
		for range rapid.IntRange(0, 20).Draw(t, "transactions") {
			revision += rapid.Int64Range(1, 3).Draw(t, "step")
			next := transaction{
				revision: revision,
				changes:  make([]change, rapid.IntRange(1, 3).Draw(t, "changes")),
				bytes:    rapid.IntRange(1, 10).Draw(t, "bytes"),
			}
			h.append(next)
			all = append(all, next)
		}
		changes, bytes := 0, 0
		for _, held := range h.held {
			changes += len(held.changes)
			bytes += held.bytes
		}
		if len(h.held) > 1 && (changes > h.maxChanges || bytes > h.maxBytes) {
			t.Fatalf("it holds %d changes of at most %d, and %d bytes of at most %d", changes, h.maxChanges, bytes, h.maxBytes)
		}
		after := rapid.Int64Range(0, revision+1).Draw(t, "after")
		number, ok := h.after(after)
		var want []transaction
		for _, one := range all {
			if one.revision > after {
				want = append(want, one)
			}
		}
		if !ok {
			if len(want) <= len(h.held) && after >= h.floor {
				t.Fatalf("after %d all %d transactions are held, but refused", after, len(want))
			}
			return
		}
		got, held := h.since(number)
		if !held || len(got) != len(want) {
			t.Fatalf("after %d it gives %d transactions (held: %t), want %d", after, len(got), held, len(want))
		}
		for i := range want {
			if got[i].revision != want[i].revision {
				t.Fatalf("after %d transaction %d has revision %d, want %d", after, i, got[i].revision, want[i].revision)
			}
		}
	})
}
