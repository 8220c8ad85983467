package fleet

import (
	"context"
	"errors"
	"fmt"

	"github.com/openweir/weir/control/recovery"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// maxEvents bounds the events that one transaction stores. It is no more than
// what a transaction drops of the oldest.
const maxEvents = 16

// storeReport stores a report, in parts where it has many events, and
// acknowledges its events as they are stored. Its error is store.ErrNoSpace,
// store.ErrUnavailable or store.ErrConflict, and then the report has what is still
// to be stored; or what the session has to end with, so that the agent reports it
// all again in the next.
func (f *Fleet) storeReport(ctx context.Context, r *report) error {
	for owner, ack := range r.acks {
		if ack.GetOutcome() == agentv1.Outcome_OUTCOME_DELETED {
			err := f.commitReport(ctx, r, func(tx *store.Tx) error { return f.storeDeletion(tx, r.session.cluster, ack) })
			if err != nil && !errors.Is(err, errUnstorable) {
				return err
			}
			delete(r.acks, owner)
		}
	}
	if r.status == nil && len(r.acks) == 0 && len(r.events) == 0 {
		return nil
	}
	for {
		part := &report{session: r.session, ref: r.ref, status: r.status, acks: r.acks, events: r.events[:min(maxEvents, len(r.events))]}
		if part.size() > maxReport {
			part.shorten() // the client of etcd does not even send it
		}
		observe := func(tx *store.Tx) error { return f.storeObservation(tx, part) }
		err := f.commitReport(ctx, part, observe)
		if errors.Is(err, store.ErrTooLarge) {
			part.shorten()
			err = f.commitReport(ctx, part, observe)
			if errors.Is(err, store.ErrTooLarge) {
				r.session.log.Error("report is too large to be stored", "kind", r.ref.GetKind(), "namespace", r.ref.GetNamespace(), "name", r.ref.GetName(), "error", err)
			}
		}
		if err != nil && !errors.Is(err, errUnstorable) {
			return err
		}
		for _, event := range part.events {
			r.session.enqueue(&agentv1.ConnectResponse{Message: &agentv1.ConnectResponse_EventAck{EventAck: &agentv1.EventAck{Id: event.GetId()}}})
		}
		r.status, r.acks, r.events = nil, map[string]*agentv1.Ack{}, r.events[len(part.events):]
		if len(r.events) == 0 {
			return nil
		}
	}
}

// errUnstorable says that a report cannot be stored, in this session or another:
// it is too large, or is not what the control plane understands.
var errUnstorable = errors.New("the report cannot be stored")

// commitReport commits what a report leads to while its session is the newest of
// its cluster. Its error is errUnstorable, store.ErrNoSpace, store.ErrUnavailable or
// store.ErrConflict, or what the session has to end with.
//
// Most acknowledgements lead to nothing, and then no question is put to etcd: the
// snapshot that this is decided on contains all that other sessions of the
// cluster stored, as they could until the epoch and no longer, and all that this
// one did. Nobody else stores what agents report. The resource may be newer in
// etcd; then the report is of what it was before.
func (f *Fleet) commitReport(ctx context.Context, r *report, change func(*store.Tx) error) error {
	s := r.session
	log := s.log.With("kind", r.ref.GetKind(), "namespace", r.ref.GetNamespace(), "name", r.ref.GetName())
	revision, err := f.Store.UpdateFrom(ctx, s.stored.Load(), func(tx *store.Tx) (err error) {
		defer recovery.ToError(&err)
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
	case errors.Is(err, store.ErrNoSpace), errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrConflict), ctx.Err() != nil:
		return err
	default:
		// Neither could it be in the next session.
		if !errors.Is(err, store.ErrTooLarge) { // which the caller may shorten
			log.Error("report cannot be stored", "error", err)
		}
		return fmt.Errorf("%w: %w", errUnstorable, err)
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
		if object := f.Registry.Object(claim.Value().GetCollection()); object != nil && object.Gone != nil {
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
	object := f.Registry.Object(claim.GetCollection())
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
