package authentication

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/openweir/weir/control/access"
)

// ClaimsConfig says which claims of a token name its user and the user's groups.
type ClaimsConfig struct {
	// UserClaim names the user; the default is sub. A dot leads into a nested object,
	// unless a claim has that very name.
	UserClaim string `yaml:"userClaim"`
	// UserPrefix begins the name of the user, so that issuers cannot name each
	// other's users.
	UserPrefix string `yaml:"userPrefix"`
	// GroupsClaim names the groups, as a list or a single string. Empty means that
	// users have no groups.
	GroupsClaim string `yaml:"groupsClaim"`
	// GroupPrefix begins the names of the groups.
	GroupPrefix string `yaml:"groupPrefix"`
}

// principal is whom the claims of a verified token name.
func (c ClaimsConfig) principal(claims map[string]any, expires time.Time) (*access.Principal, error) {
	claim := c.UserClaim
	if claim == "" {
		claim = "sub"
	}
	name, ok := lookup(claims, claim).(string)
	if !ok {
		return nil, fmt.Errorf("the token has no string claim %s", claim)
	}
	// An issuer that lets its users choose their address says whether it has checked it.
	if verified, given := claims["email_verified"]; claim == "email" && given && verified != true {
		return nil, errors.New("the claim email is not verified by the issuer")
	}
	user, err := access.User(c.UserPrefix + name)
	if err != nil {
		return nil, err
	}
	out := &access.Principal{Name: user, Expires: expires}
	if c.GroupsClaim == "" {
		return out, nil
	}
	var groups []any
	switch value := lookup(claims, c.GroupsClaim).(type) {
	case nil:
	case string:
		groups = []any{value}
	case []any:
		groups = value
	default:
		return nil, fmt.Errorf("the claim %s is neither a list nor a string", c.GroupsClaim)
	}
	for _, value := range groups {
		name, ok := value.(string)
		if !ok {
			return nil, fmt.Errorf("the claim %s has a value that is not a string", c.GroupsClaim)
		}
		group, err := access.Group(c.GroupPrefix + name)
		if err != nil {
			return nil, err
		}
		out.Groups = append(out.Groups, group)
	}
	return out, nil
}

// lookup is the claim of a name, or at the path that the name is; nil if there is none.
func lookup(claims map[string]any, name string) any {
	if value, ok := claims[name]; ok {
		return value
	}
	first, rest, nested := strings.Cut(name, ".")
	if inner, ok := claims[first].(map[string]any); ok && nested {
		return lookup(inner, rest)
	}
	return nil
}
