package storage

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func open(t *testing.T, options Options) *Store {
	t.Helper()
	s, err := Open(options)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func keyOf(name string) Key { return Key{Resource: "things", Namespace: "default", Name: name} }

// put writes an object and returns its revision.
func put(t *testing.T, s *Store, name string, labels map[string]any) uint64 {
	t.Helper()
	var revision uint64
	err := s.Update(func(tx *Tx) error {
		object, err := tx.Put(keyOf(name), map[string]any{"metadata": map[string]any{"name": name, "labels": labels}})
		if err == nil {
			revision = object.Revision
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return revision
}

func remove(t *testing.T, s *Store, name string) {
	t.Helper()
	err := s.Update(func(tx *Tx) error {
		_, err := tx.Delete(keyOf(name), nil)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func describe(events []Event) []string {
	var got []string
	for _, event := range events {
		got = append(got, fmt.Sprintf("%s %s", event.Type, event.Object.Key.Name))
	}
	return got
}

func TestEventsContainEveryChangeInOrder(t *testing.T) {
	s := open(t, Options{})
	start := s.Revision()
	put(t, s, "a", nil)
	second := put(t, s, "b", nil)
	put(t, s, "a", nil)
	remove(t, s, "b")
	events, revision, _, err := s.Events("things", start)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"ADDED a", "ADDED b", "MODIFIED a", "DELETED b"}, describe(events)); diff != "" {
		t.Errorf("events differ (-want +got):\n%s", diff)
	}
	last := events[len(events)-1]
	if last.Object.Revision != revision || last.Previous.Revision != second {
		t.Errorf("the deletion is at %d after %d, want %d after %d", last.Object.Revision, last.Previous.Revision, revision, second)
	}
	events, _, _, err = s.Events("things", second)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"MODIFIED a", "DELETED b"}, describe(events)); diff != "" {
		t.Errorf("events after the second differ (-want +got):\n%s", diff)
	}
}

func TestEventsSignalFurtherEvents(t *testing.T) {
	s := open(t, Options{})
	_, _, more, err := s.Events("things", s.Revision())
	if err != nil {
		t.Fatal(err)
	}
	err = s.Update(func(tx *Tx) error {
		_, err := tx.Put(Key{Resource: "others", Name: "x"}, map[string]any{"metadata": map[string]any{}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-more:
		t.Fatal("a change of another resource was announced")
	default:
	}
	put(t, s, "a", nil)
	select {
	case <-more:
	default:
		t.Fatal("the change was not announced")
	}
}

func TestEventsOfExpiredHistory(t *testing.T) {
	s := open(t, Options{History: 4})
	first := put(t, s, "a", nil)
	for range 20 {
		put(t, s, "a", nil)
	}
	if _, _, _, err := s.Events("things", first); !errors.Is(err, ErrTooOld) {
		t.Errorf("got %v, want that it is too old", err)
	}
	if _, _, _, err := s.Events("things", s.Revision()+1); !errors.Is(err, ErrTooOld) {
		t.Errorf("of the future: %v", err)
	}
	// What the history does hold, it holds without a gap.
	events, revision, _, err := s.Events("things", s.Revision()-4)
	if err != nil || len(events) != 4 || events[3].Object.Revision != revision {
		t.Errorf("the last events are %v, %v", describe(events), err)
	}
}

func TestTransactionSeesItsOwnWrites(t *testing.T) {
	s := open(t, Options{})
	put(t, s, "old", nil)
	names := func(objects []*Object) (names []string) {
		for _, object := range objects {
			names = append(names, object.Key.Name)
		}
		return names
	}
	failure := errors.New("no")
	err := s.Update(func(tx *Tx) error {
		if _, err := tx.Put(keyOf("new"), map[string]any{"metadata": map[string]any{}}); err != nil {
			return err
		}
		if _, err := tx.Delete(keyOf("old"), nil); err != nil {
			return err
		}
		if diff := cmp.Diff([]string{"new"}, names(tx.List("things", "default"))); diff != "" {
			t.Errorf("inside (-want +got):\n%s", diff)
		}
		if tx.Get(keyOf("old")) != nil {
			t.Error("the deleted object is there")
		}
		return failure
	})
	if !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
	objects, _ := s.List("things", "")
	if diff := cmp.Diff([]string{"old"}, names(objects)); diff != "" {
		t.Errorf("after it failed (-want +got):\n%s", diff)
	}
}

func TestStoreIsLoadedFromItsFolder(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	put(t, s, "gone", nil)
	remove(t, s, "gone")
	revision := put(t, s, "kept", map[string]any{"a": "b"})

	again := open(t, Options{Dir: dir})
	objects, now := again.List("things", "")
	if len(objects) != 1 || objects[0].Key != keyOf("kept") || objects[0].Revision != revision || objects[0].Labels["a"] != "b" {
		t.Errorf("objects are %v", objects)
	}
	if now <= revision {
		t.Errorf("the revision went from %d to %d", revision, now)
	}
	if _, _, _, err := again.Events("things", revision); !errors.Is(err, ErrTooOld) {
		t.Errorf("events from before: %v", err)
	}
}
