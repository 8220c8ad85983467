package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/metadata"
)

const (
	// Objects read at once when loading: at first, at most, and in bytes.
	firstPage = 2000
	maxPage   = 50_000
	pageBytes = 32 << 20
	// pageTimeout bounds the reading of one page.
	pageTimeout = 30 * time.Second

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

// mirror is the state of keeping the cache as etcd is.
type mirror struct {
	*Store
	names   map[string]int // the numbers of the collections
	loaded  bool           // the cache can be continued from where it is
	retries int            // since etcd last sent anything on a watch
}

// run loads the prefix and follows it, over and over, until the context ends.
func (m *mirror) run(ctx context.Context) {
	// A stream of its own for the watch: progress is asked for and reported by
	// stream, which clients tell apart by their metadata.
	ctx = metadata.AppendToOutgoingContext(ctx, "weir-store", uuid.NewString())
	m.names = m.numbers()
	for ctx.Err() == nil {
		err := m.follow(ctx)
		if ctx.Err() != nil {
			return
		}
		m.metrics.restarts.Add(1)
		m.setTrouble(err)
		wait := retryDelay(m.retries)
		m.retries++
		m.log.Warn("watch of etcd interrupted", "prefix", m.prefix, "error", err, "retry", wait, "reload", !m.loaded)
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

// follow feeds the cache until something breaks. It loads everything first
// unless the cache can be continued.
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

// load reads everything at one revision. etcd counts the rest of the range for
// every page, so pages are large, though bounded in bytes, and each collection is
// a range of its own. What a page holds is decoded while the next one is on its
// way.
func (m *mirror) load(ctx context.Context) error {
	select {
	case <-m.rewind: // what it was about is dealt with by loading
	default:
	}
	began := time.Now()
	tables := m.emptyTables()
	pages := make(chan page)
	filled := make(chan struct{})
	go func() {
		defer close(filled)
		for p := range pages {
			m.fill(tables[p.collection], m.collections[p.collection], p.kvs)
		}
	}()
	header, count, err := m.read(ctx, pages)
	close(pages)
	<-filled
	if err != nil {
		return err
	}
	m.replace(tables, header.Revision, header.ClusterId)
	m.metrics.reloads.Add(1)
	m.log.Info("loaded from etcd", "prefix", m.prefix, "objects", count, "revision", header.Revision, "took", time.Since(began))
	if !m.isReady() {
		close(m.ready)
	}
	return nil
}

// page is some of the objects of a collection.
type page struct {
	collection int
	kvs        []*mvccpb.KeyValue
}

// read sends the objects of all collections, all as of the revision in the header
// that it returns.
func (m *mirror) read(ctx context.Context, pages chan<- page) (header *etcdserverpb.ResponseHeader, count int, err error) {
	var revision int64 // that of the first answer
	for number, c := range m.collections {
		from := m.prefix + c.Name() + "/"
		end := clientv3.GetPrefixRangeEnd(from)
		for limit := int64(firstPage); ; {
			answer, err := m.page(ctx, from, end, revision, limit)
			if err != nil {
				return nil, 0, err
			}
			if header == nil {
				header, revision = answer.Header, answer.Header.Revision
			}
			count += len(answer.Kvs)
			if len(answer.Kvs) > 0 {
				pages <- page{number, answer.Kvs}
			}
			if !answer.More {
				break
			}
			from = string(answer.Kvs[len(answer.Kvs)-1].Key) + "\x00"
			limit = nextPage(answer.Kvs)
		}
	}
	return header, count, nil
}

func (m *mirror) page(ctx context.Context, from, end string, revision int64, limit int64) (*clientv3.GetResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, pageTimeout)
	defer cancel()
	response, err := m.client.Get(ctx, from, clientv3.WithRange(end), clientv3.WithLimit(limit), clientv3.WithRev(revision))
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", m.prefix, err)
	}
	return response, nil
}

// nextPage is how many objects to read next, so that a page is about pageBytes.
func nextPage(last []*mvccpb.KeyValue) int64 {
	bytes := 1
	for _, kv := range last {
		bytes += len(kv.Key) + len(kv.Value)
	}
	return min(max(int64(len(last))*pageBytes/int64(bytes), firstPage), maxPage)
}

// watch follows the prefix from where the cache is until the watch breaks.
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
			m.silence.heard()
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

// digest brings one response of etcd into the cache.
func (m *mirror) digest(response clientv3.WatchResponse) {
	switch {
	case len(response.Events) > 0:
		m.apply(response.Events, m.names)
	case response.IsProgressNotify():
		m.progress(response.Header.Revision)
	}
}
