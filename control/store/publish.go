package store

import (
	"slices"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// apply brings events of one response of etcd, in order, into the cache. All
// collections change at once, and before anyone is notified of a change in one.
// Only the goroutine that follows etcd calls it.
func (s *Store) apply(events []*clientv3.Event, names map[string]int) {
	before := s.current.Load()
	tables := slices.Clone(before.tables)
	forked := make([]bool, len(tables))
	var transactions []transaction
	var all []change
	for _, event := range events {
		number, ok := s.collectionOf(event.Kv.Key, names)
		if !ok {
			continue
		}
		if !forked[number] {
			tables[number], forked[number] = tables[number].fork(), true
		}
		c := s.applyOne(tables[number], number, event)
		if last := len(transactions) - 1; last < 0 || transactions[last].revision != event.Kv.ModRevision {
			transactions = append(transactions, transaction{revision: event.Kv.ModRevision})
		}
		t := &transactions[len(transactions)-1]
		t.changes = append(t.changes, c)
		t.bytes += len(event.Kv.Key) + len(event.Kv.Value) + encodedBytes(c.before) + changeOverhead
		all = append(all, c)
	}
	// Not the header's revision, which may be ahead of the events where etcd
	// sends a long backlog in parts. A revision is never divided among parts.
	revision := events[len(events)-1].Kv.ModRevision
	s.publish(&Snapshot{revision: revision, tables: tables}, func() {
		for _, t := range transactions {
			s.history.append(t)
		}
	}, all)
	s.barriers.advance(revision)
}

// encodedBytes is the size of an object in its encoding; 0 for none.
func encodedBytes(object any) int {
	if o, ok := object.(interface{ encodedBytes() int }); ok {
		return o.encodedBytes()
	}
	return 0
}

// changeOverhead is about what a change takes in memory beside its bytes in etcd.
const changeOverhead = 256

// applyOne changes a table by one event. A value that cannot be decoded counts as
// deleted.
func (s *Store) applyOne(t table, number int, event *clientv3.Event) change {
	c := change{ref: ref{number, string(event.Kv.Key[s.collections[number].prefixLength():])}}
	if event.Type == clientv3.EventTypePut {
		c.after = s.collections[number].decode(event.Kv)
	}
	if c.after != nil {
		c.before = t.put(c.after)
	} else {
		c.before = t.remove(c.key)
	}
	return c
}

// publish makes the snapshot the current one, together with what record does to
// the history, and notifies watches and feeds of the changes.
func (s *Store) publish(next *Snapshot, record func(), changes []change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current.Store(next)
	record()
	if len(changes) == 0 {
		return
	}
	for w := range s.watches {
		w.notify(changes)
	}
	for f := range s.feeds {
		f.mark(changes)
	}
}

// progress notes that nothing has changed up to the revision.
func (s *Store) progress(revision int64) {
	if now := s.current.Load(); revision > now.revision {
		s.publish(&Snapshot{revision: revision, tables: now.tables}, func() {}, nil)
	}
	s.barriers.advance(revision)
}

// replace makes what was loaded at the revision the cache. Watches cannot go on
// across it; feeds are marked with what differs.
func (s *Store) replace(tables []table, revision int64, cluster uint64) {
	before := s.current.Load()
	var changes []change
	for number := range tables {
		changes = append(changes, differences(number, before.tables[number], tables[number])...)
	}
	s.publish(&Snapshot{revision: revision, tables: tables}, func() { s.history.reset(revision) }, changes)
	s.barriers.restart(revision, cluster)
	s.mu.Lock()
	defer s.mu.Unlock()
	for w := range s.watches {
		signal(w.wake) // to learn that it was cut
	}
}

// differences are the keys whose objects are not the same in both.
func differences(number int, before, after table) []change {
	was := map[string]int64{}
	before.keys(span{}, func(key string, revision int64) bool {
		was[key] = revision
		return true
	})
	var changes []change
	after.keys(span{}, func(key string, revision int64) bool {
		if was[key] != revision {
			changes = append(changes, change{ref: ref{number, key}})
		}
		delete(was, key)
		return true
	})
	for key := range was {
		changes = append(changes, change{ref: ref{number, key}})
	}
	return changes
}

// collectionOf gives the number of the collection that a key of etcd is in.
func (s *Store) collectionOf(key []byte, names map[string]int) (int, bool) {
	rest := key[len(s.prefix):]
	slash := slices.Index(rest, '/')
	if slash < 0 || slash == len(rest)-1 {
		return 0, false
	}
	number, ok := names[string(rest[:slash])]
	return number, ok
}

// numbers are the numbers of the collections by their names.
func (s *Store) numbers() map[string]int {
	names := make(map[string]int, len(s.collections))
	for i, c := range s.collections {
		names[c.Name()] = i
	}
	return names
}

// fill puts what was loaded of a collection into a table that nobody reads yet.
func (s *Store) fill(t table, c collection, kvs []*mvccpb.KeyValue) {
	for _, kv := range kvs {
		if o := c.decode(kv); o != nil {
			t.put(o)
		}
	}
}
