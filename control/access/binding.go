package access

import (
	"fmt"
	"slices"
	"strings"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/validate"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Binding gives a principal a role.
type Binding struct {
	Principal string
	Role      string
	// Environment that the role is granted in; empty for the installation.
	Environment string
	// Resources that the role is granted on; none for roles on a whole scope.
	Resources []Pattern
}

// Pattern selects resources of a type by name.
type Pattern struct {
	Type     Type
	Name     string
	Prefixed bool
}

func (p Pattern) matches(name string) bool {
	if p.Prefixed {
		return strings.HasPrefix(name, p.Name)
	}
	return name != "" && name == p.Name
}

// covers tells whether everything that another pattern selects is selected.
func (p Pattern) covers(other Pattern) bool {
	return p.Type == other.Type && strings.HasPrefix(other.Name, p.Name) && (p.Prefixed || !other.Prefixed && p.Name == other.Name)
}

// ParseBinding returns the binding that a specification describes, and what is
// wrong with it. path is the field of the specification.
func ParseBinding(v *apierror.Violations, path string, spec *cmfv1.RoleBindingSpec) Binding {
	out := Binding{Principal: spec.GetPrincipal(), Role: spec.GetRole(), Environment: spec.GetEnvironment()}
	if err := checkPrincipal(out.Principal); err != nil {
		v.Addf("%s.principal: %v", path, err)
	}
	if out.Environment != "" {
		validate.Name(v, path+".environment", out.Environment)
	}
	switch {
	case !slices.Contains(Roles, out.Role):
		v.Addf("%s.role: must be one of %s", path, strings.Join(Roles, ", "))
	case slices.Contains(onResources, out.Role) && len(spec.GetResources()) == 0:
		v.Addf("%s.resources: must not be empty for the role %s", path, out.Role)
	case !slices.Contains(onResources, out.Role) && len(spec.GetResources()) > 0:
		v.Addf("%s.resources: must be empty for the role %s, which is granted on a whole scope", path, out.Role)
	}
	for i, resource := range spec.GetResources() {
		pattern, problem := parsePattern(resource, out.Environment != "")
		if problem != "" {
			v.Addf("%s.resources[%d].%s", path, i, problem)
		}
		out.Resources = append(out.Resources, pattern)
	}
	return out
}

func parsePattern(resource *cmfv1.ResourcePattern, inEnvironment bool) (out Pattern, problem string) {
	t, known := parseType(resource.GetResourceType())
	if !known || t.inEnvironment() != inEnvironment || t == AuditLog {
		var allowed []string
		for t := range typeCount {
			if t.inEnvironment() == inEnvironment && t != AuditLog {
				allowed = append(allowed, t.String())
			}
		}
		where := "the installation"
		if inEnvironment {
			where = "an environment"
		}
		return Pattern{}, fmt.Sprintf("resourceType: must be one of %s in %s", strings.Join(allowed, ", "), where)
	}
	out = Pattern{Type: t, Name: resource.GetName()}
	switch resource.GetPatternType() {
	case "", "LITERAL":
	case "PREFIXED":
		out.Prefixed = true
	default:
		return Pattern{}, "patternType: must be LITERAL or PREFIXED"
	}
	switch {
	case out.Name == "":
		return Pattern{}, "name: must not be empty"
	case out.Name == "*":
		out.Name, out.Prefixed = "", true
	case strings.Contains(out.Name, "*"):
		return Pattern{}, `name: "*" selects all names, and cannot be a part of a name`
	default:
		problem = types[t].names.check(out.Name, out.Prefixed)
	}
	return out, problem
}

func (p *Principal) is(name string) bool { return name == p.Name || slices.Contains(p.Groups, name) }

// reaches is false for scopes that the principal is not limited to; the installation
// has no name.
func (p *Principal) reaches(environment string) bool {
	return len(p.Environments) == 0 || slices.Contains(p.Environments, environment)
}
