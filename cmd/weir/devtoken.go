package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/netip"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/openweir/weir/control/access"
)

// needsToken is true if not everybody who reaches weir dev may use it: with real
// Flink, its users run programs on this machine, and on addresses that are not
// loopback, they come from other machines.
func (f devFlags) needsToken(addresses ...net.Addr) bool {
	for _, address := range addresses {
		if parsed, err := netip.ParseAddrPort(address.String()); err != nil || !parsed.Addr().Unmap().IsLoopback() {
			return true
		}
	}
	return len(f.flinkHomes) > 0
}

// token is the token of the administrator. It is kept with the state.
func (f devFlags) token() (string, error) {
	if f.dataDir == "" {
		return rand.Text(), nil
	}
	return keptToken(within(f.dataDir, "token"))
}

// requireToken authenticates who has a token as an administrator.
func requireToken(token string) access.Authenticate {
	want := sha256.Sum256([]byte("Bearer " + token))
	administrator := &access.Principal{Name: "User:dev", Unrestricted: true}
	return func(ctx context.Context) (*access.Principal, error) {
		given := sha256.Sum256([]byte(strings.Join(metadata.ValueFromIncomingContext(ctx, "authorization"), ",")))
		if subtle.ConstantTimeCompare(given[:], want[:]) != 1 {
			return nil, status.Error(codes.Unauthenticated, "Authentication is required: present the bearer token that weir dev has printed.")
		}
		return administrator, nil
	}
}
