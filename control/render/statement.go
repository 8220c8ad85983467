package render

import (
	"fmt"
	"maps"

	"github.com/openweir/weir/control/contract"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

// StatementRef names the object that runs a statement: a FlinkDeployment, a
// FlinkSessionJob, or a Statement of the agent's SQL driver.
func StatementRef(env *cmfv1.Environment, kind, statement string) *agentv1.ObjectRef {
	version := FlinkAPIVersion
	if kind == KindStatement {
		version = SQLAPIVersion
	}
	return &agentv1.ObjectRef{
		ApiVersion: version,
		Kind:       kind,
		Namespace:  env.GetKubernetesNamespace(),
		Name:       statement,
	}
}

// Statement renders the object of a statement that the operator runs. Its
// specification was made when the statement was last changed, so that a change
// of the environment's defaults restarts no statement.
func Statement(env *cmfv1.Environment, record *storev1.StatementRecord) (*agentv1.Apply, error) {
	statement := record.GetStatement()
	metadata := statement.GetMetadata()
	spec, err := openjson.Parse(record.GetObjectSpec())
	if err != nil {
		return nil, fmt.Errorf("specification of the object of statement %s: %w", metadata.GetName(), err)
	}
	if spec == nil {
		return nil, fmt.Errorf("statement %s has no specification of an object", metadata.GetName())
	}
	openjson.Set(spec, desiredState(statement), "job", "state")
	setStart(spec, record.GetStart())
	return object(StatementRef(env, record.GetObjectKind(), metadata.GetName()), metadata.GetUid(), record.GetGeneration(),
		environmentLabels(env, metadata), maps.Clone(metadata.GetAnnotations()), spec)
}

// desiredState is what the job of a statement is to be.
func desiredState(statement *cmfv1.Statement) string {
	if statement.GetSpec().GetStopped() {
		return contract.JobSuspended
	}
	return contract.JobRunning
}

// setStart makes a job start from a savepoint, nil where it goes on from its
// own state.
func setStart(spec openjson.Object, start *storev1.SavepointStart) {
	if start == nil {
		return
	}
	openjson.Set(spec, start.GetPath(), "job", "initialSavepointPath")
	openjson.Set(spec, start.GetNonce(), "job", "savepointRedeployNonce")
	if start.GetAllowNonRestoredState() {
		openjson.Set(spec, true, "job", "allowNonRestoredState")
	}
}
