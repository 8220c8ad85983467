package fleet

import (
	"crypto/x509"
	"errors"
	"time"

	"github.com/openweir/weir/control/store"
)

// allowed returns why the agent of a cluster is refused although its identity is
// valid; nil where it is not. certificate is nil for agents without one.
func (f *Fleet) allowed(at store.Reader, cluster string, certificate *x509.Certificate) error {
	switch {
	case f.Identities.Bans.Cluster(at, cluster):
		return errBanned
	case certificate == nil:
		return nil
	case f.Identities.Bans.Certificate(at, certificate.SerialNumber.Text(16)):
		return errBannedCertificate
	case !f.Identities.Authorities.Issued(certificate).After(f.Clusters.Deleted(at, cluster)):
		return errDeleted
	case !time.Now().Before(certificate.NotAfter):
		return errCertificateExpired
	}
	return nil
}

// requireAllowed is allowed in a transaction, which is committed only if it is still
// so.
func (f *Fleet) requireAllowed(tx *store.Tx, cluster string, certificate *x509.Certificate) error {
	if err := f.allowed(tx, cluster, certificate); err != nil {
		return err
	}
	serial := ""
	if certificate != nil {
		serial = certificate.SerialNumber.Text(16)
	}
	f.Identities.Bans.RequireNone(tx, cluster, serial)
	return nil
}

// bansChanged ends the sessions that a ban is about.
func (f *Fleet) bansChanged(at store.Reader, _ string) {
	for _, s := range f.Sessions.all() {
		if err := f.allowed(at, s.cluster, s.certificate); err != nil {
			s.end(err)
		}
	}
}

// untilExpiry is how long the certificate of the session is valid; false for
// sessions without one.
func (s *session) untilExpiry() (time.Duration, bool) {
	if s.certificate == nil {
		return 0, false
	}
	return time.Until(s.certificate.NotAfter), true
}

// isRefusal is true for the errors of allowed.
func isRefusal(err error) bool {
	return errors.Is(err, errBanned) || errors.Is(err, errBannedCertificate) || errors.Is(err, errDeleted) || errors.Is(err, errCertificateExpired)
}
