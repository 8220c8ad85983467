package fields

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestParseReportsViolations(t *testing.T) {
	tests := []struct {
		name    string
		message proto.Message
		input   string
		want    []string
	}{
		{"unknown field", &cmfv1.FlinkApplicationEvent{}, "spec",
			[]string{`fields: "spec" is not a field in "spec" (allowed: apiVersion, kind, metadata, status).`}},
		{"unknown field of a field", &cmfv1.FlinkApplicationEvent{}, "status.fase",
			[]string{`fields: "fase" is not a field of "status" in "status.fase" (allowed: message, type, data, count, lastTimestamp).`}},
		{"deep down", &cmfv1.KafkaCatalog{}, "spec.srInstance.url.x",
			[]string{`fields: "url" is not a field of "spec.srInstance" in "spec.srInstance.url.x" (allowed: connectionConfig, connectionSecretId).`}},
		{"in a list", &cmfv1.KafkaCatalog{}, "spec.kafkaClusters.name",
			[]string{`fields: "name" is not a field of "spec.kafkaClusters" in "spec.kafkaClusters.name" (allowed: databaseName, connectionConfig, connectionSecretId).`}},
		{"name in proto instead of JSON", &cmfv1.Savepoint{}, "spec.format_type",
			[]string{`fields: "format_type" is not a field of "spec" in "spec.format_type" (allowed: path, backoffLimit, formatType).`}},
		{"below a scalar", &cmfv1.Savepoint{}, "metadata.name.first",
			[]string{`fields: "metadata.name" has no fields of its own, in "metadata.name.first".`}},
		{"below a timestamp", &cmfv1.Savepoint{}, "metadata.creationTimestamp.seconds",
			[]string{`fields: "metadata.creationTimestamp" has no fields of its own, in "metadata.creationTimestamp.seconds".`}},
		{"below a list of scalars", &cmfv1.Secret{}, "status.environments.name",
			[]string{`fields: "status.environments" has no fields of its own, in "status.environments.name".`}},
		{"nothing between commas", &cmfv1.Secret{}, "metadata,,status",
			[]string{`fields: "" contains an empty name (paths look like metadata.name).`}},
		{"nothing between dots", &cmfv1.Secret{}, "metadata..name",
			[]string{`fields: "metadata..name" contains an empty name (paths look like metadata.name).`}},
		{"dot at the end", &cmfv1.FlinkApplication{}, "spec.image.",
			[]string{`fields: "spec.image." contains an empty name (paths look like metadata.name).`}},
		{"every invalid path", &cmfv1.Savepoint{}, "a,metadata.name,spec.b", []string{
			`fields: "a" is not a field in "a" (allowed: apiVersion, kind, metadata, spec, status).`,
			`fields: "b" is not a field of "spec" in "spec.b" (allowed: path, backoffLimit, formatType).`,
		}},
		{"too long", &cmfv1.FlinkApplication{}, "spec." + strings.Repeat("a", MaxLength),
			[]string{"fields: must be at most 8192 bytes long, is 8197."}},
		{"too many", &cmfv1.FlinkApplication{}, "spec" + strings.Repeat(",spec", MaxPaths),
			[]string{"fields: must have at most 200 paths, has 201."}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			projection, violations := Parse(test.message.ProtoReflect().Descriptor(), test.input)
			if diff := cmp.Diff(test.want, []string(violations)); diff != "" {
				t.Errorf("Parse(%q) (-want +got):\n%s", test.input, diff)
			}
			if !projection.All() {
				t.Errorf("Parse(%q) gives a projection although it is wrong", test.input)
			}
		})
	}
}

// The contract gives these examples for every list.
func TestParseAcceptsTheExamplesOfTheContract(t *testing.T) {
	for _, message := range []proto.Message{
		&cmfv1.Environment{}, &cmfv1.FlinkApplication{}, &cmfv1.FlinkApplicationEvent{}, &cmfv1.Statement{},
		&cmfv1.ComputePool{}, &cmfv1.Secret{}, &cmfv1.Savepoint{}, &cmfv1.KubernetesCluster{},
	} {
		for _, input := range []string{
			"metadata.name,metadata.creationTimestamp,status.phase",
			"metadata.name,metadata.createdTimestamp,status.phase",
		} {
			md := message.ProtoReflect().Descriptor()
			if _, violations := Parse(md, input); len(violations) > 0 {
				t.Errorf("%s: Parse(%q): %q", md.Name(), input, violations)
			}
		}
	}
}

func TestBlankSelectsEverything(t *testing.T) {
	for _, input := range []string{"", "  "} {
		projection, violations := Parse((&cmfv1.Secret{}).ProtoReflect().Descriptor(), input)
		if len(violations) > 0 || !projection.All() {
			t.Errorf("Parse(%q): all %v, %q", input, projection.All(), violations)
		}
	}
}
