// Package secret has the secrets, which hold credentials of Kafka clusters and
// schema registries, and the mappings by which environments use them. A mapping's
// secret is a Kubernetes Secret on the environment's cluster too.
package secret

import (
	"fmt"
	"log/slog"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/resource/environment"
	"github.com/openweir/weir/control/seal"
	"github.com/openweir/weir/control/store"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Secrets is the room of secrets and their mappings.
type Secrets struct {
	// Records are by name. They hold sealed values only.
	Records *store.Collection[*cmfv1.Secret]
	// Mappings are by environment and connection secret id.
	Mappings *store.Collection[*cmfv1.EnvironmentSecretMapping]
	// references has a key for every mapping of a secret, by secret, environment and
	// connection secret id, so that a transaction can require that there is none.
	references *store.Collection[*emptypb.Empty]

	store        *store.Store
	ownership    *resource.Ownership
	watches      *resource.Watches
	environments *environment.Environments
	keys         *seal.Keys
	log          *slog.Logger

	kind        *resource.Kind[*cmfv1.Secret, *cmfv1.Secret]
	mappingKind *resource.Kind[*cmfv1.EnvironmentSecretMapping, *cmfv1.EnvironmentSecretMapping]
}

// bySecret is the index of mappings by the name of their secret.
const bySecret = "secret"

// New adds the collections to the store. The environments show what it holds of
// them from then on. Without keys, no secret can be created.
func New(
	s *store.Store, ownership *resource.Ownership, watches *resource.Watches,
	environments *environment.Environments, keys *seal.Keys, log *slog.Logger,
) *Secrets {
	c := &Secrets{
		Records: store.NewCollection[*cmfv1.Secret](s, "secrets"),
		Mappings: store.NewCollection(s, "secret-mappings", store.Index[*cmfv1.EnvironmentSecretMapping]{
			Name: bySecret,
			Values: func(_ string, m *cmfv1.EnvironmentSecretMapping) []string {
				return []string{m.GetSpec().GetSecretName()}
			},
		}),
		references:   store.NewCollection[*emptypb.Empty](s, "secret-references"),
		store:        s,
		ownership:    ownership,
		watches:      watches,
		environments: environments,
		keys:         keys,
		log:          log,
	}
	c.kind = &resource.Kind[*cmfv1.Secret, *cmfv1.Secret]{
		Related:  true,
		Noun:     "Secret",
		Name:     contract.KindSecret,
		Records:  c.Records,
		Metadata: (*cmfv1.Secret).GetMetadata,
		List:     c.list(),
		View: func(i item, _ resource.Detail) *cmfv1.Secret {
			return masked(i.Value(), c.mappedBy(i.At, i.Value().GetMetadata().GetName()))
		},
		Count: func(at store.Reader, counts *cmfv1.ResourceCounts) {
			counts.Secrets = resource.CountOf(at, c.Records)
		},
	}
	c.mappingKind = &resource.Kind[*cmfv1.EnvironmentSecretMapping, *cmfv1.EnvironmentSecretMapping]{
		Noun:      "Secret mapping",
		Name:      contract.KindSecretMapping,
		Records:   c.Mappings,
		Metadata:  (*cmfv1.EnvironmentSecretMapping).GetMetadata,
		List:      mappingList,
		View:      func(i mappingItem, _ resource.Detail) *cmfv1.EnvironmentSecretMapping { return i.Value() },
		Contained: &resource.Contained[*cmfv1.EnvironmentSecretMapping]{Drop: c.dropMapping},
		Objects:   []*resource.Object{c.kubernetesSecret()},
	}
	environments.SetSecrets(c.OfEnvironment)
	return c
}

// Room is what secrets and their mappings give to the control plane.
func (s *Secrets) Room() resource.Room {
	return resource.Room{
		Kinds: []resource.Registered{s.kind, s.mappingKind},
		Register: func(server grpc.ServiceRegistrar) {
			cmfv1.RegisterSecretServiceServer(server, &service{Secrets: s})
			cmfv1.RegisterSecretMappingServiceServer(server, &mappingService{Secrets: s})
		},
		Sealed: []resource.Sealed{resource.NewSealed(s.store, "reseal-secrets", s.Records, sealedValues, s.resealed)},
	}
}

// OfEnvironment gives what an environment maps: connection secret id to name of
// the secret.
func (s *Secrets) OfEnvironment(at store.Reader, env string) map[string]string {
	secrets := map[string]string{}
	for mapping := range s.Mappings.In(at).Under(store.Key(env)) {
		secrets[mapping.Value().GetMetadata().GetName()] = mapping.Value().GetSpec().GetSecretName()
	}
	return secrets
}

// IsMapped is true if an environment maps a connection secret id. The empty id
// needs no mapping.
func (s *Secrets) IsMapped(at store.Reader, env, id string) bool {
	return id == "" || s.Mappings.In(at).Get(store.Key(env, id)) != nil
}

// Mapped opens the secret that an environment maps a connection secret id to; nil
// if there is no id, or no mapping any more. The values must not be kept for
// longer than they are used.
func (s *Secrets) Mapped(at store.Reader, env, id string) (map[string]string, error) {
	mapping := s.Mappings.In(at).Get(store.Key(env, id))
	if id == "" || mapping == nil {
		return nil, nil
	}
	secret := s.Records.In(at).Get(store.Key(mapping.Value().GetSpec().GetSecretName()))
	if secret == nil {
		return nil, nil
	}
	return s.open(secret.Value())
}

// open gives the values of a secret.
func (s *Secrets) open(secret *cmfv1.Secret) (map[string]string, error) {
	name := secret.GetMetadata().GetName()
	data := make(map[string]string, len(secret.GetSpec().GetData()))
	for key, sealed := range secret.GetSpec().GetData() {
		value, err := s.keys.Open(place(name, key), sealed)
		if err != nil {
			return nil, fmt.Errorf("secret %s: %w", name, err)
		}
		data[key] = value
	}
	return data, nil
}

// mappedBy names the environments that map a secret, in order.
func (s *Secrets) mappedBy(at store.Reader, secret string) []string {
	var environments []string
	for mapping := range s.Mappings.In(at).By(bySecret, secret) {
		environments = append(environments, store.Segments(mapping.Key)[0])
	}
	slices.Sort(environments)
	return slices.Compact(environments)
}
