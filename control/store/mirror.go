package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/metadata"
)

const (
	loadPage = 500 // objects read at once

	// pulse is how often etcd is asked for its revision when no reader does, so
	// that a store that is put back is noticed and idle watchers move on.
	pulse = 5 * time.Second
	// Where readers wait for a revision that changed nothing under the prefix,
	// no event will come. After progressDelay, in which an event that is merely
	// on its way arrives, etcd is asked to confirm that there is none, and again
	// each progressRetry, for etcd drops the request while the watch is behind.
	progressDelay = time.Millisecond
	progressRetry = 20 * time.Millisecond
	// stallTimeout is how long readers wait before the watch counts as dead.
	stallTimeout = 5 * time.Second

	minBackoff = 20 * time.Millisecond
	maxBackoff = 2 * time.Second
)

var (
	errStalled     = errors.New("the watch has fallen silent")
	errWatchClosed = errors.New("the watch was closed")
)

// mirror is the state of keeping the caches as etcd is.
type mirror struct {
	*Store
	loaded  bool // the caches can be continued from where they are
	retries int  // since etcd last sent anything on a watch
}

// run loads the prefix and follows it, over and over, until the context ends.
func (m *mirror) run(ctx context.Context) {
	// A stream of its own for the watch: progress is asked for and reported by
	// stream, which clients tell apart by their metadata.
	ctx = metadata.AppendToOutgoingContext(ctx, "weir-store", uuid.NewString())
	for ctx.Err() == nil {
		err := m.follow(ctx)
		if ctx.Err() != nil {
			return
		}
		m.setTrouble(err)
		wait := retryDelay(m.retries)
		m.retries++
		m.log.Warn("following etcd was interrupted", "prefix", m.prefix, "error", err, "retry", wait, "reload", !m.loaded)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// retryDelay gives how long to wait before a retry: not at all before the first.
func retryDelay(retries int) time.Duration {
	if retries == 0 {
		return 0
	}
	limit := min(minBackoff<<min(retries-1, 16), maxBackoff)
	return limit/2 + rand.N(limit/2)
}

// follow feeds the caches until something breaks. It loads everything first
// unless the caches can be continued.
func (m *mirror) follow(ctx context.Context) error {
	if m.loaded {
		same, err := m.sameHistory(ctx)
		if err != nil {
			return err
		}
		m.loaded = same
	}
	if !m.loaded {
		if err := m.load(ctx); err != nil {
			return err
		}
		m.loaded = true
	}
	err := m.watch(ctx)
	if errors.Is(err, rpctypes.ErrCompacted) || errors.Is(err, errHistoryChanged) {
		m.loaded = false
	}
	return err
}

func (m *mirror) sameHistory(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, questionTimeout)
	defer cancel()
	header, err := m.currentHeader(ctx)
	if err != nil {
		return false, err
	}
	return m.barriers.position().precedes(header), nil
}

// load reads everything at one revision.
func (s *Store) load(ctx context.Context) error {
	select {
	case <-s.rewind: // what it was about is dealt with by loading
	default:
	}
	began := time.Now()
	kvs := map[string][]*mvccpb.KeyValue{}
	count := 0
	page := func(from string, revision int64) (*clientv3.GetResponse, error) {
		ctx, cancel := context.WithTimeout(ctx, operationTimeout)
		defer cancel()
		response, err := s.client.Get(ctx, from, clientv3.WithRange(clientv3.GetPrefixRangeEnd(s.prefix)),
			clientv3.WithLimit(loadPage), clientv3.WithRev(revision))
		if err != nil {
			return nil, fmt.Errorf("load %s: %w", s.prefix, err)
		}
		for _, kv := range response.Kvs {
			if name, _, ok := s.parse(kv.Key); ok {
				kvs[name] = append(kvs[name], kv)
			}
		}
		count += len(response.Kvs)
		return response, nil
	}
	first, err := page(s.prefix, 0)
	if err != nil {
		return err
	}
	revision := first.Header.Revision
	for last := first; last.More; {
		from := string(last.Kvs[len(last.Kvs)-1].Key) + "\x00"
		if last, err = page(from, revision); err != nil {
			return err
		}
	}
	for name, m := range s.collections {
		m.reset(kvs[name], revision)
	}
	s.barriers.restart(revision, first.Header.ClusterId)
	for _, m := range s.collections {
		m.announce()
	}
	s.log.Info("loaded from etcd", "prefix", s.prefix, "objects", count, "revision", revision, "took", time.Since(began))
	if !s.isReady() {
		close(s.ready)
	}
	return nil
}

// parse takes etcd's key apart into the name of the collection and the key in it.
func (s *Store) parse(key []byte) (name, rest string, ok bool) {
	name, rest, ok = strings.Cut(strings.TrimPrefix(string(key), s.prefix), "/")
	_, known := s.collections[name]
	return name, rest, ok && known && rest != ""
}

// watch follows the prefix from where the caches are until the watch breaks.
func (m *mirror) watch(ctx context.Context) error {
	// Without this a member that lost its quorum would keep the watch, in silence.
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	began := time.Now()
	responses := m.client.Watch(ctx, m.prefix, clientv3.WithPrefix(), clientv3.WithCreatedNotify(),
		clientv3.WithProgressNotify(), clientv3.WithRev(m.barriers.position().revision+1))
	pulses := time.NewTicker(pulse)
	defer pulses.Stop()
	progress := time.NewTimer(progressDelay) // for those who have been waiting since the watch before
	defer progress.Stop()
	for {
		select {
		case response, ok := <-responses:
			if !ok {
				return errWatchClosed
			}
			if err := response.Err(); err != nil {
				return fmt.Errorf("watch %s: %w", m.prefix, err)
			}
			m.setTrouble(nil)
			m.retries = 0
			m.digest(response)
		case <-m.rewind:
			return errHistoryChanged
		case <-pulses.C:
			m.barriers.join()
		case <-m.barriers.lagging:
			progress.Reset(progressDelay)
		case <-progress.C:
			behind, waited := m.barriers.lag()
			if min(waited, time.Since(began)) > stallTimeout {
				return errStalled
			}
			if behind > 0 {
				m.requestProgress(ctx)
				progress.Reset(progressRetry)
			}
		}
	}
}

// requestProgress makes etcd say how far the watch is. It is asked again if no
// answer comes, and a request that fails is one that no answer comes to.
func (s *Store) requestProgress(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := s.client.RequestProgress(ctx); err != nil {
		s.log.Debug("requesting progress failed", "error", err)
	}
}

// digest brings one response of etcd into the caches. All collections change
// before anyone is told of a change in one.
func (s *Store) digest(response clientv3.WatchResponse) {
	if len(response.Events) == 0 {
		if response.IsProgressNotify() {
			s.barriers.advance(response.Header.Revision)
		}
		return
	}
	var changed []member
	for _, batch := range s.batches(response.Events) {
		batch.of.apply(batch.events)
		changed = append(changed, batch.of)
	}
	// Not the header's revision, which may be ahead of the events where etcd
	// sends a long backlog in parts. A revision is never divided among parts.
	s.barriers.advance(response.Events[len(response.Events)-1].Kv.ModRevision)
	for _, m := range changed {
		m.announce()
	}
}

type batch struct {
	of     member
	events []*mvccpb.Event
}

// batches sorts events by collection, keeping their order in each.
func (s *Store) batches(events []*mvccpb.Event) []batch {
	var batches []batch
	at := map[string]int{}
	for _, event := range events {
		name, _, ok := s.parse(event.Kv.Key)
		if !ok {
			continue
		}
		i, seen := at[name]
		if !seen {
			i = len(batches)
			at[name] = i
			batches = append(batches, batch{of: s.collections[name]})
		}
		batches[i].events = append(batches[i].events, event)
	}
	return batches
}
