package authentication

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/openweir/weir/control/access"
)

// scheme is that of the URI SANs that say what a certificate of Weir is for:
// weir://user/<name>, weir://gateway/<name>, weir://cluster/<name>.
const scheme = "weir"

// authority verifies client certificates. Its file is read again for each
// certificate that is not known, so that it can be replaced while Weir runs.
type authority struct{ file string }

func newAuthority(file string) (*authority, error) {
	if _, err := readCAs(file); err != nil {
		return nil, err
	}
	return &authority{file}, nil
}

// verify checks the first certificate of a chain; the others may be intermediate ones.
func (a *authority) verify(chain []*x509.Certificate, now time.Time) error {
	roots, err := readCAs(a.file)
	if err != nil {
		return err
	}
	options := x509.VerifyOptions{
		Roots: roots, Intermediates: x509.NewCertPool(), CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, intermediate := range chain[1:] {
		options.Intermediates.AddCert(intermediate)
	}
	if _, err := chain[0].Verify(options); err != nil {
		return fmt.Errorf("verify the certificate of %q: %w", chain[0].Subject, err)
	}
	return nil
}

func readCAs(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s does not contain a PEM certificate", file)
	}
	return pool, nil
}

// certificates authenticates users by their certificates.
type certificates struct {
	authority *authority
	rules     rules
}

func newCertificates(config CertificatesConfig) (*certificates, error) {
	authority, err := newAuthority(config.CAFile)
	if err != nil {
		return nil, fmt.Errorf("caFile: %w", err)
	}
	rules, err := parseRules(config.Rules)
	if err != nil {
		return nil, fmt.Errorf("rules: %w", err)
	}
	return &certificates{authority, rules}, nil
}

// verify returns the user of a certificate.
func (c *certificates) verify(chain []*x509.Certificate) (*access.Principal, error) {
	if err := c.authority.verify(chain, time.Now()); err != nil {
		return nil, err
	}
	name, err := c.user(chain[0])
	if err != nil {
		return nil, err
	}
	principal, err := access.User(name)
	if err != nil {
		return nil, err
	}
	return &access.Principal{Name: principal, Expires: chain[0].NotAfter}, nil
}

// user is the name in a certificate: that in the SAN weir://user/<name>, or what the
// rules make of the subject. A certificate for something else, such as an agent,
// names no user.
func (c *certificates) user(certificate *x509.Certificate) (string, error) {
	var names []string
	for _, uri := range certificate.URIs {
		if uri.Scheme != scheme {
			continue
		}
		name, ok := nameIn(uri, "user")
		if !ok {
			return "", fmt.Errorf("the certificate is for %s", uri)
		}
		names = append(names, name)
	}
	switch len(names) {
	case 0:
		return c.rules.apply(certificate)
	case 1:
		return names[0], nil
	}
	return "", errors.New("the certificate names more than one user")
}

// isGateway is true for a certificate with a SAN weir://gateway/<name>.
func isGateway(certificate *x509.Certificate) bool {
	for _, uri := range certificate.URIs {
		if _, ok := nameIn(uri, "gateway"); ok {
			return true
		}
	}
	return false
}

// nameIn is the name in a URI weir://<kind>/<name>.
func nameIn(uri *url.URL, kind string) (string, bool) {
	name, ok := strings.CutPrefix(uri.Path, "/")
	return name, ok && name != "" && uri.Scheme == scheme && uri.Host == kind && uri.User == nil && uri.RawQuery == "" && uri.Fragment == ""
}

// subject is the distinguished name of a certificate as RFC 2253 writes it, in the
// order that the certificate has.
func subject(certificate *x509.Certificate) (string, error) {
	var names pkix.RDNSequence
	if rest, err := asn1.Unmarshal(certificate.RawSubject, &names); err != nil || len(rest) > 0 {
		return "", errors.New("the subject of the certificate cannot be read")
	}
	return names.String(), nil
}
