package kafka

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
)

// Bounds of the reader.
const (
	// timeout is for one request to a cluster or a registry.
	timeout = 5 * time.Second
	// fresh is how long an answer is cached.
	fresh = 10 * time.Second
	// failed is how long a failure is cached, so that statements do not wait
	// one after the other for a cluster that is down.
	failed = 2 * time.Second
	// maxAtOnce is the number of concurrent requests.
	maxAtOnce = 8
	// maxKept is the number of cached answers.
	maxKept = 2000
)

// Database is how an environment reaches a database: options of clients with
// the secrets of the environment laid over.
type Database struct {
	Environment, Catalog, Name string
	// Kafka has properties of Kafka's Java client.
	Kafka map[string]string
	// Registry has options of a client of the schema registry; no
	// schema.registry.url if there is none.
	Registry map[string]string
}

// Reader reads databases. It is safe for concurrent use. The zero value is not
// usable: use NewReader.
type Reader struct {
	network *Network
	slots   chan struct{}
	now     func() time.Time

	mu   sync.Mutex
	kept map[question]*answer
}

// NewReader returns a reader with an empty cache, which connects to what the network
// permits.
func NewReader(network Network) *Reader {
	return &Reader{network: &network, slots: make(chan struct{}, maxAtOnce), now: time.Now, kept: map[question]*answer{}}
}

// question is the key of a cached answer. The topic is empty for the list of all
// topics.
type question struct {
	database [sha256.Size]byte
	topic    string
}

// answer is a cached answer. The holder of turn may change it.
type answer struct {
	turn  chan struct{}
	until time.Time
	names []string
	table *storev1.TableRecord
	err   error
}

// Topics returns the names of the topics that are tables, in order.
func (r *Reader) Topics(ctx context.Context, database Database) ([]string, error) {
	got, err := r.ask(ctx, database, "", func(ctx context.Context, a *answer) error {
		var err error
		a.names, err = topicNames(ctx, r.network, database.Kafka)
		return err
	})
	return got.names, err
}

// Table returns a topic as a table, or nil if there is no such topic, which is
// not cached. Callers must not modify the table.
func (r *Reader) Table(ctx context.Context, database Database, topic string) (*storev1.TableRecord, error) {
	if internal(topic) {
		return nil, nil
	}
	got, err := r.ask(ctx, database, topic, func(ctx context.Context, a *answer) error {
		var err error
		a.table, err = readTable(ctx, r.network, database, topic)
		return err
	})
	return got.table, err
}

func readTable(ctx context.Context, network *Network, database Database, topic string) (*storev1.TableRecord, error) {
	state, err := describeTopic(ctx, network, database.Kafka, topic)
	if err != nil || !state.exists {
		return nil, err
	}
	registry, err := newRegistry(network, database.Registry)
	if err != nil {
		return nil, err
	}
	key, err := registry.read(ctx, topic+"-key")
	if err != nil {
		return nil, err
	}
	value, err := registry.read(ctx, topic+"-value")
	if err != nil {
		return nil, err
	}
	return tableOf(ctx, topic, state.compacted, key, value), nil
}

// CreateTopic creates a topic, and reports whether it did not exist before.
func (r *Reader) CreateTopic(ctx context.Context, database Database, topic Topic) (created bool, err error) {
	err = r.slot(ctx, func() error {
		created, err = createTopic(ctx, r.network, database.Kafka, topic)
		return err
	})
	r.forget(topic.Name)
	return created, err
}

// DeleteTopic deletes a topic and the subjects of its keys and values, if they
// exist.
func (r *Reader) DeleteTopic(ctx context.Context, database Database, topic string) error {
	err := r.slot(ctx, func() error {
		if err := deleteTopic(ctx, r.network, database.Kafka, topic); err != nil {
			return err
		}
		registry, err := newRegistry(r.network, database.Registry)
		if err != nil {
			return err
		}
		for _, subject := range []string{topic + "-key", topic + "-value"} {
			if err := registry.remove(ctx, subject); err != nil {
				return err
			}
		}
		return nil
	})
	r.forget(topic)
	return err
}

// slot calls do once fewer than maxAtOnce calls are running.
func (r *Reader) slot(ctx context.Context, do func() error) error {
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
		return do()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ask returns the cached answer, or calls find. Concurrent callers with the same
// question wait for one call of find.
func (r *Reader) ask(ctx context.Context, database Database, topic string, find func(context.Context, *answer) error) (answer, error) {
	kept := r.entry(question{fingerprint(database), topic})
	select {
	case kept.turn <- struct{}{}:
		defer func() { <-kept.turn }()
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
	if r.now().Before(kept.until) {
		return *kept, kept.err
	}
	err := r.slot(ctx, func() error { return find(ctx, kept) })
	if ctx.Err() != nil {
		// The caller gave up, which says nothing about the database.
		return answer{}, ctx.Err()
	}
	kept.err = err
	switch {
	case err != nil:
		kept.until = r.now().Add(failed)
	case topic != "" && kept.table == nil:
		kept.until = time.Time{}
	default:
		kept.until = r.now().Add(fresh)
	}
	return *kept, kept.err
}

// entry returns the cache entry of a question, and bounds the cache.
func (r *Reader) entry(q question) *answer {
	r.mu.Lock()
	defer r.mu.Unlock()
	kept, found := r.kept[q]
	if !found {
		if len(r.kept) >= maxKept {
			// Rare, and costs only repeated requests.
			clear(r.kept)
		}
		kept = &answer{turn: make(chan struct{}, 1)}
		r.kept[q] = kept
	}
	return kept
}

// forget invalidates the answers about a topic and the lists of topics, for all
// environments, as they see the same topic.
func (r *Reader) forget(topic string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for q := range r.kept {
		if q.topic == "" || q.topic == topic {
			delete(r.kept, q)
		}
	}
}

// fingerprint identifies a database, the environment and the connection. Passwords
// cannot be recovered from it.
func fingerprint(database Database) [sha256.Size]byte {
	hash := sha256.New()
	write := func(parts ...string) {
		for _, part := range parts {
			_, _ = fmt.Fprintf(hash, "%d:%s", len(part), part)
		}
	}
	write(database.Environment, database.Catalog, database.Name)
	for _, options := range []map[string]string{database.Kafka, database.Registry} {
		write(fmt.Sprint(len(options)))
		for _, key := range slices.Sorted(maps.Keys(options)) {
			write(key, options[key])
		}
	}
	return [sha256.Size]byte(hash.Sum(nil))
}
