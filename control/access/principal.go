// Package access tells who a caller is and what the caller may do.
package access

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/validate"
)

// Principal is an authenticated caller.
type Principal struct {
	// Name of the caller with its type, such as "User:alice".
	Name string
	// Groups that the caller is a member of, each with its type, such as
	// "Group:engineers".
	Groups []string
	// Environments are the only ones that the caller may do anything in, whatever roles
	// are bound to it. Nothing is then allowed in the installation. Empty for callers
	// whom roles alone limit.
	Environments []string
	// Expires is when the credentials expire; zero if they do not.
	Expires time.Time
	// Revoked is closed when the credentials are revoked; nil if that is not known.
	Revoked <-chan struct{}
	// Unrestricted is set if every request of the caller is authorized.
	Unrestricted bool
}

// Anonymous is every caller of an installation without authentication.
var Anonymous = &Principal{Name: "User:ANONYMOUS", Unrestricted: true}

// The types of principals, with which their names begin.
const (
	userPrefix  = "User:"
	groupPrefix = "Group:"
)

// MachinePrefix begins the names of the users that machine tokens are. No other
// credentials name such a user.
const MachinePrefix = "machine:"

// maxName is the longest name of a user or a group without its type, in bytes.
const maxName = 256

// User returns the principal's name of an authenticated user.
func User(name string) (string, error) {
	if err := checkName(name); err != nil {
		return "", fmt.Errorf("user: %w", err)
	}
	switch {
	case userPrefix+name == Anonymous.Name:
		return "", fmt.Errorf("user: the name of %s is reserved", Anonymous.Name)
	case strings.HasPrefix(name, MachinePrefix):
		return "", fmt.Errorf("user: names that begin with %s are reserved for machine tokens", MachinePrefix)
	}
	return userPrefix + name, nil
}

// Machine returns the principal's name of a machine token.
func Machine(token string) string { return userPrefix + MachinePrefix + token }

// isMachine is true for the principal's names of machine tokens.
func isMachine(principal string) bool { return strings.HasPrefix(principal, Machine("")) }

// Group returns the principal's name of a group of an authenticated user.
func Group(name string) (string, error) {
	if err := checkName(name); err != nil {
		return "", fmt.Errorf("group: %w", err)
	}
	return groupPrefix + name, nil
}

// checkPrincipal returns why no caller can have the name of a principal, or be in the
// group.
func checkPrincipal(principal string) error {
	var err error
	if token, ok := strings.CutPrefix(principal, Machine("")); ok {
		var v apierror.Violations
		validate.ObjectName(&v, "the name of the machine token", token)
		err = v.Invalid()
	} else if name, ok := strings.CutPrefix(principal, userPrefix); ok {
		_, err = User(name)
	} else if name, ok := strings.CutPrefix(principal, groupPrefix); ok {
		_, err = Group(name)
	} else {
		return errors.New("must be User:<name> or Group:<name>")
	}
	if err != nil {
		return fmt.Errorf("must be User:<name> or Group:<name>: %w", err)
	}
	return nil
}

// checkName is the rule for names of users and groups, wherever they come from: it
// refuses those that would read as another, or as all, in role bindings and logs.
func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("the name is empty")
	case len(name) > maxName:
		return fmt.Errorf("the name is longer than %d bytes", maxName)
	case name == "*":
		return errors.New("the name * stands for everybody, and nobody has it")
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return errors.New("the name has characters that cannot be printed")
	case strings.TrimSpace(name) != name:
		return errors.New("the name begins or ends with a space")
	}
	return nil
}

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
