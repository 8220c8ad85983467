package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
)

const (
	// operationTimeout bounds operations whose context has no deadline, so that
	// a lost quorum is an error and not a hang.
	operationTimeout = 10 * time.Second
	// questionTimeout bounds one question for etcd's revision. It is shorter, so
	// that readers who came while it was pending get one of their own.
	questionTimeout = 5 * time.Second
)

// Store is all collections under one prefix of one etcd.
type Store struct {
	client  *clientv3.Client
	prefix  string // with the slash at its end
	log     *slog.Logger
	config  config
	metrics *metrics

	collections []collection // by number; fixed once Run has started
	barriers    *barriers
	silence     *silence
	committer   committer
	contended   keyLocks
	written     written

	decodedValues decodedValues

	// current is what readers see. It is replaced, never changed, once for each
	// response of etcd, so that reading takes no lock and whoever reads several
	// collections sees them as of one revision.
	current atomic.Pointer[Snapshot]

	started atomic.Bool
	ready   chan struct{} // closed when the cache is filled
	stopped chan struct{} // closed when Run has returned
	rewind  chan struct{} // holds one signal when etcd seems to have been put back

	// mu guards what follows. The history ends where current is.
	mu      sync.Mutex
	history history
	watches map[*Watch]struct{}
	feeds   map[*Feed]struct{}

	space      space
	askedSpace chan struct{} // holds one signal when etcd is to be asked for its space at once

	troubleMu   sync.Mutex
	lastTrouble error // why the cache is not being fed; nil while it is
}

// collection is a Collection, whatever it is of.
type collection interface {
	Name() string
	empty() table
	prefixLength() int
	// decode makes an *Object of what etcd holds, nil where it cannot.
	decode(kv *mvccpb.KeyValue) any
}

type config struct {
	historyChanges, historyBytes int
	bookmarks                    time.Duration
	meters                       metric.MeterProvider
}

// Option changes how a Store works.
type Option func(*config)

// WithHistory sets how many changes are kept for watches, and how many bytes of
// them: the more, the longer a watch may lag or be interrupted. The default is
// 16384 changes and 32 MiB.
func WithHistory(changes, bytes int) Option {
	return func(c *config) { c.historyChanges, c.historyBytes = max(changes, 1), max(bytes, 1) }
}

// WithBookmarks sets how often an idle Watch returns an empty batch. The default
// is 15 s.
func WithBookmarks(every time.Duration) Option { return func(c *config) { c.bookmarks = every } }

// WithMeterProvider sets what receives the metrics of the store. The default is
// OpenTelemetry's global one.
func WithMeterProvider(meters metric.MeterProvider) Option {
	return func(c *config) { c.meters = meters }
}

// New makes the store of a prefix. Collections are added to it before Run.
func New(client *clientv3.Client, prefix string, log *slog.Logger, options ...Option) *Store {
	s := &Store{
		client:   client,
		prefix:   strings.TrimSuffix(prefix, "/") + "/",
		log:      log,
		config:   config{historyChanges: 16384, historyBytes: 32 << 20, bookmarks: 15 * time.Second, meters: otel.GetMeterProvider()},
		barriers: newBarriers(),
		silence:  newSilence(func() bool { return isConnected(client) }),
		metrics:  newMetrics(),
		ready:    make(chan struct{}),
		stopped:  make(chan struct{}),
		rewind:   make(chan struct{}, 1),
		watches:  map[*Watch]struct{}{},
		feeds:    map[*Feed]struct{}{},

		space:      space{freed: make(chan struct{})},
		askedSpace: make(chan struct{}, 1),
	}
	for _, option := range options {
		option(&s.config)
	}
	s.committer.client, s.committer.silence, s.committer.metrics = client, s.silence, s.metrics
	s.committer.ask = func() { s.barriers.join() }
	s.history = history{maxChanges: s.config.historyChanges, maxBytes: s.config.historyBytes}
	s.current.Store(&Snapshot{})
	if err := s.registerMetrics(s.config.meters); err != nil {
		log.Warn("metrics of the store cannot be registered", "error", err)
	}
	return s
}

// Run keeps the cache as etcd is until the context ends, through every failure of
// etcd and of the way to it. It can be called once.
func (s *Store) Run(ctx context.Context) error {
	if !s.started.CompareAndSwap(false, true) {
		return errors.New("the store runs already")
	}
	defer close(s.stopped)
	defer s.silence.stop()
	defer s.committer.live.Wait()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { s.answerBarriers(ctx) })
	wg.Go(func() { s.followSpace(ctx) })
	(&mirror{Store: s}).run(ctx)
	return nil
}

// Log is the store's.
func (s *Store) Log() *slog.Logger { return s.log }

// Ready is closed when the cache is first filled.
func (s *Store) Ready() <-chan struct{} { return s.ready }

// View gives everything as it is in etcd: it contains every write that was
// acknowledged before the call, on whichever replica.
func (s *Store) View(ctx context.Context) (*Snapshot, error) {
	if err := s.catchUp(ctx); err != nil {
		return nil, err
	}
	return s.current.Load(), nil
}

// ViewFrom gives everything as of the revision, which a commit of this store
// returned, or of a later one. It waits for the cache and asks etcd nothing.
func (s *Store) ViewFrom(ctx context.Context, revision int64) (*Snapshot, error) {
	if err := s.comeTo(ctx, revision); err != nil {
		return nil, err
	}
	return s.current.Load(), nil
}

// Cached gives everything as the cache has it, which suits loops that are woken
// by a Feed. It must not be called before Ready.
func (s *Store) Cached() *Snapshot { return s.current.Load() }

func (s *Store) isReady() bool {
	select {
	case <-s.ready:
		return true
	default:
		return false
	}
}

func (s *Store) setTrouble(err error) {
	s.troubleMu.Lock()
	defer s.troubleMu.Unlock()
	s.lastTrouble = err
}

func (s *Store) trouble() error {
	s.troubleMu.Lock()
	defer s.troubleMu.Unlock()
	return s.lastTrouble
}

// withDeadline gives the context a deadline if it has none.
func withDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, operationTimeout)
}

// add gives a collection its number.
func (s *Store) add(name string, c collection) int {
	if s.started.Load() {
		panic(fmt.Sprintf("store: collection %s is added to a store that runs", name))
	}
	if name == "" || strings.Contains(name, "/") {
		panic(fmt.Sprintf("store: %q cannot be the name of a collection", name))
	}
	for _, other := range s.collections {
		if other.Name() == name {
			panic(fmt.Sprintf("store: collection %s is added twice", name))
		}
	}
	s.collections = append(s.collections, c)
	s.current.Store(&Snapshot{tables: s.emptyTables()})
	return len(s.collections) - 1
}

func (s *Store) emptyTables() []table {
	tables := make([]table, len(s.collections))
	for i, c := range s.collections {
		tables[i] = c.empty()
	}
	return tables
}
