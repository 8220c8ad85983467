package fleet

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"os"
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

// authenticate checks that the peer of a stream may speak for a cluster: by
// its client certificate where it has one, else by its token.
func (t Tokens) authenticate(ctx context.Context, cluster string) error {
	if names := certifiedClusters(ctx); len(names) > 0 {
		for _, name := range names {
			if name == cluster {
				return nil
			}
		}
		return status.Errorf(codes.PermissionDenied, "the client certificate is for cluster %q, not for %q", strings.Join(names, ", "), cluster)
	}
	token, found := bearerToken(ctx)
	if !found {
		return status.Error(codes.Unauthenticated, "the agent presents neither a client certificate with a URI SAN weir://cluster/<name> nor a bootstrap token")
	}
	name, known := t.lookup(token)
	if !known {
		return status.Error(codes.Unauthenticated, "the bootstrap token is not known")
	}
	if name != "" && name != cluster {
		return status.Errorf(codes.PermissionDenied, "the bootstrap token is for cluster %q, not for %q", name, cluster)
	}
	return nil
}

// certifiedClusters are the clusters that a verified client certificate names.
func certifiedClusters(ctx context.Context) []string {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return nil
	}
	tls, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok || len(tls.State.VerifiedChains) == 0 {
		return nil
	}
	var names []string
	for _, uri := range tls.State.VerifiedChains[0][0].URIs {
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
