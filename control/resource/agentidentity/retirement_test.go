package agentidentity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"testing"
	"time"
)

// The lifetime of certificates is a flag, which can be lower at the next start.
func TestAnAuthorityIsTrustedAsLongAsWhatItHasSigned(t *testing.T) {
	for _, test := range []struct {
		name               string
		first, then, after time.Duration
	}{
		{"shorter at the rotation", 48 * time.Hour, time.Hour, time.Hour},
		{"longer in between", time.Hour, 48 * time.Hour, time.Hour},
		{"the same", time.Hour, time.Hour, time.Hour},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := started(t, newKeys(t), test.first)
			authorities := s.Authorities
			if err := authorities.Ensure(t.Context()); err != nil {
				t.Fatal(err)
			}
			var last time.Time
			for _, lifetime := range []time.Duration{test.first, test.then} {
				authorities.lifetime = lifetime
				if expires := issue(t, authorities).NotAfter; expires.After(last) {
					last = expires
				}
			}
			authorities.lifetime = test.after
			if _, err := authorities.rotate(t.Context()); err != nil {
				t.Fatal(err)
			}
			for record := range authorities.records.In(s.view(t)).Under("") {
				if retired := record.Value().GetRetired(); retired != nil && retired.AsTime().Before(last) {
					t.Errorf("the authority is retired at %s, before its last certificate expires at %s", retired.AsTime(), last)
				}
			}
		})
	}
}

func issue(t *testing.T, authorities *Authorities) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	encoded, _, err := authorities.Issue(t.Context(), "cluster-a", key.Public())
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(encoded)
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}
