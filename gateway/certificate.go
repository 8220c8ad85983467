package gateway

import (
	"context"
	"crypto/tls"
	"net/http"

	"google.golang.org/grpc/metadata"

	"github.com/openweir/weir/gateway/inprocess"
)

// clientCertificateKey is the metadata in which the certificate of a client is passed
// on to a control plane in another process, with the intermediate ones, in DER. The
// control plane believes it only of a gateway with a certificate of its own.
const clientCertificateKey = "weir-client-certificate-bin"

// withClientCertificate makes the certificate of a request's connection known to a
// control plane in the same process. Other connections do not look at the context.
func withClientCertificate(r *http.Request) *http.Request {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return r
	}
	return r.WithContext(inprocess.WithTLS(r.Context(), r.TLS))
}

// clientCertificate is the metadata about the certificate of a request's connection.
func (g *gateway) clientCertificate(_ context.Context, r *http.Request) metadata.MD {
	if !g.config.PassCertificates || r.TLS == nil {
		return nil
	}
	return passed(r.TLS)
}

func passed(state *tls.ConnectionState) metadata.MD {
	if len(state.VerifiedChains) == 0 {
		return nil
	}
	chain := state.VerifiedChains[0]
	if len(chain) > 1 {
		chain = chain[:len(chain)-1] // without the root, which the control plane has
	}
	md := metadata.MD{}
	for _, certificate := range chain {
		md.Append(clientCertificateKey, string(certificate.Raw))
	}
	return md
}
