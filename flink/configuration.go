package flink

import (
	"maps"
	"slices"
	"strings"

	"github.com/openweir/weir/openjson"
)

// FieldConfiguration is the field of a specification that has Flink's options.
const FieldConfiguration = "flinkConfiguration"

// Configuration returns the Flink configuration of a specification as it is
// written; nil if there is none.
func Configuration(spec openjson.Object) openjson.Object {
	configuration, _ := spec[FieldConfiguration].(openjson.Object)
	return configuration
}

// FlattenConfiguration returns Flink configuration in its flat form: the operator
// accepts nested objects for dotted keys, and a key must be the same key in
// both forms when defaults are merged. Lists are joined with semicolons, as
// the operator does.
func FlattenConfiguration(configuration openjson.Object) openjson.Object {
	out := make(openjson.Object, len(configuration))
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
				parts[i] = OptionText(v)
			}
			out[prefix+key] = strings.Join(parts, ";")
		default:
			out[prefix+key] = value
		}
	}
}

// Options returns the Flink configuration of a specification as Flink has it:
// flat and of text. Options of null are left out.
func Options(spec openjson.Object) map[string]string {
	flat := FlattenConfiguration(Configuration(spec))
	out := make(map[string]string, len(flat))
	for name, value := range flat {
		if value != nil {
			out[name] = OptionText(value)
		}
	}
	return out
}

// WithTextConfiguration returns a specification with its Flink configuration as
// Options returns it: the definitions of older operators allow nothing else.
func WithTextConfiguration(spec openjson.Object) openjson.Object {
	if Configuration(spec) == nil {
		return spec
	}
	texts := openjson.Object{}
	for name, text := range Options(spec) {
		texts[name] = text
	}
	return openjson.With(spec, FieldConfiguration, texts)
}

// OptionText returns a value of Flink configuration as text: strings as they are,
// anything else as its JSON.
func OptionText(value any) string {
	if s, ok := value.(string); ok {
		return s
	}
	return openjson.Encode(value)
}
