package resource

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/query"
	"github.com/openweir/weir/control/query/fields"
	"github.com/openweir/weir/control/store"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Watches is what all watches of a replica share.
type Watches struct {
	// Bookmarks is how long a watch is silent before it sends a bookmark.
	Bookmarks time.Duration
	// Stall is how long a client may take for a batch.
	Stall time.Duration

	once  sync.Once
	ended chan struct{} // closed when all watches must end
}

// NewWatches gives the usual times.
func NewWatches() *Watches {
	return &Watches{Bookmarks: 15 * time.Second, Stall: 30 * time.Second, ended: make(chan struct{})}
}

// End ends all watches, which would otherwise last as long as their clients like,
// and lets no more begin.
func (w *Watches) End() { w.once.Do(func() { close(w.ended) }) }

// WatchRequest is the request of any Watch.
type WatchRequest interface {
	proto.Message
	GetResourceVersion() string
}

// event is what a client gets, whatever the type of its responses.
type event[V proto.Message] struct {
	kind    cmfv1.WatchEventType
	object  V
	version Version
}

// watcher is one Watch under way.
type watcher[R, V proto.Message] struct {
	*Watches
	kind  *Kind[R, V]
	path  string
	query query.Query[Item[R]]
	watch *store.Watch
	// skip is a version within a transaction that the client has seen up to.
	skip   Version
	stream grpc.ServerStream
	send   func(event[V]) error
}

// Watch answers a watch of the resources in a place until its client leaves or it
// has to end. Response is the message of the stream, with the fields type,
// object and resource_version. keep is as for List.
func Watch[Response any, R, V proto.Message](
	w *Watches, s *store.Store, k *Kind[R, V], stream grpc.ServerStreamingServer[Response], in Place, request WatchRequest, keep func(Item[R]) bool,
) error {
	q, err := query.Parse(k.List, query.ParamsOf(request))
	if err != nil {
		return err
	}
	q = k.readable(stream.Context(), q)
	if keep != nil {
		q = q.Where(keep)
	}
	version, err := ParseVersion(request.GetResourceVersion())
	if err != nil {
		return apierror.Invalid("resourceVersion: " + err.Error())
	}
	_, path, err := in.view(stream.Context(), s)
	if err != nil {
		return err
	}
	watching := &watcher[R, V]{
		Watches: w, kind: k, path: path, query: q, stream: stream,
		send: func(e event[V]) error { return stream.Send(watchResponse[Response](e)) },
	}
	err = watching.run(s, version)
	if errors.Is(err, store.ErrTooOld) {
		return apierror.TooOld("resourceVersion: the changes of %s since this version are no longer available. Start a new watch without resourceVersion.", k.List.Plural)
	}
	if err != nil {
		return fmt.Errorf("watch %s: %w", k.List.Plural, err)
	}
	return nil
}

// watchResponse makes the response of a stream. Their types differ in nothing but
// that of the object.
func watchResponse[Response any, V proto.Message](e event[V]) *Response {
	response := new(Response)
	message := any(response).(proto.Message).ProtoReflect()
	names := message.Descriptor().Fields()
	message.Set(names.ByName("type"), protoreflect.ValueOfEnum(e.kind.Number()))
	if object := e.object.ProtoReflect(); object.IsValid() {
		message.Set(names.ByName("object"), protoreflect.ValueOfMessage(object))
	}
	message.Set(names.ByName("resource_version"), protoreflect.ValueOfString(e.version.String()))
	return response
}

// run sends the list, or a bookmark if the client resumes, and then the changes.
func (w *watcher[R, V]) run(s *store.Store, version Version) error {
	ctx := w.stream.Context()
	scopes := []store.Scope{w.kind.Records.Scope(w.path)}
	if w.kind.Status != nil {
		scopes = append(scopes, w.kind.Status.Scope(w.path))
	}
	for _, watched := range w.kind.Watched {
		scopes = append(scopes, watched.Scope(w.path))
	}
	begin := cmfv1.WatchEventType_WATCH_EVENT_TYPE_BOOKMARK
	after := version.base()
	var list *store.Snapshot
	if version == (Version{}) {
		begin = cmfv1.WatchEventType_WATCH_EVENT_TYPE_SYNCED
		var err error
		if list, err = s.View(ctx); err != nil {
			return err
		}
		version = Version{Revision: list.Revision()}
		after = list.Revision()
	}
	var err error
	if w.watch, err = s.Watch(ctx, after, scopes...); err != nil {
		return err
	}
	defer w.watch.Close()
	w.skip = version
	if list != nil {
		if err := w.sendList(list); err != nil {
			return err
		}
	}
	if err := w.sendAll(event[V]{kind: begin, version: version}); err != nil {
		return err
	}
	return w.follow(ctx)
}

func (w *watcher[R, V]) follow(ctx context.Context) error {
	silence := time.NewTimer(w.Bookmarks)
	defer silence.Stop()
	due := false
	for {
		batch, err := w.watch.Read()
		if err != nil {
			return err
		}
		events := w.events(batch)
		if len(events) == 0 && due {
			events = append(events, event[V]{kind: cmfv1.WatchEventType_WATCH_EVENT_TYPE_BOOKMARK, version: w.version()})
		}
		if len(events) > 0 {
			if err := w.sendAll(events...); err != nil {
				return err
			}
			due = false
			silence.Reset(w.Bookmarks)
		}
		silent, err := w.Wait(ctx, w.watch.Wake(), silence.C)
		if err != nil {
			return err
		}
		due = due || silent
	}
}

// version is what the watch is complete up to.
func (w *watcher[R, V]) version() Version {
	if w.skip.Index > 0 && w.watch.Revision() < w.skip.Revision {
		return w.skip
	}
	return Version{Revision: w.watch.Revision()}
}

var errStopping = apierror.Unavailable(nil, "This replica is stopping. Resume after the last version on another one.")

// sendList sends what there is, in the order of the keys.
func (w *watcher[R, V]) sendList(at *store.Snapshot) error {
	const batch = 256
	var events []event[V]
	for o := range w.kind.Records.In(at).Under(w.path) {
		item := w.kind.ItemOf(at, o)
		if !w.query.Matches(item) {
			continue
		}
		events = append(events, event[V]{kind: cmfv1.WatchEventType_WATCH_EVENT_TYPE_ADDED, object: w.shown(item)})
		if len(events) == batch {
			if err := w.sendAll(events...); err != nil {
				return err
			}
			events = nil
		}
	}
	return w.sendAll(events...)
}

// shown is the item as the client gets it.
func (w *watcher[R, V]) shown(item Item[R]) V {
	return fields.Apply(w.query.Fields, w.kind.View(item, Detail{}))
}

// side is what the client sees of a resource before or after a change.
type side[V proto.Message] struct {
	matches bool
	object  V
}

// events are what the client sees of what happened.
func (w *watcher[R, V]) events(batch store.Batch) []event[V] {
	changes := store.Replay(batch, func(at store.Reader, key string) side[V] {
		item, ok := w.kind.Item(at, key)
		if !ok || !w.query.Matches(item) {
			return side[V]{}
		}
		return side[V]{true, w.shown(item)}
	})
	var out []event[V]
	for _, change := range changes {
		if change.Revision == w.skip.Revision && change.Index <= w.skip.Index {
			continue // the client has seen it
		}
		e := event[V]{version: Version{Revision: change.Revision, Index: change.Index}}
		if change.Last {
			e.version.Index = 0
		}
		before, after := change.Before, change.After
		switch {
		case after.matches && !before.matches:
			e.kind, e.object = cmfv1.WatchEventType_WATCH_EVENT_TYPE_ADDED, after.object
		case before.matches && !after.matches:
			e.kind, e.object = cmfv1.WatchEventType_WATCH_EVENT_TYPE_DELETED, before.object
		case before.matches && !proto.Equal(before.object, after.object):
			e.kind, e.object = cmfv1.WatchEventType_WATCH_EVENT_TYPE_MODIFIED, after.object
		default:
			continue
		}
		out = append(out, e)
	}
	return out
}

// sendAll sends events, unless the client takes too long.
func (w *watcher[R, V]) sendAll(events ...event[V]) error {
	if len(events) == 0 {
		return nil
	}
	return w.Deliver(w.stream.Context(), func() error {
		for _, e := range events {
			if err := w.send(e); err != nil {
				return err
			}
		}
		return nil
	})
}

// Deliver sends to the client of a watch, whose context it is given. It gives up on a
// client that takes too long. The goroutine that is then still in send ends with the
// stream, which ends with the RPC.
func (w *Watches) Deliver(ctx context.Context, send func() error) error {
	sent := make(chan error, 1)
	go func() { sent <- send() }()
	stall := time.NewTimer(w.Stall)
	defer stall.Stop()
	select {
	case err := <-sent:
		if err != nil && ctx.Err() != nil {
			return ctx.Err() // why it could not be sent
		}
		return err
	case <-stall.C:
		return apierror.Conflict("The watch has ended: its client read nothing for %s. Resume after the last version.", w.Stall)
	case <-w.ended:
		return errStopping
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Wait waits until a watch has something to do: wake, or a bookmark, which then is due.
// Its error is why the watch has to end.
func (w *Watches) Wait(ctx context.Context, wake <-chan struct{}, silence <-chan time.Time) (due bool, err error) {
	select {
	case <-wake:
	case <-silence:
		due = true
	case <-w.ended:
		return false, errStopping
	case <-ctx.Done():
		return false, ctx.Err()
	}
	return due, nil
}
