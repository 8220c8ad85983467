package flinkspec

import (
	"maps"
	"slices"
	"strings"

	"github.com/openweir/weir/openjson"
)

// FlattenConfiguration gives Flink configuration its flat form: the operator
// accepts nested objects for dotted keys, and a key must be the same key in
// both forms when defaults are merged. Lists are joined with semicolons, as
// the operator does.
func FlattenConfiguration(configuration openjson.Object) openjson.Object {
	out := openjson.Object{}
	flattenInto(out, "", configuration)
	return out
}

func flattenInto(out openjson.Object, prefix string, configuration openjson.Object) {
	// In order, so that a key given in both forms resolves the same each time:
	// the dotted form wins.
	for _, key := range slices.Sorted(maps.Keys(configuration)) {
		switch value := configuration[key].(type) {
		case openjson.Object:
			flattenInto(out, prefix+key+".", value)
		case []any:
			parts := make([]string, len(value))
			for i, v := range value {
				parts[i] = element(v)
			}
			out[prefix+key] = strings.Join(parts, ";")
		default:
			out[prefix+key] = value
		}
	}
}

// WithTextConfiguration is a specification whose Flink configuration is text
// throughout, which it is to Flink anyhow: the definitions of older operators
// allow nothing else. Options of null are left out.
func WithTextConfiguration(spec openjson.Object) openjson.Object {
	configuration, ok := spec[flinkConfigurations].(openjson.Object)
	if !ok {
		return spec
	}
	texts := openjson.Object{}
	for key, value := range FlattenConfiguration(configuration) {
		if value != nil {
			texts[key] = element(value)
		}
	}
	return openjson.With(spec, flinkConfigurations, texts)
}

// OptionText is a value of Flink configuration as text: strings as they are,
// anything else as its JSON.
func OptionText(value any) string { return element(value) }

// element is an element of a list as it appears in Flink configuration:
// strings as they are, anything else as its JSON.
func element(value any) string {
	if s, ok := value.(string); ok {
		return s
	}
	return openjson.Encode(value)
}
