// Package access tells who a caller is and what the caller may do.
package access

import (
	"context"
	"time"
)

// Principal is an authenticated caller.
type Principal struct {
	// Name of the caller with its type, such as "User:alice".
	Name string
	// Groups that the caller is a member of, each with its type, such as
	// "Group:engineers".
	Groups []string
	// Expires is when the credentials expire; zero if they do not.
	Expires time.Time
	// Unrestricted is set if every request of the caller is authorized.
	Unrestricted bool
}

// Anonymous is every caller of an installation without authentication.
var Anonymous = &Principal{Name: "User:ANONYMOUS", Unrestricted: true}

// Authenticate returns who the caller of an RPC is, from the metadata and the peer in
// the context. Its error is a status, usually UNAUTHENTICATED.
type Authenticate func(ctx context.Context) (*Principal, error)

// AllowAnonymous authenticates every caller as Anonymous.
func AllowAnonymous(context.Context) (*Principal, error) { return Anonymous, nil }

type principalKey struct{}

// WithPrincipal returns a context for requests of a caller.
func WithPrincipal(ctx context.Context, principal *Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, principal)
}

// PrincipalOf returns the caller of a request; nil if there is none, as in
// background work.
func PrincipalOf(ctx context.Context) *Principal {
	principal, _ := ctx.Value(principalKey{}).(*Principal)
	return principal
}
