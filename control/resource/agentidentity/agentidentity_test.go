package agentidentity

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/seal"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/store/storetest"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/internal/await"
)

func newKeys(t *testing.T) *seal.Keys {
	t.Helper()
	keyset, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := seal.Parse(keyset)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func started(t *testing.T, keys *seal.Keys, lifetime time.Duration) *service {
	t.Helper()
	s := store.New(storetest.Etcd(t), "/weir", slog.New(slog.DiscardHandler))
	identities := New(s, keys, lifetime)
	storetest.Start(t, s)
	return &service{Identities: identities}
}

func (s *service) view(t *testing.T) *store.Snapshot {
	t.Helper()
	at, err := s.Authorities.store.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// issue signs a certificate for the agent of a cluster.
func (s *service) issue(t *testing.T, cluster string) (*x509.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	encoded, serial, err := s.Authorities.Issue(t.Context(), cluster, key.Public())
	if err != nil {
		t.Fatal(err)
	}
	block, rest := pem.Decode(encoded)
	if block == nil || len(rest) > 0 || block.Type != "CERTIFICATE" {
		t.Fatalf("the certificate is %s", encoded)
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if !key.PublicKey.Equal(certificate.PublicKey) {
		t.Error("the certificate is of another key")
	}
	return certificate, serial
}

// signer returns the index of the trusted authority that has signed a certificate; -1 if
// none has.
func (s *service) signer(t *testing.T, certificate *x509.Certificate) int {
	t.Helper()
	return slices.IndexFunc(s.Authorities.Trusted(s.view(t)), func(authority *x509.Certificate) bool {
		return certificate.CheckSignatureFrom(authority) == nil
	})
}

func TestCertificatesOfAgents(t *testing.T) {
	s := started(t, newKeys(t), time.Hour)
	if err := s.Authorities.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := time.Now()
	certificate, serial := s.issue(t, "edge")
	trusted := s.Authorities.Trusted(s.view(t))
	if len(trusted) != 1 {
		t.Fatalf("%d authorities are trusted", len(trusted))
	}
	roots := x509.NewCertPool()
	roots.AddCert(trusted[0])
	if _, err := certificate.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		t.Error(err)
	}
	if _, err := certificate.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}); err == nil {
		t.Error("the certificate is good for servers")
	}
	if len(certificate.URIs) != 1 || certificate.URIs[0].String() != "weir://cluster/edge" || certificate.IsCA {
		t.Errorf("the certificate is for %v, CA: %t", certificate.URIs, certificate.IsCA)
	}
	if certificate.SerialNumber.Text(16) != serial {
		t.Errorf("the serial number is %s, not %s", certificate.SerialNumber.Text(16), serial)
	}
	// Certificates have seconds.
	if left := certificate.NotAfter.Sub(before); left > time.Hour+time.Minute || left < time.Hour-time.Second {
		t.Errorf("the certificate is valid for %s", left)
	}
	if issued := s.Authorities.Issued(certificate); issued.Before(before.Truncate(time.Second)) || issued.After(time.Now()) {
		t.Errorf("it was issued at %s, not after %s", issued, before)
	}
	if other, _ := s.issue(t, "edge"); other.SerialNumber.Cmp(certificate.SerialNumber) == 0 {
		t.Error("two certificates have the same serial number")
	}
}

func TestTheFirstAuthorityIsCreatedOnce(t *testing.T) {
	s := started(t, newKeys(t), time.Hour)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if err := s.Authorities.Ensure(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := len(s.Authorities.Trusted(s.view(t))); n != 1 {
		t.Errorf("there are %d authorities", n)
	}
}

func TestAuthoritiesAreRotated(t *testing.T) {
	s := started(t, newKeys(t), time.Hour)
	if err := s.Authorities.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	old, _ := s.issue(t, "edge")
	created, err := s.RotateAgentAuthority(t.Context(), &cmfv1.RotateAgentAuthorityRequest{})
	if err != nil {
		t.Fatal(err)
	}
	renewed, _ := s.issue(t, "edge")
	if s.signer(t, old) != 0 || s.signer(t, renewed) != 1 {
		t.Errorf("the certificates are signed by authorities %d and %d", s.signer(t, old), s.signer(t, renewed))
	}
	response, err := s.GetAgentAuthorities(t.Context(), &cmfv1.GetAgentAuthoritiesRequest{})
	if err != nil || len(response.GetAuthorities()) != 2 {
		t.Fatalf("the authorities are %v, %v", response, err)
	}
	first, last := response.GetAuthorities()[0], response.GetAuthorities()[1]
	if last.GetCertificate() != created.GetCertificate() || first.GetCertificate() == last.GetCertificate() {
		t.Error("the authority that signs is not the last one")
	}
	if left := time.Until(first.GetExpirationTimestamp().AsTime()); left > time.Hour || left < time.Hour-time.Minute {
		t.Errorf("the former authority is trusted for %s", left)
	}
	if left := time.Until(last.GetExpirationTimestamp().AsTime()); left < 9*365*24*time.Hour {
		t.Errorf("the authority signs for %s", left)
	}
	if !strings.HasPrefix(last.GetCertificate(), "-----BEGIN CERTIFICATE-----\n") || strings.Contains(response.String(), "PRIVATE") {
		t.Errorf("the authorities are %v", response)
	}
}

// TestRetiredAuthoritiesAreNotTrusted: those whose last certificates have expired; the
// next rotation removes them. Each rotation retires the authority before it, also if
// that is so new that the cache does not have it yet.
func TestRetiredAuthoritiesAreNotTrusted(t *testing.T) {
	s := started(t, newKeys(t), time.Nanosecond)
	if err := s.Authorities.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := s.Authorities.rotate(t.Context()); err != nil {
			t.Fatal(err)
		}
		await.Until(t, "only the last authority is trusted", func() bool { return len(s.Authorities.Trusted(s.view(t))) == 1 })
		response, err := s.GetAgentAuthorities(t.Context(), &cmfv1.GetAgentAuthoritiesRequest{})
		if err != nil || len(response.GetAuthorities()) != 1 {
			t.Errorf("the authorities are %v, %v", response, err)
		}
	}
	stored := 0
	for range s.Authorities.records.In(s.view(t)).Under("") {
		stored++
	}
	if stored != 2 {
		t.Errorf("%d authorities are stored, want the last one and the one before", stored)
	}
}

func TestAuthoritiesNeedAKeyset(t *testing.T) {
	s := started(t, nil, time.Hour)
	for name, err := range map[string]error{
		"the first": s.Authorities.Ensure(t.Context()),
		"another": func() error {
			_, err := s.RotateAgentAuthority(t.Context(), &cmfv1.RotateAgentAuthorityRequest{})
			return err
		}(),
		"a certificate": func() error {
			_, _, err := s.Authorities.Issue(t.Context(), "edge", nil)
			return err
		}(),
	} {
		if code := apierror.ToStatus(err).Code(); code != codes.FailedPrecondition {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(s.Authorities.Trusted(s.view(t))); n != 0 {
		t.Errorf("%d authorities are trusted", n)
	}
}

// TestKeysOfAuthoritiesAreSealedForTheirPlace: with another keyset, or moved to another
// record, they cannot be used.
func TestKeysOfAuthoritiesAreSealedForTheirPlace(t *testing.T) {
	keyset, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	parse := func(keyset []byte) *seal.Keys {
		keys, err := seal.Parse(keyset)
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}
	s := started(t, parse(keyset), time.Hour)
	if err := s.Authorities.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	var record *store.Object[*storev1.AgentAuthorityRecord]
	for record = range s.Authorities.records.In(s.view(t)).Under("") {
		break
	}
	for sealed := range sealedValues(record.Value()) {
		if bytes.Contains([]byte(sealed), []byte("PRIVATE")) || !strings.HasPrefix(sealed, "sealed:") {
			t.Errorf("the key is stored as %q", sealed)
		}
	}
	if _, err := s.Authorities.keys.Open(place("elsewhere"), record.Value().GetSealedKey()); err == nil {
		t.Error("the key can be opened for another record")
	}

	// Rotation of the keyset: the key is sealed again, and is the same.
	added, err := seal.Add(keyset)
	if err != nil {
		t.Fatal(err)
	}
	listed, err := seal.List(added)
	if err != nil {
		t.Fatal(err)
	}
	promoted, err := seal.Promote(added, listed[1].ID)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := s.Authorities.open(record)
	if err != nil {
		t.Fatal(err)
	}
	if same, err := s.Authorities.resealed(record.Key, record.Value()); err != nil || same != record.Value() {
		t.Errorf("a current key is sealed again: %v", err)
	}
	s.Authorities.keys = parse(promoted)
	after, err := s.Authorities.resealed(record.Key, record.Value())
	if err != nil || after.GetSealedKey() == record.Value().GetSealedKey() || !s.Authorities.keys.Current(after.GetSealedKey()) {
		t.Fatalf("the key is not sealed again: %v", err)
	}
	again, err := s.Authorities.open(store.NewObject(record.Key, after))
	if err != nil || !signer.Public().(*ecdsa.PublicKey).Equal(again.Public()) {
		t.Errorf("the key has changed: %v", err)
	}
	s.Authorities.keys = newKeys(t)
	if same, err := s.Authorities.resealed(record.Key, record.Value()); err != nil || same != record.Value() {
		t.Errorf("a key that cannot be opened is changed: %v", err)
	}
	if _, _, err := s.Authorities.Issue(t.Context(), "edge", signer.Public()); err == nil {
		t.Error("a certificate is signed with another keyset")
	}
}

func ofCluster(name string) *cmfv1.AgentBan {
	return &cmfv1.AgentBan{Subject: &cmfv1.AgentBan_KubernetesClusterName{KubernetesClusterName: name}}
}

func ofCertificate(serial string) *cmfv1.AgentBan {
	return &cmfv1.AgentBan{Subject: &cmfv1.AgentBan_SerialNumber{SerialNumber: serial}}
}

func (s *service) ban(t *testing.T, ban *cmfv1.AgentBan) {
	t.Helper()
	if _, err := s.BanAgent(t.Context(), &cmfv1.BanAgentRequest{Ban: ban}); err != nil {
		t.Fatal(err)
	}
}

func TestBans(t *testing.T) {
	s := started(t, newKeys(t), time.Hour)
	s.ban(t, ofCluster("edge"))
	s.ban(t, &cmfv1.AgentBan{Subject: ofCluster("edge").GetSubject(), Reason: "again"})
	// As openssl prints it: an even number of digits, in capitals.
	s.ban(t, ofCertificate("00ABCDEF01"))
	at := s.view(t)
	for cluster, want := range map[string]bool{"edge": true, "edge2": false, "": false} {
		if got := s.Bans.Cluster(at, cluster); got != want {
			t.Errorf("cluster %q is banned: %t", cluster, got)
		}
	}
	for serial, want := range map[string]bool{"abcdef01": true, "ABCDEF01": true, "0abcdef01": true, "abcdef0": false, "": false, "edge": false} {
		if got := s.Bans.Certificate(at, serial); got != want {
			t.Errorf("certificate %q is banned: %t", serial, got)
		}
	}
	response, err := s.GetAgentBans(t.Context(), &cmfv1.GetAgentBansRequest{})
	if err != nil || len(response.GetBans()) != 2 {
		t.Fatalf("the bans are %v, %v", response, err)
	}
	if ban := response.GetBans()[1]; ban.GetKubernetesClusterName() != "edge" || ban.GetReason() != "again" || ban.GetCreationTimestamp() == nil {
		t.Errorf("the ban of the cluster is %v", ban)
	}
	lift := func(request *cmfv1.LiftAgentBanRequest) error {
		_, err := s.LiftAgentBan(t.Context(), request)
		return err
	}
	for _, request := range []*cmfv1.LiftAgentBanRequest{
		{Subject: &cmfv1.LiftAgentBanRequest_KubernetesClusterName{KubernetesClusterName: "edge"}},
		{Subject: &cmfv1.LiftAgentBanRequest_SerialNumber{SerialNumber: "0ABCDEF01"}},
	} {
		if err := lift(request); err != nil {
			t.Errorf("%v: %v", request, err)
		}
		if err := lift(request); apierror.ToStatus(err).Code() != codes.NotFound {
			t.Errorf("%v again: %v", request, err)
		}
	}
	if at := s.view(t); s.Bans.Cluster(at, "edge") || s.Bans.Certificate(at, "abcdef01") {
		t.Error("the bans are still there")
	}
}

func TestBansOfNamesThatNoClusterCanHaveAreRefused(t *testing.T) {
	s := started(t, newKeys(t), time.Hour)
	for name, want := range map[string]string{
		"":                       "kubernetesClusterName: must not be empty",
		"abc":                    "kubernetesClusterName: size must be between 4 and 253",
		"*":                      "kubernetesClusterName: size must be between 4 and 253",
		"Edge":                   "kubernetesClusterName: must match ",
		"edge/flink":             "kubernetesClusterName: must match ",
		strings.Repeat("a", 254): "kubernetesClusterName: size must be between 4 and 253",
	} {
		_, err := s.BanAgent(t.Context(), &cmfv1.BanAgentRequest{Ban: ofCluster(name)})
		if s := apierror.ToStatus(err); s.Code() != codes.InvalidArgument || !strings.HasPrefix(s.Message(), want) {
			t.Errorf("%q: %v, want %s", name, err, want)
		}
	}
	if response, err := s.GetAgentBans(t.Context(), &cmfv1.GetAgentBansRequest{}); err != nil || len(response.GetBans()) > 0 {
		t.Errorf("the bans are %v, %v", response, err)
	}
}

// TestRequireNone: what was begun without a ban is not committed once there is one.
func TestRequireNone(t *testing.T) {
	for name, ban := range map[string]*cmfv1.AgentBan{"of the cluster": ofCluster("edge"), "of the certificate": ofCertificate("0A")} {
		t.Run(name, func(t *testing.T) {
			s := started(t, newKeys(t), time.Hour)
			attempts := 0
			banned := status.Error(codes.PermissionDenied, "banned")
			_, err := s.Authorities.store.Update(t.Context(), func(tx *store.Tx) error {
				attempts++
				if s.Bans.Cluster(tx, "edge") || s.Bans.Certificate(tx, "a") {
					return banned
				}
				s.Bans.RequireNone(tx, "edge", "a")
				if attempts == 1 {
					// Somebody bans the agent in the meantime.
					if _, err := s.BanAgent(context.WithoutCancel(t.Context()), &cmfv1.BanAgentRequest{Ban: ban}); err != nil {
						return err
					}
				}
				s.Bans.records.Put(tx, "session", ofCluster("session"))
				return nil
			})
			if !errors.Is(err, banned) || attempts != 2 {
				t.Errorf("after %d attempts: %v", attempts, err)
			}
		})
	}
}
