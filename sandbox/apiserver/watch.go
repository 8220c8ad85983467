package apiserver

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/openweir/weir/sandbox/storage"
)

// watcher is one watch in progress.
type watcher struct {
	rq        *request
	chosen    selector
	bookmarks bool
	out       *http.ResponseController
	w         http.ResponseWriter
	// at is the revision up to which the client knows everything.
	at uint64
}

// watch streams changes until the client goes, its timeout passes or it falls
// too far behind.
func (s *Server) watch(w http.ResponseWriter, rq *request) error {
	chosen, err := rq.selector()
	if err != nil {
		return err
	}
	start, err := rq.watchStart()
	if err != nil {
		return err
	}
	var timeout <-chan time.Time
	if seconds, err := strconv.Atoi(rq.query.Get("timeoutSeconds")); err == nil && seconds > 0 {
		timer := time.NewTimer(time.Duration(seconds) * time.Second)
		defer timer.Stop()
		timeout = timer.C
	}
	watcher := &watcher{
		rq: rq, chosen: chosen, w: w, out: http.NewResponseController(w), at: start.after,
		bookmarks: rq.query.Get("allowWatchBookmarks") == "true",
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	if start.list {
		if err := watcher.sendCurrent(s.store, start.announceEnd); err != nil {
			return nil
		}
	}
	// Even an empty stream has to reach the client, which waits for headers.
	if err := watcher.out.Flush(); err != nil {
		return nil
	}
	ticker := time.NewTicker(s.bookmark)
	defer ticker.Stop()
	for {
		more, err := watcher.sendNew(s.store)
		if err != nil {
			return nil
		}
		select {
		case <-rq.http.Context().Done():
			return nil
		case <-timeout:
			return nil
		case <-more:
		case <-ticker.C:
			if watcher.bookmarks && watcher.sendBookmark(nil) != nil {
				return nil
			}
		}
	}
}

// start tells where a watch begins.
type start struct {
	// list sends the objects there are, first.
	list bool
	// announceEnd marks the end of that list by a bookmark.
	announceEnd bool
	after       uint64
}

func (rq *request) watchStart() (start, error) {
	initial := rq.query.Get("sendInitialEvents")
	match := rq.query.Get("resourceVersionMatch")
	if initial != "" && match != "NotOlderThan" {
		return start{}, apierrors.NewBadRequest("sendInitialEvents requires resourceVersionMatch NotOlderThan")
	}
	if initial == "" && match != "" {
		return start{}, apierrors.NewBadRequest("resourceVersionMatch is forbidden for a watch without sendInitialEvents")
	}
	version := rq.query.Get("resourceVersion")
	if initial == "true" {
		return start{list: true, announceEnd: rq.query.Get("allowWatchBookmarks") == "true"}, nil
	}
	if version == "" || version == "0" {
		return start{list: initial == ""}, nil
	}
	after, err := strconv.ParseUint(version, 10, 64)
	if err != nil {
		return start{}, apierrors.NewBadRequest(fmt.Sprintf("resourceVersion: invalid value: %q", version))
	}
	return start{after: after}, nil
}

// sendCurrent sends the objects there are as if they were just added.
func (w *watcher) sendCurrent(store *storage.Store, announceEnd bool) error {
	objects, revision := store.List(w.rq.kind.collection(), w.rq.namespace)
	for _, object := range filter(objects, w.chosen) {
		if err := w.sendObject(storage.Added, object); err != nil {
			return err
		}
	}
	w.at = revision
	if !announceEnd {
		return nil
	}
	return w.sendBookmark(map[string]string{metav1.InitialEventsAnnotationKey: "true"})
}

// sendNew sends what happened since, and returns a channel that is closed when
// there is more.
func (w *watcher) sendNew(store *storage.Store) (<-chan struct{}, error) {
	if w.at == 0 {
		// A watch from "now".
		w.at = store.Revision()
	}
	happened, revision, more, err := store.Events(w.rq.kind.collection(), w.at)
	if errors.Is(err, storage.ErrTooOld) {
		status := statusOf(apierrors.NewResourceExpired(fmt.Sprintf("too old resource version: %d (%d)", w.at, revision)))
		return nil, errors.Join(err, w.send("ERROR", status))
	}
	sent := false
	for _, event := range happened {
		kind, relevant := w.chosen.transition(event)
		if !relevant {
			continue
		}
		object := event.Object
		if kind == storage.Deleted && event.Type != storage.Deleted {
			// What ceased to match is shown as it last matched.
			if object, err = event.Previous.At(object.Revision); err != nil {
				return nil, err
			}
		}
		sent = true
		if err := w.sendObject(kind, object); err != nil {
			return nil, err
		}
	}
	w.at = revision
	if sent {
		return more, w.out.Flush()
	}
	return more, nil
}

// transition tells what an event is to someone who sees only what the selector
// chooses: an object that comes to match was added, one that ceases to was
// deleted.
func (s selector) transition(event storage.Event) (storage.EventType, bool) {
	before := event.Previous != nil && s.matches(event.Previous)
	after := event.Type != storage.Deleted && s.matches(event.Object)
	switch {
	case before && after:
		return storage.Modified, true
	case after:
		return storage.Added, true
	case before:
		return storage.Deleted, true
	}
	return "", false
}

func (w *watcher) sendObject(kind storage.EventType, object *storage.Object) error {
	data, err := w.rq.render(object)
	if err != nil {
		return err
	}
	return w.write(string(kind), data)
}

func (w *watcher) sendBookmark(annotations map[string]string) error {
	metadata := map[string]any{"resourceVersion": strconv.FormatUint(w.at, 10), "creationTimestamp": nil}
	if annotations != nil {
		metadata["annotations"] = annotations
	}
	version, name := w.rq.kind.name.ToAPIVersionAndKind()
	if w.rq.metadataOnly {
		version, name = "meta.k8s.io/v1", "PartialObjectMetadata"
	}
	return w.send("BOOKMARK", map[string]any{"kind": name, "apiVersion": version, "metadata": metadata})
}

// send writes one event of which the object has to be encoded, at once.
func (w *watcher) send(kind string, object any) error {
	data, err := json.Marshal(object)
	if err != nil {
		return err
	}
	return errors.Join(w.write(kind, data), w.out.Flush())
}

func (w *watcher) write(kind string, object []byte) error {
	line := make([]byte, 0, len(object)+40)
	line = append(line, `{"type":"`...)
	line = append(line, kind...)
	line = append(line, `","object":`...)
	line = append(line, object...)
	line = append(line, "}\n"...)
	_, err := w.w.Write(line)
	return err
}
