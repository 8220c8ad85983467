package store

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestAGroupIsOfIndependentTransactions has etcd's order of judging a request,
// all conditions first, make no difference: whatever a group admits, no
// transaction of it writes what another one reads or writes.
func TestAGroupIsOfIndependentTransactions(t *testing.T) {
	keys := []string{"a/1", "a/2", "b", "b/1", "b/1/x", "c"}
	spans := []span{spanOf("a"), spanOf("b"), spanOf("b/1"), spanOf("c")}
	someKeys := rapid.MapOfN(rapid.SampledFrom(keys), rapid.Just(struct{}{}), 0, 2)
	someSpans := rapid.SliceOfN(rapid.SampledFrom(spans), 0, 1)
	// covered are all keys that the transaction could touch.
	covered := func(singles map[string]struct{}, ranges []span) map[string]struct{} {
		all := maps.Clone(singles)
		if all == nil {
			all = map[string]struct{}{}
		}
		for _, key := range keys {
			if containedIn(ranges, key) {
				all[key] = struct{}{}
			}
		}
		return all
	}
	overlap := func(a, b map[string]struct{}) bool {
		return slices.ContainsFunc(slices.Collect(maps.Keys(a)), func(key string) bool { _, both := b[key]; return both })
	}
	rapid.Check(t, func(t *rapid.T) {
		var group footprint
		var members []*Tx
		for range rapid.IntRange(1, 5).Draw(t, "transactions") {
			tx := &Tx{
				reads: someKeys.Draw(t, "reads"), writes: someKeys.Draw(t, "writes"),
				readSpans: someSpans.Draw(t, "read spans"), writeSpans: someSpans.Draw(t, "write spans"),
				alone: rapid.IntRange(0, 9).Draw(t, "alone") == 0,
			}
			if len(members) == 0 || group.admits(tx) {
				group.add(tx)
				members = append(members, tx)
			}
		}
		for i, a := range members {
			for _, b := range members[i+1:] {
				aReads, aWrites := covered(a.reads, a.readSpans), covered(a.writes, a.writeSpans)
				bReads, bWrites := covered(b.reads, b.readSpans), covered(b.writes, b.writeSpans)
				if overlap(aWrites, bReads) || overlap(aWrites, bWrites) || overlap(bWrites, aReads) {
					t.Fatalf("a group has %+v and %+v", a, b)
				}
				if a.alone || b.alone {
					t.Fatal("a transaction that has to go alone is in a group")
				}
			}
		}
	})
}

func TestAGroupIsBounded(t *testing.T) {
	var group footprint
	count := 0
	for ; group.admits(&Tx{size: 1000}); count++ {
		group.add(&Tx{size: 1000})
	}
	if count != maxGroup {
		t.Errorf("a group has %d transactions, at most %d can go together", count, maxGroup)
	}
	var large footprint
	large.add(&Tx{size: maxGroupBytes - 10})
	if large.admits(&Tx{size: 11}) {
		t.Error("a group grows beyond its bytes")
	}
}
