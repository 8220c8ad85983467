package render

import (
	"fmt"
	"maps"

	"github.com/openweir/weir/control/rules"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// StatementRef names the object that runs a statement: a FlinkDeployment or a
// FlinkSessionJob.
func StatementRef(env *cmfv1.Environment, kind, statement string) *agentv1.ObjectRef {
	return &agentv1.ObjectRef{
		ApiVersion: FlinkAPIVersion,
		Kind:       kind,
		Namespace:  env.GetKubernetesNamespace(),
		Name:       statement,
	}
}

// Statement renders the object of a statement that Flink runs. Its
// specification was made when the statement was last changed, so that a change
// of the environment's defaults restarts no statement.
func Statement(env *cmfv1.Environment, record *storev1.StatementRecord) (*agentv1.Apply, error) {
	statement := record.GetStatement()
	metadata := statement.GetMetadata()
	spec, err := rules.ParseObject(record.GetObjectSpec())
	if err != nil {
		return nil, fmt.Errorf("specification of the object of statement %s: %w", metadata.GetName(), err)
	}
	if spec == nil {
		return nil, fmt.Errorf("statement %s has no specification of an object", metadata.GetName())
	}
	desired := rules.JobRunning
	if statement.GetSpec().GetStopped() {
		desired = rules.JobSuspended
	}
	rules.SetField(spec, desired, "job", "state")
	setStart(spec, record.GetStart())
	return object(StatementRef(env, record.GetObjectKind(), metadata.GetName()), metadata.GetUid(), record.GetGeneration(),
		environmentLabels(env, metadata), maps.Clone(metadata.GetAnnotations()), spec)
}

// setStart makes a job start from a savepoint, nil where it goes on from its
// own state.
func setStart(spec rules.Object, start *storev1.SavepointStart) {
	if start == nil {
		return
	}
	rules.SetField(spec, start.GetPath(), "job", "initialSavepointPath")
	rules.SetField(spec, start.GetNonce(), "job", "savepointRedeployNonce")
	if start.GetAllowNonRestoredState() {
		rules.SetField(spec, true, "job", "allowNonRestoredState")
	}
}
