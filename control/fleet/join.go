package fleet

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"slices"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/validate"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// Limits of the requests for certificates. Their callers may be strangers.
const (
	maxCertificateRequest = 8 << 10
	maxJoinToken          = 1 << 10
)

// Join exchanges a join token for a certificate.
func (f *Fleet) Join(ctx context.Context, req *agentv1.JoinRequest) (*agentv1.JoinResponse, error) {
	request, err := certificateRequest(req.GetCluster(), req.GetCertificateRequest())
	if err != nil {
		return nil, err
	}
	if len(req.GetToken()) > maxJoinToken {
		return nil, apierror.Invalid("token: must not be longer than 1024 bytes")
	}
	err = f.JoinTokens.Use(ctx, req.GetToken(), req.GetCluster(), sha256.Sum256(request.RawSubjectPublicKeyInfo), func(tx *store.Tx, used time.Time) error {
		if !used.After(f.Clusters.Deleted(tx, req.GetCluster())) {
			return errDeleted
		}
		return f.requireAllowed(tx, req.GetCluster(), nil)
	})
	if err != nil {
		f.Log.Warn("agent could not join", "cluster", req.GetCluster(), "error", err)
		return nil, err
	}
	certificate, serial, err := f.Identities.Authorities.Issue(ctx, req.GetCluster(), request.PublicKey)
	if err != nil {
		return nil, err
	}
	f.Log.Info("agent joined", "cluster", req.GetCluster(), "serial_number", serial)
	return &agentv1.JoinResponse{Certificate: certificate}, nil
}

// Renew replaces a certificate that Join or Renew has issued.
func (f *Fleet) Renew(ctx context.Context, req *agentv1.RenewRequest) (*agentv1.RenewResponse, error) {
	request, err := certificateRequest(req.GetCluster(), req.GetCertificateRequest())
	if err != nil {
		return nil, err
	}
	certificate, authority := clientCertificate(ctx)
	if !slices.Contains(certifiedClusters(certificate), req.GetCluster()) {
		return nil, status.Errorf(codes.Unauthenticated, "the agent presents no client certificate for cluster %q", req.GetCluster())
	}
	at, err := f.Store.View(ctx)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(f.Identities.Authorities.Trusted(at), authority.Equal) {
		return nil, status.Error(codes.PermissionDenied, "the client certificate was not issued by the control plane")
	}
	if err := f.allowed(at, req.GetCluster(), certificate); err != nil {
		return nil, err
	}
	renewed, serial, err := f.Identities.Authorities.Issue(ctx, req.GetCluster(), request.PublicKey)
	if err != nil {
		return nil, err
	}
	f.Log.Info("certificate of agent renewed", "cluster", req.GetCluster(), "serial_number", serial, "former", certificate.SerialNumber.Text(16))
	return &agentv1.RenewResponse{Certificate: renewed}, nil
}

// certificateRequest parses and verifies a request for the certificate of a cluster.
func certificateRequest(cluster string, der []byte) (*x509.CertificateRequest, error) {
	var v apierror.Violations
	validate.Name(&v, "cluster", cluster)
	if len(der) > maxCertificateRequest {
		v.Addf("certificate_request: must not be longer than %d bytes", maxCertificateRequest)
	}
	if err := v.Invalid(); err != nil {
		return nil, err
	}
	request, err := x509.ParseCertificateRequest(der)
	if err == nil {
		err = request.CheckSignature()
	}
	if err != nil {
		return nil, apierror.Invalid("certificate_request: must be a signed PKCS #10 request: " + err.Error())
	}
	return request, nil
}
