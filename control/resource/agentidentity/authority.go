// Package agentidentity has the certificate authorities that sign the certificates
// of agents, and the bans of clusters and certificates.
package agentidentity

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"iter"
	"math/big"
	"net/url"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/seal"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
)

const (
	// DefaultLifetime is how long the certificates of agents are valid.
	DefaultLifetime = 30 * 24 * time.Hour
	// authorityLifetime bounds how long an authority signs without a rotation.
	authorityLifetime = 10 * 365 * 24 * time.Hour
	// backdating allows for the clocks of others that are behind.
	backdating = 5 * time.Minute
)

// Authorities are the certificate authorities of the installation, in the order of
// their creation. The last one signs; the others are trusted until they are retired.
type Authorities struct {
	records  *store.Collection[*storev1.AgentAuthorityRecord]
	store    *store.Store
	keys     *seal.Keys
	lifetime time.Duration // of the certificates of agents
}

// place is what the key of an authority is sealed for.
func place(key string) string { return "agent-authorities/" + key }

// Trusted are the certificates of the authorities that have not been retired.
func (a *Authorities) Trusted(at store.Reader) []*x509.Certificate {
	var trusted []*x509.Certificate
	for record := range a.records.In(at).Under("") {
		if retired := record.Value().GetRetired(); retired != nil && !time.Now().Before(retired.AsTime()) {
			continue
		}
		if certificate, err := x509.ParseCertificate(record.Value().GetCertificate()); err == nil {
			trusted = append(trusted, certificate)
		}
	}
	return trusted
}

// Ensure creates the first authority if there is none.
func (a *Authorities) Ensure(ctx context.Context) error {
	key, record, err := a.generate()
	if err != nil {
		return err
	}
	return resource.Update(ctx, a.store, "The certificate authority of agents", func(tx *store.Tx) error {
		for range a.records.In(tx).Under("") {
			return nil
		}
		a.records.RequireEmpty(tx, "")
		a.records.Put(tx, key, record)
		return nil
	})
}

// rotate creates an authority that signs from now on. Those before it are retired
// when the last certificates that they have signed expire.
func (a *Authorities) rotate(ctx context.Context) (*storev1.AgentAuthorityRecord, error) {
	key, created, err := a.generate()
	if err != nil {
		return nil, err
	}
	err = resource.Update(ctx, a.store, "The certificate authority of agents", func(tx *store.Tx) error {
		now := time.Now()
		// One that this replica does not know yet has to be retired as well.
		a.records.RequireNoneSince(tx, "", tx.Revision())
		for record := range a.records.In(tx).Under("") {
			a.records.RequireRevision(tx, record.Key, record.Revision)
			switch retired := record.Value().GetRetired(); {
			case retired == nil:
				changed := proto.CloneOf(record.Value())
				changed.Retired = timestamppb.New(now.Add(max(a.lifetime, record.Value().GetLongestLifetime().AsDuration())))
				a.records.Put(tx, record.Key, changed)
			case retired.AsTime().Before(now):
				a.records.Delete(tx, record.Key)
			}
		}
		a.records.Put(tx, key, created)
		return nil
	})
	return created, err
}

// generate makes an authority that is not stored yet. Keys sort by time.
func (a *Authorities) generate() (string, *storev1.AgentAuthorityRecord, error) {
	now := time.Now()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", nil, fmt.Errorf("generate the key of the certificate authority: %w", err)
	}
	serial, err := newSerial()
	if err != nil {
		return "", nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "Weir agents " + now.UTC().Format(time.RFC3339)},
		NotBefore:             now.Add(-backdating),
		NotAfter:              now.Add(authorityLifetime),
		KeyUsage:              x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return "", nil, fmt.Errorf("create the certificate authority: %w", err)
	}
	plain, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", nil, fmt.Errorf("encode the key of the certificate authority: %w", err)
	}
	key := store.Key(fmt.Sprintf("%020d-%s", now.UnixNano(), serial.Text(16)))
	sealed, err := a.keys.Seal(place(key), base64.StdEncoding.EncodeToString(plain))
	if err != nil {
		return "", nil, sealingError(err)
	}
	return key, &storev1.AgentAuthorityRecord{
		Certificate: certificate, SealedKey: sealed, Created: timestamppb.New(now), LongestLifetime: durationpb.New(a.lifetime),
	}, nil
}

// sealingError is the error for a key that cannot be sealed or opened.
func sealingError(err error) error {
	if errors.Is(err, seal.ErrNoKey) {
		return apierror.InUse("Agents cannot join by token: the control plane has no keyset (--keyset), which encrypts the key of its certificate authority.")
	}
	return fmt.Errorf("key of the certificate authority: %w", err)
}

// Issue signs a certificate for the agent of a cluster, as PEM.
func (a *Authorities) Issue(ctx context.Context, cluster string, public crypto.PublicKey) (encoded []byte, serialNumber string, err error) {
	at, err := a.store.View(ctx)
	if err != nil {
		return nil, "", err
	}
	var last *store.Object[*storev1.AgentAuthorityRecord]
	for record := range a.records.In(at).Under("") {
		// A clock that is behind can make an authority that sorts before the one it retires.
		if record.Value().GetRetired() == nil {
			last = record
		}
	}
	if last == nil {
		return nil, "", apierror.InUse("No certificate authority of agents exists.")
	}
	if err := a.noteLifetime(ctx, last); err != nil {
		return nil, "", err
	}
	authority, err := x509.ParseCertificate(last.Value().GetCertificate())
	if err != nil {
		return nil, "", fmt.Errorf("parse the certificate authority: %w", err)
	}
	private, err := a.open(last)
	if err != nil {
		return nil, "", err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, "", err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "Weir agent"},
		NotBefore:    now.Add(-backdating),
		NotAfter:     now.Add(a.lifetime),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		URIs:         []*url.URL{{Scheme: "weir", Host: "cluster", Path: "/" + cluster}},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, authority, public, private)
	if err != nil {
		return nil, "", fmt.Errorf("sign the certificate of cluster %s: %w", cluster, err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}), serial.Text(16), nil
}

// noteLifetime stores the lifetime of the certificates of agents with the authority that
// is about to sign one, if that is longer than before, so that a rotation does not
// retire the authority too early, even if the lifetime is shorter by then.
func (a *Authorities) noteLifetime(ctx context.Context, authority *store.Object[*storev1.AgentAuthorityRecord]) error {
	if authority.Value().GetLongestLifetime().AsDuration() >= a.lifetime {
		return nil
	}
	return resource.Update(ctx, a.store, "The certificate authority of agents", func(tx *store.Tx) error {
		record := a.records.Get(tx, authority.Key)
		if record == nil || record.Value().GetRetired() != nil {
			return apierror.Conflict("The certificate authority of agents was rotated. Try again.")
		}
		changed := proto.CloneOf(record.Value())
		changed.LongestLifetime = durationpb.New(max(a.lifetime, changed.GetLongestLifetime().AsDuration()))
		a.records.Put(tx, authority.Key, changed)
		return nil
	})
}

func sealedValues(record *storev1.AgentAuthorityRecord) iter.Seq[string] {
	return func(yield func(string) bool) { yield(record.GetSealedKey()) }
}

// resealed is the authority with its key under the current key of the keyset.
func (a *Authorities) resealed(key string, record *storev1.AgentAuthorityRecord) (*storev1.AgentAuthorityRecord, error) {
	if a.keys.Current(record.GetSealedKey()) {
		return record, nil
	}
	private, err := a.keys.Open(place(key), record.GetSealedKey())
	if err != nil {
		// Another key is needed, which agents learn when they join or renew.
		a.store.Log().Error("certificate authority of agents cannot be opened with the configured keys", "authority", key, "error", err)
		return record, nil
	}
	after := proto.CloneOf(record)
	if after.SealedKey, err = a.keys.Seal(place(key), private); err != nil {
		return nil, err
	}
	return after, nil
}

// open returns the private key of an authority.
func (a *Authorities) open(record *store.Object[*storev1.AgentAuthorityRecord]) (crypto.Signer, error) {
	text, err := a.keys.Open(place(record.Key), record.Value().GetSealedKey())
	if err != nil {
		return nil, sealingError(err)
	}
	plain, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("decode the key of the certificate authority: %w", err)
	}
	private, err := x509.ParsePKCS8PrivateKey(plain)
	if err != nil {
		return nil, fmt.Errorf("parse the key of the certificate authority: %w", err)
	}
	signer, ok := private.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("the key of the certificate authority is a %T", private)
	}
	return signer, nil
}

// Issued is when a certificate was signed: what Issue signs is backdated.
func (a *Authorities) Issued(certificate *x509.Certificate) time.Time {
	return certificate.NotBefore.Add(backdating)
}

// newSerial is a random serial number of 128 bits.
func newSerial() (*big.Int, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 128))
	if err != nil {
		return nil, fmt.Errorf("generate a serial number: %w", err)
	}
	return serial, nil
}
