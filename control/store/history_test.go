package store

import (
	"testing"

	"google.golang.org/protobuf/types/known/wrapperspb"
	"pgregory.net/rapid"
)

// TestHistoryHoldsTheLatest compares the ring with a slice of everything.
func TestHistoryHoldsTheLatest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := history[*wrapperspb.StringValue]{limit: rapid.IntRange(1, 5).Draw(t, "limit")}
		h.reset(rapid.Int64Range(0, 3).Draw(t, "floor"))
		var all []int64
		revision := h.floor
		for _, step := range rapid.SliceOfN(rapid.Int64Range(0, 2), 0, 20).Draw(t, "steps") {
			// A step of 0 is another event of the same transaction.
			if revision += step; revision == h.floor && len(all) == 0 {
				revision++
			}
			h.append(Event[*wrapperspb.StringValue]{Revision: revision})
			all = append(all, revision)
		}
		after := rapid.Int64Range(0, revision+1).Draw(t, "after")
		first, ok := h.after(after)
		var want []int64
		for _, r := range all {
			if r > after {
				want = append(want, r)
			}
		}
		if !ok {
			if len(want) <= h.limit && after >= h.floor {
				t.Fatalf("of %v after %d all %d are held, but refused", all, after, len(want))
			}
			return
		}
		if got := int(h.next - first); got != len(want) {
			t.Fatalf("of %v after %d it gives %d events, want %v", all, after, got, want)
		}
		for i, r := range want {
			if got := h.at(first + uint64(i)).Revision; got != r {
				t.Fatalf("of %v after %d event %d has revision %d, want %d", all, after, i, got, r)
			}
		}
	})
}
