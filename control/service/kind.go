package service

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/query"
	"github.com/openweir/weir/control/query/fields"
	"github.com/openweir/weir/control/state"
	"github.com/openweir/weir/control/store"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// resource is what the kinds have in common that users create, update and
// delete by name.
type resource interface {
	proto.Message
	GetKind() string
	GetMetadata() *cmfv1.ObjectMeta
}

// kind is how one kind of resource is named, kept and shown. What sets it apart
// from others is in its functions; create, get, list, update and delete are the
// same for all.
type kind[T resource] struct {
	// noun begins messages, such as "Secret".
	noun string
	// name is the contract's, in the kind field.
	name  string
	store *store.Store
	// kept is where its records are, by scope and name.
	kept *store.Collection[T]
	// list says what its list allows.
	list *query.Kind[T]
	// view makes of a record what users see. It must not change the record.
	view func(record T) T
}

// change is what a write adds to that of the resource itself.
type change struct {
	conds []store.Cond
	ops   []store.Op
}

// and adds another change to a change.
func (c change) and(other change) change {
	return change{append(slices.Clip(c.conds), other.conds...), append(slices.Clip(c.ops), other.ops...)}
}

// in is the key of a resource in a scope, which is empty for resources that
// are in none.
func in(scope, name string) string {
	if scope == "" {
		return store.Key(name)
	}
	return store.Join(scope, name)
}

// get reads a resource or says that there is none.
func (k kind[T]) get(ctx context.Context, scope, name string) (store.Object[T], error) {
	object, err := k.kept.Get(ctx, in(scope, name))
	if errors.Is(err, store.ErrNotFound) {
		return object, apierror.NotFound("%s '%s' not found.", k.noun, name)
	}
	if err != nil {
		return object, fmt.Errorf("read %s %s: %w", k.noun, name, err)
	}
	return object, nil
}

// describe is get as users see it.
func (k kind[T]) describe(ctx context.Context, scope, name string) (T, error) {
	object, err := k.get(ctx, scope, name)
	if err != nil {
		var none T
		return none, err
	}
	return k.view(object.Value), nil
}

// create stores a new resource, which is the caller's no more. Its metadata
// that is Weir's is filled in here; spec tells what else is written with it,
// after the name is known to be free as far as this replica knows. identified
// adds what depends on the new resource's uid.
func (k kind[T]) create(ctx context.Context, scope string, created T, spec func(context.Context) (change, error), identified ...func(T) change) (T, error) {
	name := created.GetMetadata().GetName()
	return retry(ctx, k.noun+" '"+name+"'", func(ctx context.Context) (T, error) {
		var none T
		key := in(scope, name)
		if _, err := k.kept.Get(ctx, key); err == nil {
			return none, apierror.AlreadyExists("%s '%s' already exists.", k.noun, name)
		} else if !errors.Is(err, store.ErrNotFound) {
			return none, fmt.Errorf("read %s %s: %w", k.noun, name, err)
		}
		with, err := spec(ctx)
		if err != nil {
			return none, err
		}
		record := clone(created)
		metadata := record.GetMetadata()
		metadata.Uid = uuid.NewString()
		metadata.CreationTimestamp = state.Now()
		metadata.UpdateTimestamp = metadata.CreationTimestamp
		k.stamp(record)
		for _, add := range identified {
			with = with.and(add(record))
		}
		_, err = k.store.Commit(ctx,
			append([]store.Cond{k.kept.Absent(key)}, with.conds...),
			append([]store.Op{k.kept.Put(key, record)}, with.ops...))
		if err != nil {
			return none, fmt.Errorf("create %s %s: %w", k.noun, name, err)
		}
		return k.view(record), nil
	})
}

// update replaces what users may change of a resource. replace makes the new
// record of the old one; metadata that is Weir's is kept. Where nothing
// changes, nothing is written.
func (k kind[T]) update(ctx context.Context, scope, name string, metadata *cmfv1.ObjectMeta, replace func(context.Context, store.Object[T]) (T, change, error)) (T, error) {
	return retry(ctx, k.noun+" '"+name+"'", func(ctx context.Context) (T, error) {
		var none T
		before, err := k.get(ctx, scope, name)
		if err != nil {
			return none, err
		}
		if given := metadata.GetName(); given != "" && given != name {
			return none, apierror.Invalid(fmt.Sprintf("metadata.name: must equal the name in the path, '%s'", name))
		}
		after, with, err := replace(ctx, before)
		if err != nil {
			return none, err
		}
		own := before.Value.GetMetadata()
		stored := after.GetMetadata()
		stored.Name, stored.Uid, stored.CreationTimestamp, stored.UpdateTimestamp = own.GetName(), own.GetUid(), own.GetCreationTimestamp(), own.GetUpdateTimestamp()
		k.stamp(after)
		if proto.Equal(before.Value, after) {
			return k.view(before.Value), nil
		}
		stored.UpdateTimestamp = state.Now()
		_, err = k.store.Commit(ctx,
			append([]store.Cond{k.kept.Unchanged(before.Key, before.Revision)}, with.conds...),
			append([]store.Op{k.kept.Put(before.Key, after)}, with.ops...))
		if err != nil {
			return none, fmt.Errorf("update %s %s: %w", k.noun, name, err)
		}
		return k.view(after), nil
	})
}

// remove deletes a resource, if what with requires holds at that moment.
func (k kind[T]) remove(ctx context.Context, scope, name string, with func(context.Context, store.Object[T]) (change, error)) error {
	_, err := retry(ctx, k.noun+" '"+name+"'", func(ctx context.Context) (struct{}, error) {
		before, err := k.get(ctx, scope, name)
		if err != nil {
			return struct{}{}, err
		}
		also, err := with(ctx, before)
		if err != nil {
			return struct{}{}, err
		}
		_, err = k.store.Commit(ctx,
			append([]store.Cond{k.kept.Unchanged(before.Key, before.Revision)}, also.conds...),
			append([]store.Op{k.kept.Remove(before.Key)}, also.ops...))
		if err != nil {
			return struct{}{}, fmt.Errorf("delete %s %s: %w", k.noun, name, err)
		}
		return struct{}{}, nil
	})
	return err
}

// page answers a list request over the resources of a scope.
func (k kind[T]) page(ctx context.Context, scope string, request proto.Message, keep func(T) bool) (query.Page[T], error) {
	q, err := query.Parse(k.list, query.ParamsOf(request))
	if err != nil {
		return query.Page[T]{}, err
	}
	if keep != nil {
		q = q.Where(keep)
	}
	all, err := k.kept.List(ctx, scope)
	if err != nil {
		return query.Page[T]{}, fmt.Errorf("list %s: %w", k.list.Plural, err)
	}
	views := make([]T, len(all))
	for i, object := range all {
		views[i] = k.view(object.Value)
	}
	page := q.Run(views)
	page.Items = fields.ApplyAll(q.Fields, page.Items)
	return page, nil
}

// stamp writes the kind and version that the contract gives, whatever the
// client sent.
func (k kind[T]) stamp(record T) {
	message := record.ProtoReflect()
	names := message.Descriptor().Fields()
	if field := names.ByName("api_version"); field != nil {
		setString(message, field, contract.APIVersion)
	}
	if field := names.ByName("kind"); field != nil {
		setString(message, field, k.name)
	}
}

func setString(message protoreflect.Message, field protoreflect.FieldDescriptor, value string) {
	message.Set(field, protoreflect.ValueOfString(value))
}

// alone adds nothing to the creation of a resource.
func alone(context.Context) (change, error) { return change{}, nil }

// same is the view of a kind that is shown as it is kept.
func same[T resource](record T) T { return record }

// userMeta is the part of a resource's metadata that is the user's.
func userMeta(m *cmfv1.ObjectMeta) *cmfv1.ObjectMeta {
	return &cmfv1.ObjectMeta{Name: m.GetName(), Labels: m.GetLabels(), Annotations: m.GetAnnotations()}
}

// named gives an update that leaves the name out the one in its path.
func named[T resource](update T, name string) T {
	if m := update.GetMetadata(); m != nil && m.GetName() == "" {
		m.Name = name
	}
	return update
}
