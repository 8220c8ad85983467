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
	client *clientv3.Client
	prefix string // with the slash at its end
	log    *slog.Logger
	config config

	collections map[string]member // fixed once Run has started
	barriers    *barriers

	started atomic.Bool
	ready   chan struct{} // closed when the caches are filled
	stopped chan struct{} // closed when Run has returned
	rewind  chan struct{} // holds one signal when etcd seems to have been put back

	mu          sync.Mutex
	lastTrouble error // why the caches are not being fed; nil while they are
}

// member is a collection as the Store sees it, whatever it is of.
type member interface {
	// reset makes the collection what was read at the revision.
	reset(kvs []*mvccpb.KeyValue, revision int64)
	// apply makes changes, in order, which readers then see.
	apply(events []*mvccpb.Event)
	// announce tells watchers and feeds of what was applied or reset.
	announce()
}

type config struct {
	history   int
	bookmarks time.Duration
}

// Option changes how a Store works.
type Option func(*config)

// WithHistory sets how many events of each collection are kept for watchers: the
// more, the longer a watcher may lag or be away. The default is 4096.
func WithHistory(events int) Option { return func(c *config) { c.history = max(events, 1) } }

// WithBookmarks sets how often an idle Watch says that it is alive and how far it
// has come. The default is 15 s.
func WithBookmarks(every time.Duration) Option { return func(c *config) { c.bookmarks = every } }

// New makes the store of a prefix. Collections are added to it before Run.
func New(client *clientv3.Client, prefix string, log *slog.Logger, options ...Option) *Store {
	s := &Store{
		client:      client,
		prefix:      strings.TrimSuffix(prefix, "/") + "/",
		log:         log,
		config:      config{history: 4096, bookmarks: 15 * time.Second},
		collections: map[string]member{},
		barriers:    newBarriers(),
		ready:       make(chan struct{}),
		stopped:     make(chan struct{}),
		rewind:      make(chan struct{}, 1),
	}
	for _, option := range options {
		option(&s.config)
	}
	return s
}

// Run keeps the caches as etcd is until the context ends, through every failure
// of etcd and of the way to it. It can be called once.
func (s *Store) Run(ctx context.Context) error {
	if !s.started.CompareAndSwap(false, true) {
		return errors.New("the store runs already")
	}
	defer close(s.stopped)
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { s.answerBarriers(ctx) })
	(&mirror{Store: s}).run(ctx)
	return nil
}

// Ready is closed when the caches are first filled.
func (s *Store) Ready() <-chan struct{} { return s.ready }

func (s *Store) isReady() bool {
	select {
	case <-s.ready:
		return true
	default:
		return false
	}
}

func (s *Store) setTrouble(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastTrouble = err
}

func (s *Store) trouble() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lastTrouble
}

// withDeadline gives the context a deadline if it has none.
func withDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, operationTimeout)
}

func (s *Store) add(name string, m member) {
	if s.started.Load() {
		panic(fmt.Sprintf("store: collection %s is added to a store that runs", name))
	}
	if name == "" || strings.Contains(name, "/") {
		panic(fmt.Sprintf("store: %q cannot be the name of a collection", name))
	}
	if _, taken := s.collections[name]; taken {
		panic(fmt.Sprintf("store: collection %s is added twice", name))
	}
	s.collections[name] = m
}
