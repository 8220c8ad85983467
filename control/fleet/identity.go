package fleet

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"fmt"
	"os"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// identityScheme begins the URI SAN of an agent's certificate.
const identityScheme = "weir"

// Tokens are the static tokens that agents may present: token digest to the one
// cluster that the token is good for, or "" for any.
type Tokens map[[sha256.Size]byte]string

// Add makes a token good for a cluster, or for any where cluster is empty.
func (t Tokens) Add(token, cluster string) { t[sha256.Sum256([]byte(token))] = cluster }

// ReadTokens reads a token file: a token a line, followed by the name of the
// cluster that it is good for. Empty lines and lines that begin with # are skipped.
func ReadTokens(path string) (Tokens, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read agent tokens: %w", err)
	}
	tokens := Tokens{}
	for number, line := range strings.Split(string(text), "\n") {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0 || strings.HasPrefix(fields[0], "#"):
		case len(fields) != 2:
			return nil, fmt.Errorf("agent tokens in %s, line %d: must be a token and the name of its cluster", path, number+1)
		default:
			tokens.Add(fields[0], fields[1])
		}
	}
	return tokens, nil
}

// lookup finds a token in a time that does not depend on how much of it is right.
func (t Tokens) lookup(token string) (cluster string, ok bool) {
	digest := sha256.Sum256([]byte(token))
	for known, name := range t {
		if subtle.ConstantTimeCompare(known[:], digest[:]) == 1 {
			cluster, ok = name, true
		}
	}
	return cluster, ok
}

// identity is what the peer of a stream presents.
type identity struct {
	certificate *x509.Certificate // nil for a token
	clusters    []string          // that it may speak for; nil for any
}

// identify returns the identity of a peer: its client certificate if that names a
// cluster, and otherwise its token.
func (t Tokens) identify(ctx context.Context) (identity, error) {
	certificate, _ := clientCertificate(ctx)
	if names := certifiedClusters(certificate); len(names) > 0 {
		return identity{certificate, names}, nil
	}
	token, found := bearerToken(ctx)
	if !found {
		return identity{}, status.Error(codes.Unauthenticated, "the agent presents neither a client certificate with a URI SAN weir://cluster/<name> nor a static token")
	}
	name, known := t.lookup(token)
	if !known {
		return identity{}, status.Error(codes.Unauthenticated, "the static token is unknown")
	}
	if name == "" {
		return identity{}, nil
	}
	return identity{clusters: []string{name}}, nil
}

// speaksFor fails if the peer may not speak for a cluster.
func (i identity) speaksFor(cluster string) error {
	what := "static token"
	if i.certificate != nil {
		what = "client certificate"
	}
	if i.clusters != nil && !slices.Contains(i.clusters, cluster) {
		return status.Errorf(codes.PermissionDenied, "the %s is for cluster %q, not for %q", what, strings.Join(i.clusters, ", "), cluster)
	}
	return nil
}

// clientCertificate is the verified certificate of the peer and the authority that
// signed it; nil where there is none.
func clientCertificate(ctx context.Context) (certificate, authority *x509.Certificate) {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return nil, nil
	}
	tls, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok || len(tls.State.VerifiedChains) == 0 {
		return nil, nil
	}
	chain := tls.State.VerifiedChains[0]
	return chain[0], chain[len(chain)-1]
}

// certifiedClusters are the clusters that a client certificate names.
func certifiedClusters(certificate *x509.Certificate) []string {
	if certificate == nil {
		return nil
	}
	var names []string
	for _, uri := range certificate.URIs {
		if uri.Scheme == identityScheme && uri.Host == "cluster" {
			names = append(names, strings.TrimPrefix(uri.Path, "/"))
		}
	}
	return names
}

func bearerToken(ctx context.Context) (string, bool) {
	values := metadata.ValueFromIncomingContext(ctx, "authorization")
	if len(values) != 1 {
		return "", false
	}
	return strings.CutPrefix(values[0], "Bearer ")
}
