package agentidentity

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/seal"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/validate"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Identities is the room of what identifies agents.
type Identities struct {
	Authorities *Authorities
	Bans        *Bans
}

// New adds the collections to the store. lifetime is that of the certificates of
// agents.
func New(s *store.Store, keys *seal.Keys, lifetime time.Duration) *Identities {
	return &Identities{
		Authorities: &Authorities{
			records: store.NewCollection[*storev1.AgentAuthorityRecord](s, "agent-authorities"),
			store:   s, keys: keys, lifetime: lifetime,
		},
		Bans: &Bans{records: store.NewCollection[*cmfv1.AgentBan](s, "agent-bans")},
	}
}

// Room is what the package gives to the control plane.
func (i *Identities) Room() resource.Room {
	return resource.Room{
		Register: func(server grpc.ServiceRegistrar) {
			cmfv1.RegisterAgentIdentityServiceServer(server, &service{Identities: i})
		},
		Sealed: []resource.Sealed{
			resource.NewSealed(i.Authorities.store, "reseal-agent-authorities", i.Authorities.records, sealedValues, i.Authorities.resealed),
		},
	}
}

type service struct {
	cmfv1.UnimplementedAgentIdentityServiceServer
	*Identities
}

// subject is what a ban is about, as AgentBan and LiftAgentBanRequest say.
type subject interface {
	GetKubernetesClusterName() string
	GetSerialNumber() string
}

func keyOf(s subject) string {
	if s.GetSerialNumber() != "" {
		return certificateKey(s.GetSerialNumber())
	}
	return clusterKey(s.GetKubernetesClusterName())
}

func describe(s subject) string {
	if s.GetSerialNumber() != "" {
		return "certificate " + s.GetSerialNumber()
	}
	return "cluster '" + s.GetKubernetesClusterName() + "'"
}

func (s *service) BanAgent(ctx context.Context, req *cmfv1.BanAgentRequest) (*cmfv1.AgentBan, error) {
	if name, ok := req.GetBan().GetSubject().(*cmfv1.AgentBan_KubernetesClusterName); ok {
		var v apierror.Violations
		validate.Name(&v, "kubernetesClusterName", name.KubernetesClusterName)
		if err := v.Invalid(); err != nil {
			return nil, err
		}
	}
	ban := &cmfv1.AgentBan{Subject: req.GetBan().GetSubject(), Reason: req.GetBan().GetReason(), CreationTimestamp: resource.Now()}
	err := resource.Update(ctx, s.Authorities.store, "The ban of "+describe(ban), func(tx *store.Tx) error {
		s.Bans.records.Put(tx, keyOf(ban), ban)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return ban, nil
}

func (s *service) GetAgentBans(ctx context.Context, _ *cmfv1.GetAgentBansRequest) (*cmfv1.GetAgentBansResponse, error) {
	at, err := s.Authorities.store.View(ctx)
	if err != nil {
		return nil, err
	}
	response := &cmfv1.GetAgentBansResponse{}
	for ban := range s.Bans.records.In(at).Under("") {
		response.Bans = append(response.Bans, ban.Value())
	}
	return response, nil
}

func (s *service) LiftAgentBan(ctx context.Context, req *cmfv1.LiftAgentBanRequest) (*cmfv1.LiftAgentBanResponse, error) {
	err := resource.Update(ctx, s.Authorities.store, "The ban of "+describe(req), func(tx *store.Tx) error {
		if s.Bans.records.Get(tx, keyOf(req)) == nil {
			return apierror.NotFound("Ban of %s not found.", describe(req))
		}
		s.Bans.records.Delete(tx, keyOf(req))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &cmfv1.LiftAgentBanResponse{}, nil
}

func (s *service) RotateAgentAuthority(ctx context.Context, _ *cmfv1.RotateAgentAuthorityRequest) (*cmfv1.AgentAuthority, error) {
	created, err := s.Authorities.rotate(ctx)
	if err != nil {
		return nil, err
	}
	return view(created)
}

func (s *service) GetAgentAuthorities(ctx context.Context, _ *cmfv1.GetAgentAuthoritiesRequest) (*cmfv1.GetAgentAuthoritiesResponse, error) {
	at, err := s.Authorities.store.View(ctx)
	if err != nil {
		return nil, err
	}
	response := &cmfv1.GetAgentAuthoritiesResponse{}
	for record := range s.Authorities.records.In(at).Under("") {
		if retired := record.Value().GetRetired(); retired != nil && !time.Now().Before(retired.AsTime()) {
			continue
		}
		authority, err := view(record.Value())
		if err != nil {
			return nil, err
		}
		response.Authorities = append(response.Authorities, authority)
	}
	return response, nil
}

func view(record *storev1.AgentAuthorityRecord) (*cmfv1.AgentAuthority, error) {
	expires := record.GetRetired()
	if expires == nil {
		certificate, err := x509.ParseCertificate(record.GetCertificate())
		if err != nil {
			return nil, err
		}
		expires = timestamppb.New(certificate.NotAfter)
	}
	return &cmfv1.AgentAuthority{
		Certificate:       string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: record.GetCertificate()})),
		CreationTimestamp: record.GetCreated(), ExpirationTimestamp: expires,
	}, nil
}
