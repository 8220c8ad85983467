package service

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/query"
	"github.com/openweir/weir/control/query/fields"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/watch"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// watching is what all watches of a replica share.
type watching struct {
	// bookmarks is how long a watch is silent before it says that it lives.
	bookmarks time.Duration
	// stall is how long a client may take for a batch.
	stall time.Duration

	once  sync.Once
	ended chan struct{} // closed when no watch may go on
}

func newWatching() *watching {
	return &watching{bookmarks: 15 * time.Second, stall: 30 * time.Second, ended: make(chan struct{})}
}

// EndWatches ends all watches, which would otherwise last as long as their
// clients like, and lets no more begin.
func (s *Services) EndWatches() { s.watching.once.Do(func() { close(s.watching.ended) }) }

// feed is how the watch of a kind comes about. I is what the kind's list judges,
// T what clients get.
type feed[I any, T proto.Message] struct {
	list *query.Kind[I]
	// under is the path of what is watched, the same in all sources.
	under   string
	sources []watch.Source
	// view makes of the objects of one key what users see; false where they make
	// no resource.
	view    func(watch.Parts) (I, bool)
	message func(I) T
	keep    func(I) bool // nil where the list has no filter of its own
}

// event is what a client gets, whatever the type of its responses.
type event[T proto.Message] struct {
	kind    cmfv1.WatchEventType
	object  T
	version string
}

// watchRequest is the request of any Watch.
type watchRequest interface {
	proto.Message
	GetResourceVersion() string
}

// watcher is one Watch under way.
type watcher[I any, T proto.Message, R any] struct {
	*watching
	feed[I, T]
	query    query.Query[I]
	replay   *watch.Replay
	stream   grpc.ServerStreamingServer[R]
	response func(event[T]) *R
}

// serveWatch answers a Watch until its client leaves or it has to end.
func serveWatch[I any, T proto.Message, R any](
	s *Services, stream grpc.ServerStreamingServer[R], request watchRequest, f feed[I, T], response func(event[T]) *R,
) error {
	q, err := query.Parse(f.list, query.ParamsOf(request))
	if err != nil {
		return err
	}
	if f.keep != nil {
		q = q.Where(f.keep)
	}
	version, err := watch.ParseVersion(request.GetResourceVersion())
	if err != nil {
		return apierror.Invalid("resourceVersion: " + err.Error())
	}
	replay, err := watch.Open(stream.Context(), f.under, version, f.sources...)
	if err != nil {
		return watchError(f.list.Plural, err)
	}
	w := &watcher[I, T, R]{watching: s.watching, feed: f, query: q, replay: replay, stream: stream, response: response}
	return watchError(f.list.Plural, w.run(version == watch.Version{}))
}

// watchError says what the client has to do.
func watchError(plural string, err error) error {
	if errors.Is(err, store.ErrTooOld) {
		return apierror.TooOld("resourceVersion: the changes of %s since then are not known any more. List again, by a watch without a version.", plural)
	}
	if err != nil {
		return fmt.Errorf("watch %s: %w", plural, err)
	}
	return nil
}

// run begins with the list, or with a bookmark where the client goes on, and
// then follows.
func (w *watcher[I, T, R]) run(list bool) error {
	begin := cmfv1.WatchEventType_WATCH_EVENT_TYPE_BOOKMARK
	if list {
		begin = cmfv1.WatchEventType_WATCH_EVENT_TYPE_SYNCED
		if err := w.sendList(); err != nil {
			return err
		}
	}
	if err := w.send(event[T]{kind: begin, version: w.replay.Version().String()}); err != nil {
		return err
	}
	silence := time.NewTimer(w.bookmarks)
	defer silence.Stop()
	due := false
	for {
		changes, wake, err := w.replay.Read()
		if err != nil {
			return err
		}
		events := w.events(changes)
		if len(events) == 0 && due {
			events = append(events, event[T]{kind: cmfv1.WatchEventType_WATCH_EVENT_TYPE_BOOKMARK, version: w.replay.Version().String()})
		}
		if len(events) > 0 {
			if err := w.send(events...); err != nil {
				return err
			}
			due = false
			silence.Reset(w.bookmarks)
		}
		select {
		case <-wake[0]:
		case <-wake[1]:
		case <-wake[2]:
		case <-silence.C:
			due = true
		case <-w.ended:
			return errStopping
		case <-w.stream.Context().Done():
			return w.stream.Context().Err()
		}
	}
}

var errStopping = apierror.Unavailable(nil, "This replica is stopping. Go on from the last version with another.")

// sendList sends what there is, in order of the keys.
func (w *watcher[I, T, R]) sendList() error {
	const batch = 256
	var events []event[T]
	for _, key := range w.replay.Keys() {
		item, ok := w.shown(w.replay.At(key))
		if !ok {
			continue
		}
		events = append(events, event[T]{kind: cmfv1.WatchEventType_WATCH_EVENT_TYPE_ADDED, object: w.projected(item)})
		if len(events) == batch {
			if err := w.send(events...); err != nil {
				return err
			}
			events = nil
		}
	}
	return w.send(events...)
}

// shown is the resource that the parts make, if it matches.
func (w *watcher[I, T, R]) shown(parts watch.Parts) (I, bool) {
	var none I
	if parts == nil {
		return none, false
	}
	item, ok := w.view(parts)
	return item, ok && w.query.Matches(item)
}

func (w *watcher[I, T, R]) projected(item I) T { return fields.Apply(w.query.Fields, w.message(item)) }

// events are what the client sees of changes.
func (w *watcher[I, T, R]) events(changes []watch.Change) []event[T] {
	var out []event[T]
	for _, change := range changes {
		e := event[T]{version: change.Version.String()}
		before, matched := w.shown(change.Before)
		after, matches := w.shown(change.After)
		switch {
		case matches && !matched:
			e.kind, e.object = cmfv1.WatchEventType_WATCH_EVENT_TYPE_ADDED, w.projected(after)
		case matched && !matches:
			e.kind, e.object = cmfv1.WatchEventType_WATCH_EVENT_TYPE_DELETED, w.projected(before)
		case matched:
			e.kind, e.object = cmfv1.WatchEventType_WATCH_EVENT_TYPE_MODIFIED, w.projected(after)
			if proto.Equal(w.projected(before), e.object) {
				continue
			}
		default:
			continue
		}
		out = append(out, e)
	}
	return out
}

// send gives up on a client that takes too long. The goroutine that is then
// still in Send ends with the stream, which ends with the RPC.
func (w *watcher[I, T, R]) send(events ...event[T]) error {
	if len(events) == 0 {
		return nil
	}
	sent := make(chan error, 1)
	go func() {
		for _, e := range events {
			if err := w.stream.Send(w.response(e)); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	stall := time.NewTimer(w.stall)
	defer stall.Stop()
	select {
	case err := <-sent:
		return sendError(w.stream.Context(), err)
	case <-stall.C:
		return apierror.Conflict("The watch was cut: nothing was taken from it for %s. Go on from the last version.", w.stall)
	case <-w.ended:
		return errStopping
	}
}

// sendError prefers the reason that the context has.
func sendError(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}
