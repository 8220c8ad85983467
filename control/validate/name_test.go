package validate_test

import (
	"strings"
	"testing"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/validate"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestNames(t *testing.T) {
	const (
		pattern = `n: must match "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"`
		letters = "n: must consist of lower case letters, digits and '-', begin with a letter and end with a letter or digit"
		size    = "n: size must be between 4 and 253"
		short   = "n: size must be between 4 and 45"
		empty   = "n: must not be empty"
	)
	for name, test := range map[string]struct {
		name             string
		resource, object string // what is wrong with it as a name of each
	}{
		"plain":                       {"orders-2", "", ""},
		"the shortest":                {"abcd", "", ""},
		"too short":                   {"abc", size, short},
		"empty":                       {"", empty, empty},
		"the longest of an object":    {strings.Repeat("a", 45), "", ""},
		"longer":                      {strings.Repeat("a", 46), "", short},
		"the longest of any resource": {strings.Repeat("a", 253), "", short},
		"too long":                    {strings.Repeat("a", 254), size, short},
		"dots":                        {"or.ders", "", letters},
		"two dots":                    {"or..ders", pattern, letters},
		"a digit first":               {"2orders", "", letters},
		"a hyphen first":              {"-orders", pattern, letters},
		"a hyphen last":               {"orders-", pattern, letters},
		"upper case":                  {"Orders", pattern, letters},
		"letters of other alphabets":  {"öööö", pattern, letters},
		"a line break last":           {"orders\n", pattern, letters},
		"a slash":                     {"or/ders", pattern, letters},
	} {
		t.Run(name, func(t *testing.T) {
			var resource, object apierror.Violations
			validate.Name(&resource, "n", test.name)
			validate.ObjectName(&object, "n", test.name)
			same(t, strings.Join(resource, "; "), test.resource)
			same(t, strings.Join(object, "; "), test.object)
		})
	}
}

func TestCheckObjectMarks(t *testing.T) {
	for name, test := range map[string]struct {
		metadata *cmfv1.ObjectMeta
		fields   []string // that are wrong
	}{
		"none": {metadata: nil},
		"fine": {metadata: &cmfv1.ObjectMeta{
			Labels:      map[string]string{"team": "", "example.com/Team": "a.b_c-d"},
			Annotations: map[string]string{"Example.com/Note": "any text: {}"},
		}},
		"wrong, in the order of keys": {
			&cmfv1.ObjectMeta{
				Labels:      map[string]string{"": "x", "b": "-", "c/d/e": "x", "weir.dev/owner": "me"},
				Annotations: map[string]string{"Weir.dev/owner": "me", "Not A Key": "x"},
			},
			[]string{
				`metadata.labels[""]`, `metadata.labels["b"]`, `metadata.labels["c/d/e"]`, `metadata.labels["weir.dev/owner"]`,
				`metadata.annotations["Not A Key"]`, `metadata.annotations["Weir.dev/owner"]`,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var v apierror.Violations
			validate.ObjectMetadata(&v, test.metadata)
			var fields []string
			for _, violation := range v {
				field, _, _ := strings.Cut(violation, ": ")
				fields = append(fields, field)
			}
			same(t, fields, test.fields)
		})
	}
}
