// Package agenttoken has the tokens that agents join with. A token is good for one
// cluster, once, and until it expires.
package agenttoken

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/query"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/validate"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// defaultLifetime is how long a token can be used if its creator does not say.
const defaultLifetime = time.Hour

type item = resource.Item[*storev1.AgentTokenRecord]

// Tokens is the collection of join tokens, by name.
type Tokens struct {
	store   *store.Store
	watches *resource.Watches
	kind    *resource.Kind[*storev1.AgentTokenRecord, *cmfv1.AgentToken]
	// ready makes sure that what is issued for a token can be issued.
	ready func(context.Context) error
}

// New adds the collection to the store.
func New(s *store.Store, watches *resource.Watches, ready func(context.Context) error) *Tokens {
	t := &Tokens{store: s, watches: watches, ready: ready}
	metadata := func(i item) *cmfv1.ObjectMeta { return i.Value().GetToken().GetMetadata() }
	t.kind = &resource.Kind[*storev1.AgentTokenRecord, *cmfv1.AgentToken]{
		Noun: "Agent token", Name: contract.KindAgentToken,
		Records:  store.NewCollection[*storev1.AgentTokenRecord](s, "agent-tokens"),
		Metadata: func(r *storev1.AgentTokenRecord) *cmfv1.ObjectMeta { return r.GetToken().GetMetadata() },
		View:     func(i item, _ resource.Detail) *cmfv1.AgentToken { return i.Value().GetToken() },
		List: &query.List[item]{
			Plural:     "agent tokens",
			Name:       func(i item) string { return metadata(i).GetName() },
			UID:        func(i item) string { return metadata(i).GetUid() },
			Sort:       query.Described(metadata, nil),
			Filterable: true,
			Labels:     func(i item) map[string]string { return metadata(i).GetLabels() },
			Message:    query.Descriptor[*cmfv1.AgentToken](),
		},
	}
	return t
}

// Room is what package control registers.
func (t *Tokens) Room() resource.Room {
	return resource.Room{
		Kinds: []resource.Registered{t.kind},
		Register: func(server grpc.ServiceRegistrar) {
			cmfv1.RegisterAgentTokenServiceServer(server, &service{Tokens: t})
		},
	}
}

// reuse is how long a token can be used again for the same key, so that a response
// which is lost does not cost the token.
const reuse = 5 * time.Minute

// Use uses a token up for the agent of a cluster, by the SHA-256 of the public key
// that it wants certified. It succeeds again for the same key within the time of reuse.
// allowed adds further conditions; it is given when the token was used first, which is
// now unless it is used again.
func (t *Tokens) Use(ctx context.Context, token, cluster string, publicKey [sha256.Size]byte, allowed func(tx *store.Tx, used time.Time) error) error {
	name, secret, _ := strings.Cut(token, ":")
	digest := sha256.Sum256([]byte(secret))
	_, err := t.store.Update(ctx, func(tx *store.Tx) error {
		if name == "" {
			return errUnknown
		}
		record := t.kind.Records.Get(tx, store.Key(name))
		if record == nil || subtle.ConstantTimeCompare(record.Value().GetSecretHash(), digest[:]) != 1 {
			return errUnknown
		}
		before, now := record.Value(), time.Now()
		used := now
		if first := before.GetToken().GetStatus().GetUsedTimestamp(); first != nil {
			used = first.AsTime()
		}
		if err := allowed(tx, used); err != nil {
			return err
		}
		if bound := before.GetToken().GetSpec().GetKubernetesClusterName(); bound != cluster {
			return status.Errorf(codes.PermissionDenied, "the join token is for cluster %q, not for %q", bound, cluster)
		}
		if !now.Before(before.GetToken().GetStatus().GetExpirationTimestamp().AsTime()) {
			return status.Error(codes.Unauthenticated, "the join token has expired")
		}
		if key := before.GetPublicKeyHash(); len(key) > 0 {
			if subtle.ConstantTimeCompare(key, publicKey[:]) != 1 || now.Sub(used) > reuse {
				return status.Error(codes.Unauthenticated, "the join token was used already")
			}
			return nil
		}
		after := proto.CloneOf(before)
		after.PublicKeyHash = publicKey[:]
		after.Token.Status.UsedTimestamp = resource.Now()
		t.kind.Records.Put(tx, record.Key, after)
		return nil
	})
	if errors.Is(err, store.ErrConflict) {
		return apierror.Conflict("The join token is being used concurrently. Try again.")
	}
	return err
}

var errUnknown = status.Error(codes.Unauthenticated, "the join token is unknown")

func check(token *cmfv1.AgentToken) error {
	var v apierror.Violations
	validate.Name(&v, "metadata.name", token.GetMetadata().GetName())
	validate.Kind(&v, token.GetKind(), contract.KindAgentToken)
	validate.ObjectMetadata(&v, token.GetMetadata())
	validate.Name(&v, "spec.kubernetesClusterName", token.GetSpec().GetKubernetesClusterName())
	return v.Invalid()
}

type service struct {
	cmfv1.UnimplementedAgentTokenServiceServer
	*Tokens
}

func (s *service) CreateAgentToken(ctx context.Context, req *cmfv1.CreateAgentTokenRequest) (*cmfv1.AgentToken, error) {
	given := req.GetToken()
	if err := check(given); err != nil {
		return nil, err
	}
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	lifetime := defaultLifetime
	if given.GetSpec().GetLifetime() != nil {
		lifetime = given.GetSpec().GetLifetime().AsDuration()
	}
	secret := rand.Text()
	digest := sha256.Sum256([]byte(secret))
	created, err := s.kind.Create(ctx, s.store, "", &storev1.AgentTokenRecord{
		Token: &cmfv1.AgentToken{
			ApiVersion: contract.APIVersion, Kind: contract.KindAgentToken,
			Metadata: resource.UserMetadata(given.GetMetadata()), Spec: proto.CloneOf(given.GetSpec()),
			Status: &cmfv1.AgentTokenStatus{ExpirationTimestamp: timestamppb.New(time.Now().Add(lifetime).Truncate(time.Millisecond))},
		},
		SecretHash: digest[:],
	}, nil)
	if err != nil {
		return nil, err
	}
	created = proto.CloneOf(created)
	created.Status.Token = created.GetMetadata().GetName() + ":" + secret
	return created, nil
}

func (s *service) ListAgentTokens(ctx context.Context, req *cmfv1.ListAgentTokensRequest) (*cmfv1.AgentTokensPage, error) {
	return resource.List[cmfv1.AgentTokensPage](ctx, s.store, s.kind, nil, req, resource.Detail{}, nil)
}

func (s *service) WatchAgentTokens(req *cmfv1.WatchAgentTokensRequest, stream grpc.ServerStreamingServer[cmfv1.WatchAgentTokensResponse]) error {
	return resource.Watch(s.watches, s.store, s.kind, stream, nil, req, nil)
}

func (s *service) GetAgentToken(ctx context.Context, req *cmfv1.GetAgentTokenRequest) (*cmfv1.AgentToken, error) {
	return s.kind.Get(ctx, s.store, nil, req.GetTokenName(), resource.Detail{})
}

func (s *service) DeleteAgentToken(ctx context.Context, req *cmfv1.DeleteAgentTokenRequest) (*cmfv1.DeleteAgentTokenResponse, error) {
	if err := s.kind.Delete(ctx, s.store, "", req.GetTokenName(), req.GetResourceVersion(), nil); err != nil {
		return nil, err
	}
	return &cmfv1.DeleteAgentTokenResponse{}, nil
}
