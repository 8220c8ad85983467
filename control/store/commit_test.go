package store

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"testing"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
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

// answers is an etcd that answers every request as its function does.
type answers func(ops []clientv3.Op) error

func (a answers) Txn(context.Context) clientv3.Txn { return &answered{answer: a} }

// answered is one request.
type answered struct {
	answer answers
	ops    []clientv3.Op
}

func (a *answered) If(...clientv3.Cmp) clientv3.Txn      { return a }
func (a *answered) Then(ops ...clientv3.Op) clientv3.Txn { a.ops = ops; return a }
func (a *answered) Else(...clientv3.Op) clientv3.Txn     { return a }
func (a *answered) Commit() (*clientv3.TxnResponse, error) {
	if err := a.answer(a.ops); err != nil {
		return nil, err
	}
	return &clientv3.TxnResponse{Header: &etcdserverpb.ResponseHeader{Revision: 7}, Succeeded: true}, nil
}

// keyValues makes answers the KV of a client.
type keyValues struct {
	clientv3.KV
	answers
}

func (k keyValues) Txn(ctx context.Context) clientv3.Txn { return k.answers.Txn(ctx) }

func storeOver(t *testing.T, answer answers) *Store {
	client := clientv3.NewCtxClient(t.Context())
	client.KV = keyValues{answers: answer}
	s := New(client, "/test", slog.New(slog.DiscardHandler))
	t.Cleanup(s.silence.stop)
	return s
}

// pendingOf is a transaction of one operation that waits for its commit.
func pendingOf(op clientv3.Op) *pendingCommit {
	tx := &Tx{ops: []clientv3.Op{op}}
	if op.IsPut() {
		tx.own = []ownWrite{{string(op.KeyBytes()), &ownValue{}}}
	}
	return &pendingCommit{tx: tx, done: make(chan struct{})}
}

func TestATransactionThatEtcdRejectsHarmsNoOtherOfItsGroup(t *testing.T) {
	put, large, remove := clientv3.OpPut("small", ""), clientv3.OpPut("large", ""), clientv3.OpDelete("old")
	tests := []struct {
		name  string
		etcd  error // of a group, and of what is to blame for it
		blame string
		group []clientv3.Op
		want  []error
	}{
		{"one is too large", rpctypes.ErrRequestTooLarge, "large", []clientv3.Op{put, large, remove}, []error{nil, ErrTooLarge, nil}},
		{"one has too many operations", rpctypes.ErrTooManyOps, "large", []clientv3.Op{large, put}, []error{ErrTooLarge, nil}},
		{"there is only space for deletions", rpctypes.ErrNoSpace, "large", []clientv3.Op{large, remove}, []error{ErrNoSpace, nil}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := storeOver(t, func(ops []clientv3.Op) error {
				if ops[0].IsTxn() || string(ops[0].KeyBytes()) == test.blame {
					return test.etcd
				}
				return nil
			})
			var group []*pendingCommit
			for _, op := range test.group {
				group = append(group, pendingOf(op))
			}
			s.committer.sendGroup(t.Context(), group)
			for i, p := range group {
				<-p.done
				if !errors.Is(p.err, test.want[i]) || p.err == nil && p.revision != 7 {
					t.Errorf("transaction %d ends with revision %d, error %v; want error %v", i, p.revision, p.err, test.want[i])
				}
			}
		})
	}
}

func TestValuesThatWereNotWrittenAreForgotten(t *testing.T) {
	lost := true
	s := storeOver(t, func([]clientv3.Op) error {
		if lost {
			return context.DeadlineExceeded
		}
		return nil
	})
	tx := &Tx{ops: []clientv3.Op{clientv3.OpPut("a", "")}, own: []ownWrite{{"a", &ownValue{encoded: []byte("x")}}}}
	if _, err := s.commit(t.Context(), tx); err == nil {
		t.Fatal("the commit succeeded")
	}
	if len(s.written.values) != 0 {
		t.Error("a value that was not written is kept for the watch, which may never bring it")
	}
	lost = false
	if _, err := s.commit(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	if s.written.take([]byte("a"), []byte("x")) == nil {
		t.Error("a value that was written is not known")
	}
}
