package access

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/validate"
)

// names is the form of the names of resources of a type: one for each number of
// segments between slashes. A type without any has no names.
type names []form

// form is how a name is written, and the rule of each segment.
type form struct {
	text     string
	segments []segment
}

type segment struct {
	check func(v *apierror.Violations, field, name string)
	max   int
}

var (
	resourceName = segment{validate.Name, validate.MaxName}
	objectName   = segment{validate.ObjectName, validate.MaxObjectName}
	// Service accounts are objects of Kubernetes.
	serviceAccount = segment{checkServiceAccount, validation.DNS1123SubdomainMaxLength}
	namespace      = segment{checkNamespace, validation.DNS1123LabelMaxLength}
)

func checkNamespace(v *apierror.Violations, field, name string) {
	if problems := validation.IsDNS1123Label(name); len(problems) > 0 {
		v.Addf("%s: %s", field, problems[0])
	}
}

func checkServiceAccount(v *apierror.Violations, field, name string) {
	if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
		v.Addf("%s: %s", field, problems[0])
	}
}

// The forms of names.
var (
	serviceAccountNames = names{{"<service account>", []segment{serviceAccount}}}
	resourceNames       = names{{"<name>", []segment{resourceName}}}
	objectNames         = names{{"<name>", []segment{objectName}}}
	clusterNames        = names{{"<cluster>", []segment{resourceName}}, {"<cluster>/<namespace>", []segment{resourceName, namespace}}}
	databaseNames       = names{{"<catalog>/<database>", []segment{resourceName, resourceName}}}
)

// check returns why no resource has the name, or one that begins with it.
func (n names) check(name string, prefix bool) string {
	if len(n) == 0 {
		return `name: must be "*": the type has no names`
	}
	given := strings.Split(name, "/")
	var forms []string
	for _, form := range n {
		forms = append(forms, form.text)
		if len(given) != len(form.segments) && (!prefix || len(given) > len(form.segments)) {
			continue
		}
		var v apierror.Violations
		for i, text := range given {
			rule := form.segments[i]
			switch last := i == len(given)-1; {
			case !prefix || !last:
				rule.check(&v, "name", text)
			case len(text) > rule.max:
				v.Addf("name: must be the beginning of a name of at most %d characters", rule.max)
			}
		}
		if len(v) > 0 {
			return v[0]
		}
		return ""
	}
	return "name: must be " + strings.Join(forms, " or ")
}
