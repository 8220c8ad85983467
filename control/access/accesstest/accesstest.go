// Package accesstest gives tests of services the context that the interceptors make.
package accesstest

import (
	"context"
	"testing"

	"github.com/openweir/weir/control/access"
)

// Unrestricted returns a context for requests of a caller who may do everything.
func Unrestricted(ctx context.Context, t testing.TB) context.Context {
	t.Helper()
	permissions, _, err := access.NewAuthorizer().Permissions(access.Anonymous)
	if err != nil {
		t.Fatal(err)
	}
	return access.WithPermissions(access.WithPrincipal(ctx, access.Anonymous), permissions)
}
