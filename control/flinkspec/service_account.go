package flinkspec

import (
	"strings"

	"github.com/openweir/weir/flink"
	"github.com/openweir/weir/openjson"
)

// ServiceAccount is a service account in a specification, and the field that names it.
type ServiceAccount struct{ Field, Name string }

// accountFields are the fields of pods that name their service account; the second is
// the deprecated name of the first.
var accountFields = []string{"serviceAccountName", "serviceAccount"}

// accountOptions are the options of Flink that name service accounts.
var accountOptions = []string{"kubernetes.service-account", "kubernetes.jobmanager.service-account", "kubernetes.taskmanager.service-account"}

// ServiceAccounts returns the service accounts in an effective specification. A value
// that is not text is returned as JSON, which no service account is called.
func ServiceAccounts(spec openjson.Object) []ServiceAccount {
	var out []ServiceAccount
	add := func(value any, path ...string) {
		if value != nil && value != "" {
			out = append(out, ServiceAccount{Field: strings.Join(path, "."), Name: flink.OptionText(value)})
		}
	}
	add(spec["serviceAccount"], "serviceAccount")
	for _, template := range [][]string{{"podTemplate"}, {"jobManager", "podTemplate"}, {"taskManager", "podTemplate"}} {
		pod, _ := openjson.Field(spec, append(template, "spec")...).(openjson.Object)
		for _, field := range accountFields {
			add(pod[field], append(template, "spec", field)...)
		}
	}
	options := flink.Options(spec)
	for _, name := range accountOptions {
		if value, set := options[name]; set {
			add(value, flink.FieldConfiguration+"["+name+"]")
		}
	}
	return out
}
