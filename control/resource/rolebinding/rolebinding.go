// Package rolebinding implements the bindings of roles to principals.
package rolebinding

import (
	"context"
	"errors"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/control/access"
	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/query"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/validate"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

const kindName = "RoleBinding"

type item = resource.Item[*cmfv1.RoleBinding]

// RoleBindings is the collection of role bindings, by name.
type RoleBindings struct {
	store   *store.Store
	watches *resource.Watches
	kind    *resource.Kind[*cmfv1.RoleBinding, *cmfv1.RoleBinding]
}

// New adds the collection of role bindings to the store.
func New(s *store.Store, watches *resource.Watches) *RoleBindings {
	metadata := func(i item) *cmfv1.ObjectMeta { return i.Value().GetMetadata() }
	return &RoleBindings{store: s, watches: watches, kind: &resource.Kind[*cmfv1.RoleBinding, *cmfv1.RoleBinding]{
		Noun: "Role binding", Name: kindName,
		Records:  store.NewCollection[*cmfv1.RoleBinding](s, "role-bindings"),
		Metadata: (*cmfv1.RoleBinding).GetMetadata,
		View:     func(i item, _ resource.Detail) *cmfv1.RoleBinding { return i.Value() },
		List: &query.List[item]{
			Plural:     "role bindings",
			Name:       func(i item) string { return metadata(i).GetName() },
			UID:        func(i item) string { return metadata(i).GetUid() },
			Sort:       query.Described(metadata, query.ByTimestamp(func(i item) *timestamppb.Timestamp { return metadata(i).GetUpdateTimestamp() })),
			Filterable: true,
			Labels:     func(i item) map[string]string { return metadata(i).GetLabels() },
			Message:    query.Descriptor[*cmfv1.RoleBinding](),
		},
	}}
}

// Room is what package control registers.
func (b *RoleBindings) Room() resource.Room {
	return resource.Room{
		Kinds: []resource.Registered{b.kind},
		Register: func(server grpc.ServiceRegistrar) {
			cmfv1.RegisterRoleBindingServiceServer(server, &service{RoleBindings: b})
		},
	}
}

// Follow gives the role bindings to the authorizer, now and whenever they change,
// until the context ends.
func (b *RoleBindings) Follow(ctx context.Context, authorizer *access.Authorizer) error {
	return b.store.Follow(ctx, b.kind.Records.Scope(""), func() {
		bindings := []access.Binding{}
		for o := range b.kind.Records.In(b.store.Cached()).Under("") {
			var violations apierror.Violations
			binding := access.ParseBinding(&violations, "spec", o.Value().GetSpec())
			if err := violations.Invalid(); err != nil {
				b.store.Log().ErrorContext(ctx, "a stored role binding is invalid and has no effect", "name", o.Key, "error", err)
				continue
			}
			bindings = append(bindings, binding)
		}
		authorizer.SetStored(bindings)
	})
}

// Of returns the bindings that name a principal. The transaction is committed only if no
// binding is changed by then.
func (b *RoleBindings) Of(tx *store.Tx, principal string) []access.Binding {
	b.kind.Records.RequireNoneSince(tx, "", tx.Revision())
	var of []access.Binding
	for o := range b.kind.Records.In(tx).Under("") {
		if o.Value().GetSpec().GetPrincipal() == principal {
			of = append(of, stored(o.Value()))
		}
	}
	return of
}

// check returns the binding that a valid resource describes.
func check(binding *cmfv1.RoleBinding) (access.Binding, error) {
	var v apierror.Violations
	validate.ObjectName(&v, "metadata.name", binding.GetMetadata().GetName())
	validate.Kind(&v, binding.GetKind(), kindName)
	validate.ObjectMetadata(&v, binding.GetMetadata())
	parsed := access.ParseBinding(&v, "spec", binding.GetSpec())
	return parsed, v.Invalid()
}

// userPart is a copy of the fields of a binding that users write.
func userPart(binding *cmfv1.RoleBinding) *cmfv1.RoleBinding {
	return &cmfv1.RoleBinding{Metadata: resource.UserMetadata(binding.GetMetadata()), Spec: proto.CloneOf(binding.GetSpec())}
}

// stored is the binding of a record, which was valid when it was stored.
func stored(record *cmfv1.RoleBinding) access.Binding {
	var v apierror.Violations
	return access.ParseBinding(&v, "spec", record.GetSpec())
}

// visible is the condition of what a caller may see.
func visible(ctx context.Context) (func(item) bool, error) {
	permissions := access.PermissionsOf(ctx)
	if permissions == nil {
		return nil, errors.New("list role bindings: the context has no permissions")
	}
	return func(i item) bool { return permissions.MaySee(stored(i.Value())) }, nil
}
