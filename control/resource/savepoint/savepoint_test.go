package savepoint

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/control/flinkspec"
	"github.com/openweir/weir/control/manifest"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

var orders = ForApplication(prod, "orders")

func named(name string) *cmfv1.Savepoint {
	return &cmfv1.Savepoint{Metadata: &cmfv1.ObjectMeta{Name: name}}
}

// create has a savepoint of orders taken and gives its view.
func (s *Savepoints) create(t *testing.T, name string) *cmfv1.Savepoint {
	t.Helper()
	var created *cmfv1.Savepoint
	s.commit(t, func(tx *store.Tx) (err error) {
		created, err = s.Create(tx, orders, named(name))
		return err
	})
	return created
}

// report stores what an agent reports of a savepoint.
func (s *Savepoints) report(t *testing.T, savepoint *cmfv1.Savepoint, status string, ack *agentv1.Ack) *store.Snapshot {
	t.Helper()
	report := resource.Report{
		Cluster: "edge", Ref: manifest.SnapshotRef(prod, savepoint.GetMetadata().GetUid()),
		Key: store.Join(orders.Key, savepoint.GetMetadata().GetName()), Owner: savepoint.GetMetadata().GetUid(), Ack: ack,
	}
	if status != "" {
		report.Status = &agentv1.StatusReport{Status: status}
	}
	return s.commit(t, func(tx *store.Tx) error { return s.Kind.Objects[0].Store(tx, report) })
}

const complete = `{"state":"COMPLETED","path":"s3://bucket/1"}`

func (s *Savepoints) tombstone(at store.Reader, savepoint *cmfv1.Savepoint) *storev1.TombstoneRecord {
	ref := manifest.SnapshotRef(prod, savepoint.GetMetadata().GetUid())
	return s.ownership.Tombstones.In(at).Get(resource.TombstoneKey("edge", ref, savepoint.GetMetadata().GetUid())).Message()
}

func (s *Savepoints) claims(at store.Reader) int { return s.ownership.Claims.In(at).Count("") }

func TestASavepointIsDeletedWithItsObject(t *testing.T) {
	s := open(t)
	savepoint := s.create(t, "nightly")
	s.report(t, savepoint, complete, nil)
	at := s.commit(t, func(tx *store.Tx) error { return s.Delete(tx, orders, "nightly", "", false) })
	item, _ := s.Kind.Item(at, store.Join(orders.Key, "nightly"))
	if view := s.view(item, resource.Detail{}); !view.GetStatus().GetPendingDeletion() || view.GetStatus().GetWarning() == "" {
		t.Errorf("its status is %v", view.GetStatus())
	}
	for _, step := range []struct {
		ack     *agentv1.Ack
		removed bool
	}{
		{&agentv1.Ack{Outcome: agentv1.Outcome_OUTCOME_APPLIED, Generation: 1}, false},
		{&agentv1.Ack{Outcome: agentv1.Outcome_OUTCOME_RETRYING, Generation: 2}, false},
		{&agentv1.Ack{Outcome: agentv1.Outcome_OUTCOME_APPLIED, Generation: 2}, true},
		{&agentv1.Ack{Outcome: agentv1.Outcome_OUTCOME_APPLIED, Generation: 2}, true},
	} {
		at := s.report(t, savepoint, "", step.ack)
		if removed := s.tombstone(at, savepoint) != nil; removed != step.removed {
			t.Errorf("after %v, its object is removed: %t", step.ack, removed)
		}
		apply, err := s.Kind.Objects[0].Render(at, onlyProd{}.Of(at, ""), item.Key)
		if err != nil || (apply == nil) != step.removed {
			t.Errorf("after %v, it is rendered as %v (%v)", step.ack, apply, err)
		}
	}
	ref := manifest.SnapshotRef(prod, savepoint.GetMetadata().GetUid())
	claim := s.ownership.Claims.In(at).Get(resource.ClaimKey("edge", ref)).Message()
	at = s.commit(t, func(tx *store.Tx) error { return s.Kind.Objects[0].Gone(tx, "edge", ref, claim) })
	if s.Records.In(at).Count("") != 0 || s.status.In(at).Count("") != 0 || s.claims(at) != 0 {
		t.Error("something is left of it")
	}
}

func TestForcedDeletionReleasesTheObject(t *testing.T) {
	s := open(t)
	savepoint := s.create(t, "nightly")
	at := s.commit(t, func(tx *store.Tx) error { return s.Delete(tx, orders, "nightly", "", true) })
	if !s.tombstone(at, savepoint).GetRelease() || s.Records.In(at).Count("") != 0 || s.claims(at) != 0 {
		t.Error("something is left of it, or its object is not released")
	}
	err := s.try(t, func(tx *store.Tx) error { return s.Delete(tx, orders, "nightly", "", true) })
	if want := "Savepoint 'nightly' not found for application 'orders' in environment 'prod'."; err == nil || err.Error() != want {
		t.Errorf("again: %v, want %s", err, want)
	}
}

func TestOnlyCompletedSavepointsAreDetached(t *testing.T) {
	s := open(t)
	savepoint := s.create(t, "nightly")
	var detached *cmfv1.Savepoint
	detach := func(tx *store.Tx) (err error) {
		detached, err = s.Detach(tx, orders, "nightly", "")
		return err
	}
	if err := s.try(t, detach); err == nil || !strings.Contains(err.Error(), "only completed savepoints can be detached") {
		t.Errorf("before it is complete: %v", err)
	}
	s.report(t, savepoint, complete, nil)
	at := s.commit(t, detach)
	if detached.GetSpec().GetPath() != "s3://bucket/1" || detached.GetMetadata().GetUid() != savepoint.GetMetadata().GetUid() {
		t.Errorf("detached is %v", detached)
	}
	if tombstone := s.tombstone(at, savepoint); tombstone == nil || tombstone.GetRelease() {
		t.Errorf("the tombstone of its object is %v", tombstone)
	}
	s.create(t, "nightly")
	if err := s.try(t, detach); err == nil || !strings.Contains(err.Error(), "it is TRIGGER_PENDING") {
		t.Errorf("another of the name: %v", err)
	}
}

func TestReferencesToSavepoints(t *testing.T) {
	s := open(t)
	done, pending := s.create(t, "done"), s.create(t, "pending")
	s.report(t, done, complete, nil)
	detached := &cmfv1.Savepoint{
		Metadata: &cmfv1.ObjectMeta{Name: "moved", Uid: "uid-of-moved"},
		Spec:     &cmfv1.SavepointSpec{Path: "s3://bucket/moved"},
	}
	at := s.commit(t, func(tx *store.Tx) error {
		s.detached.Put(tx, "moved", detached)
		return nil
	})
	for name, test := range map[string]struct {
		ref        flinkspec.SavepointReference
		path, says string
	}{
		"a path":            {flinkspec.SavepointReference{Path: "s3://x"}, "s3://x", ""},
		"a name":            {flinkspec.SavepointReference{Name: "done"}, "s3://bucket/1", ""},
		"a uid":             {flinkspec.SavepointReference{UID: done.GetMetadata().GetUid()}, "s3://bucket/1", ""},
		"a uid of detached": {flinkspec.SavepointReference{UID: "uid-of-moved"}, "s3://bucket/moved", ""},
		"a savepoint in progress": {flinkspec.SavepointReference{UID: pending.GetMetadata().GetUid()}, "",
			"Savepoint 'pending' is TRIGGER_PENDING: only a completed savepoint can be started from."},
		"a name of detached": {flinkspec.SavepointReference{Name: "moved"}, "", "Savepoint 'moved' not found for application 'orders' in environment 'prod'."},
		"an unknown uid": {flinkspec.SavepointReference{UID: "u"}, "",
			"Savepoint with uid 'u' not found for application 'orders' in environment 'prod', nor among the detached savepoints."},
	} {
		path, err := s.Path(at, orders, test.ref)
		if path != test.path || err != nil && err.Error() != test.says || err == nil && test.says != "" {
			t.Errorf("%s: got %q, %v", name, path, err)
		}
	}
}

func TestSavepointsAreDroppedWithTheirOwner(t *testing.T) {
	s := open(t)
	for i := range 3 {
		s.create(t, fmt.Sprintf("nightly-%d", i))
	}
	s.commit(t, func(tx *store.Tx) error {
		_, err := s.Create(tx, ForApplication(prod, "orders-2"), named("nightly"))
		return err
	})
	if err := s.DropAll(t.Context(), prod, orders.Key, true, func(*store.Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	at, err := s.store.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if left := s.Records.In(at).Count(""); left != 1 || s.ownership.Tombstones.In(at).Count("") != 3 {
		t.Errorf("%d savepoints are left", left)
	}
}

func TestSavepointsExpire(t *testing.T) {
	const longAgo = -16 * time.Minute
	now := time.Now()
	for name, test := range map[string]struct {
		age    time.Duration
		change func(*storev1.SavepointRecord)
		status string
		want   bool
	}{
		"in time":               {-14 * time.Minute, nil, "", false},
		"overdue":               {longAgo, nil, "", true},
		"under way":             {longAgo, nil, `{"state":"IN_PROGRESS"}`, true},
		"complete":              {longAgo, nil, complete, false},
		"expired already":       {longAgo, func(r *storev1.SavepointRecord) { r.Expired = "x" }, "", false},
		"being deleted":         {longAgo, func(r *storev1.SavepointRecord) { r.Deleting = true }, "", false},
		"failed on the cluster": {longAgo, nil, `{"state":"FAILED"}`, false},
		"abandoned by that":     {longAgo, nil, `{"state":"ABANDONED"}`, false},
	} {
		record := &storev1.SavepointRecord{Savepoint: named("nightly")}
		record.Savepoint.Metadata.CreationTimestamp = timestamppb.New(now.Add(test.age))
		if test.change != nil {
			test.change(record)
		}
		if got := overdue(record, &storev1.StatusRecord{Status: test.status}, now); got != test.want {
			t.Errorf("%s: overdue is %t", name, got)
		}
	}

	s := open(t)
	s.create(t, "nightly")
	if err := s.expire(t.Context(), store.Join(orders.Key, "nightly"), now.Add(20*time.Minute)); err != nil {
		t.Fatal(err)
	}
	at, err := s.store.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	item, _ := s.Kind.Item(at, store.Join(orders.Key, "nightly"))
	want := &cmfv1.SavepointStatus{State: "FAILED", Error: "The savepoint was not complete within 15m0s."}
	if got := s.view(item, resource.Detail{}).GetStatus(); !proto.Equal(got, want) {
		t.Errorf("its status is %v, want %v", got, want)
	}
}

func TestDetachedSavepointsAreListedByName(t *testing.T) {
	for pattern, want := range map[string]string{"": "all", "night": "nightly", "*ly": "nightly weekly", "nightly": "nightly", "x": ""} {
		keep := namedLike(pattern)
		if pattern == "" {
			if keep != nil {
				t.Error("without a name, something is left out")
			}
			continue
		}
		var got []string
		for _, name := range []string{"nightly", "weekly"} {
			if keep(detachedItem{Object: store.NewObject("", named(name))}) {
				got = append(got, name)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q gives %v, want %s", pattern, got, want)
		}
	}
}

// An owner that was changed meanwhile keeps its savepoints.
func TestSavepointsOfAnOwnerThatStaysAreNotDropped(t *testing.T) {
	s := open(t)
	s.create(t, "nightly")
	changed := errors.New("the application was changed")
	if err := s.DropAll(t.Context(), prod, orders.Key, true, func(*store.Tx) error { return changed }); !errors.Is(err, changed) {
		t.Errorf("got %v, want %v", err, changed)
	}
	at, err := s.store.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if left := s.Records.In(at).Count(""); left != 1 {
		t.Errorf("%d savepoints are left, want 1", left)
	}
}
