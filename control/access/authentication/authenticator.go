// Package authentication establishes who the caller of an RPC is, by a bearer token
// or a client certificate. An [Authenticator] is made of a [Config]; the rest of the
// control plane only sees its access.Authenticate.
package authentication

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"time"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/openweir/weir/control/access"
)

// ClientCertificateKey is the metadata in which a gateway passes on the certificate
// that its client has authenticated with, in DER. It counts only on a connection
// of a gateway that has authenticated with a certificate of its own.
const ClientCertificateKey = "weir-client-certificate-bin"

// Authenticator authenticates callers as its Config says.
type Authenticator struct {
	issuers      map[string]*issuer // by the claim iss
	certificates *certificates      // nil if certificates do not authenticate users
	gateways     *authority         // nil if no gateway may pass certificates on
	verified     cache
	log          *slog.Logger
}

// New returns an authenticator. It reads the files that the configuration names, but
// connects to nothing: the keys of an issuer are fetched when its first token comes.
func New(config Config, log *slog.Logger) (*Authenticator, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	a := &Authenticator{issuers: map[string]*issuer{}, log: log}
	var wrong problems
	for i, c := range config.Issuers {
		made, err := newOIDCIssuer(c, log)
		wrong.add(element("issuers", i), err)
		a.issuers[c.URL] = made
	}
	for i, c := range config.PublicKeys {
		made, err := newKeyIssuer(c)
		wrong.add(element("publicKeys", i), err)
		a.issuers[c.Issuer] = made
	}
	if c := config.Certificates; c != nil {
		made, err := newCertificates(*c)
		wrong.add("certificates", err)
		a.certificates = made
	}
	if c := config.Gateways; c != nil {
		made, err := newAuthority(c.CAFile)
		wrong.add("gateways.caFile", err)
		a.gateways = made
	}
	return a, wrong.join()
}

// Authenticate returns the caller of an RPC. A caller with a token is whom the token
// names, whatever certificate the connection has.
func (a *Authenticator) Authenticate(ctx context.Context) (*access.Principal, error) {
	principal, err := a.authenticate(ctx)
	if err == nil || errors.Is(err, access.ErrWouldWait) {
		return principal, err
	}
	return nil, access.Unauthenticated(ctx, a.log, err)
}

func (a *Authenticator) authenticate(ctx context.Context) (*access.Principal, error) {
	token, given, err := access.BearerToken(ctx)
	switch {
	case err != nil:
		return nil, err
	case given:
		return a.verify(ctx, "token", []byte(token), func() (*access.Principal, error) { return a.verifyToken(ctx, token) })
	}
	certificate, err := a.clientCertificate(ctx)
	if err != nil {
		return nil, err
	}
	return a.verify(ctx, "certificate", certificate[0].Raw, func() (*access.Principal, error) { return a.certificates.verify(certificate) })
}

// verify returns the principal of credentials, which do verifies if they are not known.
func (a *Authenticator) verify(ctx context.Context, kind string, credentials []byte, do func() (*access.Principal, error)) (*access.Principal, error) {
	return a.verified.get(kind, credentials, func() (*access.Principal, error) {
		if !access.MayVerify(ctx) {
			return nil, access.ErrNotVerified
		}
		return do()
	})
}

func (a *Authenticator) verifyToken(ctx context.Context, token string) (*access.Principal, error) {
	name, err := unverifiedIssuer(token)
	if err != nil {
		return nil, err
	}
	issuer := a.issuers[name]
	if issuer == nil {
		return nil, errors.New("the issuer of the token is not configured")
	}
	return issuer.verify(ctx, token)
}

// clientCertificate is the certificate that the caller has authenticated with, and
// the intermediate ones that came with it. It is that of the connection, or of the
// client of a gateway.
func (a *Authenticator) clientCertificate(ctx context.Context) ([]*x509.Certificate, error) {
	chain := peerCertificates(ctx)
	if len(chain) == 0 || a.certificates == nil {
		return nil, access.ErrNoCredentials
	}
	if !isGateway(chain[0]) {
		return chain, nil
	}
	if a.gateways == nil {
		return nil, errors.New("certificates of gateways are not configured")
	}
	if _, err := a.verify(ctx, "gateway", chain[0].Raw, func() (*access.Principal, error) {
		return &access.Principal{Expires: chain[0].NotAfter}, a.gateways.verify(chain, time.Now())
	}); err != nil {
		return nil, err
	}
	passed := metadata.ValueFromIncomingContext(ctx, ClientCertificateKey)
	if len(passed) == 0 {
		return nil, access.ErrNoCredentials
	}
	var out []*x509.Certificate
	for _, der := range passed {
		certificate, err := x509.ParseCertificate([]byte(der))
		if err != nil {
			return nil, errors.New("the certificate that the gateway passed on cannot be read")
		}
		out = append(out, certificate)
	}
	return out, nil
}

// peerCertificates is the chain that the other side of the connection has presented.
// The handshake has shown that it has the key; the chain is yet to be verified.
func peerCertificates(ctx context.Context) []*x509.Certificate {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return nil
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok {
		return nil
	}
	return info.State.PeerCertificates
}
