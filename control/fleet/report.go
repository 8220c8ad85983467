package fleet

import (
	"context"
	"errors"
	"fmt"

	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// maxEvents bounds the events that one transaction stores. It is no more than
// what a transaction drops of the oldest.
const maxEvents = 16

// storeReport stores a report, in parts where it has many events, and
// acknowledges its events as they are stored. Its error is what the session has
// to end with, so that the agent reports it all again in the next.
func (f *Fleet) storeReport(ctx context.Context, r *report) error {
	for owner, ack := range r.acks {
		if ack.GetOutcome() == agentv1.Outcome_OUTCOME_DELETED {
			delete(r.acks, owner)
			err := f.commitReport(ctx, r, func(tx *store.Tx) error { return f.storeDeletion(tx, r.session.cluster, ack) })
			if err != nil && !errors.Is(err, store.ErrTooLarge) {
				return err
			}
		}
	}
	if r.status == nil && len(r.acks) == 0 && len(r.events) == 0 {
		return nil
	}
	events := r.events
	for {
		r.events, events = events[:min(maxEvents, len(events))], events[min(maxEvents, len(events)):]
		if r.size() > maxReport {
			r.shorten() // the client of etcd does not even send it
		}
		observe := func(tx *store.Tx) error { return f.storeObservation(tx, r) }
		err := f.commitReport(ctx, r, observe)
		if errors.Is(err, store.ErrTooLarge) {
			r.shorten()
			err = f.commitReport(ctx, r, observe)
		}
		if err != nil && !errors.Is(err, store.ErrTooLarge) {
			return err
		}
		for _, event := range r.events {
			r.session.enqueue(&agentv1.ConnectResponse{Message: &agentv1.ConnectResponse_EventAck{EventAck: &agentv1.EventAck{Id: event.GetId()}}})
		}
		if len(events) == 0 {
			return nil
		}
		r.status, r.acks = nil, nil
	}
}

// commitReport commits what a report leads to while its session is the newest of
// its cluster. Its error is what the session has to end with, or store.ErrTooLarge.
//
// Most acknowledgements lead to nothing, and then no question is put to etcd: the
// snapshot that this is decided on contains all that other sessions of the
// cluster stored, as they could until the epoch and no longer, and all that this
// one did. Nobody else stores what agents report. The resource may be newer in
// etcd; then the report is of what it was before.
func (f *Fleet) commitReport(ctx context.Context, r *report, change func(*store.Tx) error) error {
	s := r.session
	log := s.log.With("kind", r.ref.GetKind(), "namespace", r.ref.GetNamespace(), "name", r.ref.GetName())
	revision, err := f.Store.UpdateFrom(ctx, s.stored.Load(), func(tx *store.Tx) error {
		if err := s.requireNewest(tx); err != nil {
			return err
		}
		return change(tx)
	})
	switch {
	case err == nil:
		s.hasStored(revision)
		return nil
	case errors.Is(err, errSuperseded), errors.Is(err, errExpired):
		return err
	case errors.Is(err, store.ErrTooLarge):
		// It would be no smaller in the next session.
		log.Error("report is too large to be stored", "error", err)
		return store.ErrTooLarge
	default:
		log.Warn("report could not be stored", "error", err)
		return errUnstored
	}
}

// storeDeletion deletes the tombstone of an object that is gone, with what its
// resource says goes with it.
func (f *Fleet) storeDeletion(tx *store.Tx, cluster string, ack *agentv1.Ack) error {
	ref, owner := ack.GetRef(), ack.GetOwnerUid()
	key := resource.TombstoneKey(cluster, ref, owner)
	if f.Ownership.Tombstones.Get(tx, key) == nil {
		return nil
	}
	if claim := f.Ownership.Claims.Get(tx, resource.ClaimKey(cluster, ref)); claim != nil && claim.Value().GetOwnerUid() == owner {
		if object := f.objects[claim.Value().GetCollection()]; object != nil && object.Gone != nil {
			if err := object.Gone(tx, cluster, ref, claim.Value()); err != nil {
				return fmt.Errorf("end %s %s: %w", object.Name, claim.Value().GetKey(), err)
			}
		}
	}
	f.Ownership.Tombstones.Delete(tx, key)
	if f.Ownership.Orphans.In(tx).Get(key) != nil {
		f.Ownership.Orphans.Delete(tx, key)
	}
	return nil
}

// storeObservation has the resource that an object belongs to store what was
// reported of the object. An object without a resource, or with the mark of a
// former one, is a leftover. What was reported of an object that is being deleted
// is stored with the deletion.
func (f *Fleet) storeObservation(tx *store.Tx, r *report) error {
	// Without a condition: Store requires that the resource is the same.
	claim := f.Ownership.Claims.Peek(tx, resource.ClaimKey(r.session.cluster, r.ref)).Message()
	waits := f.storeUndeleted(tx, r, claim.GetOwnerUid())
	object := f.objects[claim.GetCollection()]
	if object == nil || object.Store == nil {
		return nil
	}
	observed := resource.Report{Cluster: r.session.cluster, Ref: r.ref, Key: claim.GetKey(), Owner: claim.GetOwnerUid()}
	if r.status.GetOwnerUid() == observed.Owner {
		observed.Status = r.status
	}
	if observed.Ack = r.acks[observed.Owner]; observed.Ack == nil {
		observed.Ack = waits
	}
	if observed.Ack.GetOutcome() == agentv1.Outcome_OUTCOME_APPLIED {
		// An orphan of this name was taken over or has gone.
		for orphan := range f.Ownership.Orphans.In(tx).Under(resource.ClaimKey(r.session.cluster, r.ref)) {
			f.Ownership.Orphans.Delete(tx, orphan.Key)
		}
	}
	for _, event := range r.events {
		if event.GetOwnerUid() == observed.Owner {
			observed.Events = append(observed.Events, event)
		}
	}
	if observed.Status == nil && observed.Ack == nil && observed.Events == nil {
		return nil
	}
	return object.Store(tx, observed)
}
