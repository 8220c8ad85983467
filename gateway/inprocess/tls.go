package inprocess

import (
	"context"
	"crypto/tls"

	"google.golang.org/grpc/credentials"
)

type tlsKey struct{}

// WithTLS returns a context whose calls have the peer that a connection of the
// client's own server has: the certificate of whom a call is made for. Nothing else
// makes a peer with a certificate, and nothing of it goes over a wire.
func WithTLS(ctx context.Context, state *tls.ConnectionState) context.Context {
	return context.WithValue(ctx, tlsKey{}, state)
}

// authInfo is what WithTLS has said; nil if nothing.
func authInfo(ctx context.Context) credentials.AuthInfo {
	if state, ok := ctx.Value(tlsKey{}).(*tls.ConnectionState); ok && state != nil {
		return credentials.TLSInfo{State: *state}
	}
	return nil
}
