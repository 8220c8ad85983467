package access

import (
	"context"
	"errors"
	"reflect"
	"strings"

	"github.com/openweir/weir/control/apierror"
)

// Permissions are what a principal may do, by the bindings of one moment. They do
// not change.
type Permissions struct {
	principal    *Principal
	own          []Binding
	installation grants
	environments map[string]*grants
}

type grants [typeCount]grant

// grant is what may be done with resources of one type in one scope.
type grant struct {
	all      VerbSet // with every name
	patterns []patternGrant
}

type patternGrant struct {
	Pattern
	verbs VerbSet
}

// newPermissions returns what the bindings give to a principal.
func newPermissions(principal *Principal, bindings []Binding) *Permissions {
	p := &Permissions{principal: principal, environments: map[string]*grants{}}
	for _, b := range bindings {
		if !principal.is(b.Principal) || !principal.reaches(b.Environment) {
			continue
		}
		p.own = append(p.own, b)
		in := &p.installation
		if b.Environment != "" {
			if p.environments[b.Environment] == nil {
				p.environments[b.Environment] = &grants{}
			}
			in = p.environments[b.Environment]
		}
		if len(b.Resources) == 0 {
			for t := range typeCount {
				if t.inEnvironment() == (b.Environment != "") {
					in[t].all |= Allows(b.Role, t)
				}
			}
		}
		for _, pattern := range b.Resources {
			in[pattern.Type].add(pattern, Allows(b.Role, pattern.Type))
		}
	}
	return p
}

func (g *grant) add(pattern Pattern, verbs VerbSet) {
	if pattern.Prefixed && pattern.Name == "" {
		g.all |= verbs
		return
	}
	g.patterns = append(g.patterns, patternGrant{pattern, verbs})
}

func (g *grant) allows(verb Verb, name string) bool {
	if g.all.Has(verb) {
		return true
	}
	for i := range g.patterns {
		if p := &g.patterns[i]; p.verbs.Has(verb) && p.matches(name) {
			return true
		}
	}
	return false
}

// allowsSome tells whether a name that begins with the prefix may be allowed.
func (g *grant) allowsSome(verb Verb, prefix string) bool {
	if g.all.Has(verb) {
		return true
	}
	for i := range g.patterns {
		p := &g.patterns[i]
		if p.verbs.Has(verb) && (strings.HasPrefix(p.Name, prefix) || p.Prefixed && strings.HasPrefix(prefix, p.Name)) {
			return true
		}
	}
	return false
}

var nothing grant

// grant is nil for a principal that may do everything.
func (p *Permissions) grant(t Type, environment string) *grant {
	switch {
	case p.principal.Unrestricted:
		return nil
	case !t.inEnvironment():
		return &p.installation[t]
	}
	if in := p.environments[environment]; in != nil {
		return &in[t]
	}
	return &nothing
}

// Allows tells whether the principal may do something with the resource of a name. The
// environment counts for types of resources in environments only.
func (p *Permissions) Allows(verb Verb, t Type, environment, name string) bool {
	g := p.grant(t, environment)
	return g == nil || g.allows(verb, name)
}

// MayGrant tells whether the principal may create, change and delete a binding: it
// holds the right to grant, and grants no more than that covers.
func (p *Permissions) MayGrant(b Binding) bool {
	if p.principal.Unrestricted {
		return true
	}
	var patterns []Pattern // that the principal owns, in the scope of the binding
	for _, own := range p.own {
		switch {
		case !mayGrant(own, b, p.principal):
		case len(own.Resources) == 0:
			return true
		default:
			patterns = append(patterns, own.Resources...)
		}
	}
	for _, wanted := range b.Resources {
		covered := false
		for _, pattern := range patterns {
			covered = covered || pattern.covers(wanted)
		}
		if !covered {
			return false
		}
	}
	return len(b.Resources) > 0
}

// MaySee tells whether the principal may see a binding: it may grant it, or is
// bound by it.
func (p *Permissions) MaySee(b Binding) bool { return p.MayGrant(b) || p.principal.is(b.Principal) }

// Equal tells whether two permissions come from equal bindings.
func (p *Permissions) Equal(other *Permissions) bool { return reflect.DeepEqual(p.own, other.own) }

type permissionsKey struct{}

// WithPermissions returns a context for requests of a caller with permissions.
func WithPermissions(ctx context.Context, permissions *Permissions) context.Context {
	return context.WithValue(ctx, permissionsKey{}, permissions)
}

// PermissionsOf returns the permissions of the caller of a request, or nil.
func PermissionsOf(ctx context.Context) *Permissions {
	permissions, _ := ctx.Value(permissionsKey{}).(*Permissions)
	return permissions
}

// Require fails if the caller of a request may not do something. It is for what the
// rules of the RPC cannot express.
func Require(ctx context.Context, verb Verb, t Type, environment, name string) error {
	permissions := PermissionsOf(ctx)
	if permissions == nil {
		return errors.New("authorize: the context has no permissions")
	}
	if !permissions.Allows(verb, t, environment, name) {
		return forbidden(permissions.principal, verb, t, environment, name)
	}
	return nil
}

// forbidden is the same whether the resource and its environment exist or not.
func forbidden(principal *Principal, verb Verb, t Type, environment, name string) error {
	what, where := t.String(), "the installation"
	if name != "" {
		what += " '" + name + "'"
	}
	if t.inEnvironment() {
		where = "environment '" + environment + "'"
	}
	return apierror.Forbidden("%s may not %s %s in %s.", principal.Name, verb, what, where)
}

// Filter selects the resources of a list that its caller may read.
type Filter struct {
	grant  *grant
	verb   Verb
	prefix string
}

// Allows tells whether the resource of a name is shown.
func (f *Filter) Allows(name string) bool { return f.grant.allows(f.verb, f.prefix+name) }

type filterKey struct{}

// FilterOf returns what the list or watch of a request is limited to; nil if it is
// not limited.
func FilterOf(ctx context.Context) *Filter {
	filter, _ := ctx.Value(filterKey{}).(*Filter)
	return filter
}
