// Package machinetoken has the bearer tokens of programs. A token is a user of its own,
// until it expires or is deleted.
package machinetoken

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/control/access"
	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/query"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/resource/rolebinding"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/validate"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// defaultLifetime is how long a token can be used if its creator does not say.
const defaultLifetime = 90 * 24 * time.Hour

type item = resource.Item[*storev1.MachineTokenRecord]

// Tokens is the collection of machine tokens, by name.
type Tokens struct {
	store      *store.Store
	watches    *resource.Watches
	bindings   *rolebinding.RoleBindings
	authorizer *access.Authorizer
	kind       *resource.Kind[*storev1.MachineTokenRecord, *cmfv1.MachineToken]
	used       sync.Map // of the uid of a token that was used to its *session
}

// New adds the collection to the store.
func New(s *store.Store, watches *resource.Watches, bindings *rolebinding.RoleBindings, authorizer *access.Authorizer) *Tokens {
	t := &Tokens{store: s, watches: watches, bindings: bindings, authorizer: authorizer}
	metadata := func(i item) *cmfv1.ObjectMeta { return i.Value().GetToken().GetMetadata() }
	t.kind = &resource.Kind[*storev1.MachineTokenRecord, *cmfv1.MachineToken]{
		Noun: "Machine token", Name: contract.KindMachineToken,
		Records:  store.NewCollection[*storev1.MachineTokenRecord](s, "machine-tokens"),
		Metadata: func(r *storev1.MachineTokenRecord) *cmfv1.ObjectMeta { return r.GetToken().GetMetadata() },
		View:     func(i item, _ resource.Detail) *cmfv1.MachineToken { return i.Value().GetToken() },
		List: &query.List[item]{
			Plural:     "machine tokens",
			Name:       func(i item) string { return metadata(i).GetName() },
			UID:        func(i item) string { return metadata(i).GetUid() },
			Sort:       query.Described(metadata, nil),
			Filterable: true,
			Labels:     func(i item) map[string]string { return metadata(i).GetLabels() },
			Message:    query.Descriptor[*cmfv1.MachineToken](),
		},
	}
	return t
}

// Room is what package control registers.
func (t *Tokens) Room() resource.Room {
	return resource.Room{
		Kinds: []resource.Registered{t.kind},
		Register: func(server grpc.ServiceRegistrar) {
			cmfv1.RegisterMachineTokenServiceServer(server, &service{Tokens: t})
		},
		Duties: []func(context.Context) error{t.deleteExpired},
	}
}

func check(token *cmfv1.MachineToken) error {
	var v apierror.Violations
	validate.ObjectName(&v, "metadata.name", token.GetMetadata().GetName())
	validate.Kind(&v, token.GetKind(), contract.KindMachineToken)
	validate.ObjectMetadata(&v, token.GetMetadata())
	for i, environment := range token.GetSpec().GetEnvironments() {
		validate.Name(&v, fmt.Sprintf("spec.environments[%d]", i), environment)
	}
	return v.Invalid()
}

// digest is what is stored of a token.
func digest(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

type service struct {
	cmfv1.UnimplementedMachineTokenServiceServer
	*Tokens
}

func (s *service) CreateMachineToken(ctx context.Context, req *cmfv1.CreateMachineTokenRequest) (*cmfv1.MachineToken, error) {
	given := req.GetToken()
	if err := check(given); err != nil {
		return nil, err
	}
	lifetime := defaultLifetime
	if given.GetSpec().GetLifetime() != nil {
		lifetime = given.GetSpec().GetLifetime().AsDuration()
	}
	name := given.GetMetadata().GetName()
	token, principal := newToken(name), access.Machine(name)
	created, err := s.kind.Create(ctx, s.store, "", &storev1.MachineTokenRecord{
		Token: &cmfv1.MachineToken{
			ApiVersion: contract.APIVersion, Kind: contract.KindMachineToken,
			Metadata: resource.UserMetadata(given.GetMetadata()), Spec: proto.CloneOf(given.GetSpec()),
			Status: &cmfv1.MachineTokenStatus{
				Principal:           principal,
				ExpirationTimestamp: timestamppb.New(time.Now().Add(lifetime).Truncate(time.Millisecond)),
			},
		},
		TokenHash: digest(token),
	}, func(tx *store.Tx, _ *storev1.MachineTokenRecord) error {
		return s.requireGrants(ctx, tx, name)
	})
	if err != nil {
		return nil, err
	}
	s.catchUp(ctx)
	created = proto.CloneOf(created)
	created.Status.Token = token
	return created, nil
}

// requireGrants fails if a role is bound to the user of a token already which the caller
// may not grant: the caller would have it by the token.
func (s *service) requireGrants(ctx context.Context, tx *store.Tx, name string) error {
	permissions, principal := access.PermissionsOf(ctx), access.Machine(name)
	for _, binding := range append(s.bindings.Of(tx, principal), s.authorizer.FileBindings(principal)...) {
		if permissions == nil || !permissions.MayGrant(binding) {
			return apierror.Forbidden("%s may not create machine token '%s': there are role bindings of %s that %[1]s may not grant.",
				access.PrincipalOf(ctx).Name, name, principal)
		}
	}
	return nil
}

func (s *service) ListMachineTokens(ctx context.Context, req *cmfv1.ListMachineTokensRequest) (*cmfv1.MachineTokensPage, error) {
	return resource.List[cmfv1.MachineTokensPage](ctx, s.store, s.kind, nil, req, resource.Detail{}, nil)
}

func (s *service) WatchMachineTokens(req *cmfv1.WatchMachineTokensRequest, stream grpc.ServerStreamingServer[cmfv1.WatchMachineTokensResponse]) error {
	return resource.Watch(s.watches, s.store, s.kind, stream, nil, req, nil)
}

func (s *service) GetMachineToken(ctx context.Context, req *cmfv1.GetMachineTokenRequest) (*cmfv1.MachineToken, error) {
	return s.kind.Get(ctx, s.store, nil, req.GetMachineTokenName(), resource.Detail{})
}

func (s *service) DeleteMachineToken(ctx context.Context, req *cmfv1.DeleteMachineTokenRequest) (*cmfv1.DeleteMachineTokenResponse, error) {
	if err := s.kind.Delete(ctx, s.store, "", req.GetMachineTokenName(), req.GetResourceVersion(), nil); err != nil {
		return nil, err
	}
	s.catchUp(ctx)
	return &cmfv1.DeleteMachineTokenResponse{}, nil
}

// catchUp waits until a change is in the cache that authentication reads, so that it is
// in force here for the next request. Without etcd it is in force when etcd is back.
func (s *service) catchUp(ctx context.Context) { _, _ = s.store.View(ctx) }
