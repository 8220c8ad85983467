package resource

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/audit"
	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/store"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Update commits what change writes, as the store does. what names the resource
// in the error for a conflict that does not end.
func Update(ctx context.Context, s *store.Store, what string, change func(*store.Tx) error) error {
	_, err := update(ctx, s, what, change)
	return err
}

func update(ctx context.Context, s *store.Store, what string, change func(*store.Tx) error) (revision int64, err error) {
	revision, err = s.Update(ctx, change)
	if errors.Is(err, store.ErrConflict) {
		return 0, apierror.Conflict("%s is being changed concurrently. Try again.", what)
	}
	if _, known := errors.AsType[*apierror.Error](err); known || err == nil {
		return revision, err
	}
	return 0, fmt.Errorf("change %s: %w", what, err)
}

// Create stores a new resource. Its uid and timestamps, kind and version are
// filled in; with then checks and completes it and writes what goes with it.
func (k *Kind[R, V]) Create(ctx context.Context, s *store.Store, path string, record R, with func(tx *store.Tx, record R) error) (V, error) {
	var view V
	name := k.Metadata(record).GetName()
	err := Return(ctx, s, k.what(name), func(tx *store.Tx) (int64, error) {
		key := Key(path, name)
		if k.Records.Get(tx, key) != nil {
			return 0, apierror.AlreadyExists("%s '%s' already exists.", k.Noun, name)
		}
		audit.NoteAbsent(ctx)
		created := proto.CloneOf(record)
		metadata := k.Metadata(created)
		metadata.Uid = uuid.NewString()
		metadata.CreationTimestamp = Now()
		metadata.UpdateTimestamp = metadata.CreationTimestamp
		k.stamp(created)
		if with != nil {
			if err := with(tx, created); err != nil {
				return 0, err
			}
		}
		k.Records.Put(tx, key, created)
		at, err := k.related(ctx, s, tx)
		if err != nil {
			return 0, err
		}
		view = k.View(Item[R]{Object: store.NewObject(key, created), At: at}, Detail{Single: true})
		return 0, nil
	})
	return view, err
}

// Update replaces what users may change of a resource, if it has the version that
// the request requires; see CheckVersion. given is the metadata in the request. replace makes the new record of the one before, which it must not
// change, and writes what goes with it; metadata that is Weir's is kept. Where
// the record does not change, nothing is written.
func (k *Kind[R, V]) Update(ctx context.Context, s *store.Store, path, name, version string, given *cmfv1.ObjectMeta, replace func(tx *store.Tx, before Item[R]) (R, error)) (V, error) {
	var view V
	err := Return(ctx, s, k.what(name), func(tx *store.Tx) (int64, error) {
		before, err := k.Require(tx, path, name)
		if err != nil {
			return 0, err
		}
		k.NoteBefore(ctx, before)
		if err := CheckVersion(version, k.what(name), before.Revision); err != nil {
			return 0, err
		}
		if n := given.GetName(); n != "" && n != name {
			return 0, apierror.Invalid(fmt.Sprintf("metadata.name: must equal the name in the path, '%s'", name))
		}
		after, err := replace(tx, before)
		if err != nil {
			return 0, err
		}
		own, stored := k.Metadata(before.Value()), k.Metadata(after)
		stored.Name, stored.Uid = own.GetName(), own.GetUid()
		stored.CreationTimestamp, stored.UpdateTimestamp = own.GetCreationTimestamp(), own.GetUpdateTimestamp()
		k.stamp(after)
		if before.At, err = k.related(ctx, s, tx); err != nil {
			return 0, err
		}
		if proto.Equal(before.Value(), after) {
			tx.Discard()
			view = k.View(before, Detail{Single: true})
			return before.Revision, nil
		}
		stored.UpdateTimestamp = Now()
		k.Records.Put(tx, before.Key, after)
		changed := before
		// Its revision is not known yet, only that everything read here is older.
		changed.Object = store.NewObject(before.Key, after)
		changed.Revision, changed.CreateRevision = tx.Revision()+1, before.CreateRevision
		view = k.View(changed, Detail{Single: true})
		return 0, nil
	})
	return view, err
}

// NoteBefore notes for the audit log what a transaction that changes or deletes a
// resource has found.
func (k *Kind[R, V]) NoteBefore(ctx context.Context, before Item[R]) {
	audit.NoteBefore(ctx, func() proto.Message { return k.View(before, Detail{Single: true}) })
}

// NoteFound is NoteBefore for the record of a resource, which is nil if there is none.
func (k *Kind[R, V]) NoteFound(ctx context.Context, tx *store.Tx, found *store.Object[R]) {
	if found == nil {
		audit.NoteAbsent(ctx)
		return
	}
	k.NoteBefore(ctx, k.ItemOf(tx, found))
}

// related is where the view of a written resource finds those of other kinds.
func (k *Kind[R, V]) related(ctx context.Context, s *store.Store, tx *store.Tx) (store.Reader, error) {
	if !k.Related {
		return tx, nil
	}
	return s.View(ctx)
}

// Delete deletes a resource, if it has the version that the request requires; see
// CheckVersion. with checks that it can go, and writes what goes with it.
func (k *Kind[R, V]) Delete(ctx context.Context, s *store.Store, path, name, version string, with func(tx *store.Tx, before Item[R]) error) error {
	return Update(ctx, s, k.what(name), func(tx *store.Tx) error {
		before, err := k.Require(tx, path, name)
		if err != nil {
			return err
		}
		k.NoteBefore(ctx, before)
		if err := CheckVersion(version, k.what(name), before.Revision); err != nil {
			return err
		}
		if with != nil {
			if err := with(tx, before); err != nil {
				return err
			}
		}
		k.Records.Delete(tx, before.Key)
		return nil
	})
}

// what names a resource in messages.
func (k *Kind[R, V]) what(name string) string { return k.Noun + " '" + name + "'" }

// stamp writes the kind and version that the contract gives, whatever the
// client sent.
func (k *Kind[R, V]) stamp(record R) {
	message := record.ProtoReflect()
	names := message.Descriptor().Fields()
	if field := names.ByName("api_version"); field != nil {
		message.Set(field, protoreflect.ValueOfString(contract.APIVersion))
	}
	if field := names.ByName("kind"); field != nil {
		message.Set(field, protoreflect.ValueOfString(k.Name))
	}
}
