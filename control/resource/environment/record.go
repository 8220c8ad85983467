package environment

import (
	"google.golang.org/protobuf/proto"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

// requestedName is the name in a request, which clients give at the top level or
// in the metadata.
func requestedName(env *cmfv1.Environment) string {
	if env.GetName() != "" {
		return env.GetName()
	}
	return env.GetMetadata().GetName()
}

// withUpdate is the record after an update: what the update leaves out stays, an
// empty object clears.
func withUpdate(before, update *cmfv1.Environment) *cmfv1.Environment {
	after := proto.CloneOf(before)
	if update.GetFlinkApplicationDefaults() != nil {
		after.FlinkApplicationDefaults = nonEmpty(update.GetFlinkApplicationDefaults())
	}
	if update.GetComputePoolDefaults() != nil {
		after.ComputePoolDefaults = nonEmpty(update.GetComputePoolDefaults())
	}
	if defaults := update.GetStatementDefaults(); defaults != nil {
		if after.StatementDefaults == nil {
			after.StatementDefaults = &cmfv1.AllStatementDefaults{}
		}
		if defaults.GetDetached() != nil {
			after.StatementDefaults.Detached = defaults.GetDetached()
		}
		if defaults.GetInteractive() != nil {
			after.StatementDefaults.Interactive = defaults.GetInteractive()
		}
	}
	if labels := update.GetMetadata().GetLabels(); labels != nil {
		after.Metadata.Labels = labels
	}
	if annotations := update.GetMetadata().GetAnnotations(); annotations != nil {
		after.Metadata.Annotations = annotations
	}
	return after
}

func nonEmpty(o *cmfv1.JsonObject) *cmfv1.JsonObject {
	if parsed, err := openjson.Parse(o); err == nil && len(parsed) == 0 {
		return nil
	}
	return o
}
