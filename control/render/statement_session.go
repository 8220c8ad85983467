package render

import (
	"fmt"
	"maps"

	"github.com/openweir/weir/control/rules"
	"github.com/openweir/weir/control/sql/ddl"
	"github.com/openweir/weir/control/sql/metadata"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

// What the SQL driver of an agent keeps: objects that no Kubernetes has, but
// that travel and are reported on as if it had.
const (
	SQLAPIVersion = "sql.weir.dev/v1"
	KindStatement = "Statement"
)

// SessionStatement renders the object by which the SQL driver of an agent runs a
// statement on a session cluster. connect tells how the databases of its tables
// are reached now, and reported what is known of the run so far, which a driver
// of another process has no memory of; nil where nothing is. Neither is part of
// the hash, so that a password which changes restarts no job, and cannot be
// guessed from the hash either.
func SessionStatement(
	env *cmfv1.Environment, record *storev1.StatementRecord, reported *storev1.StatusRecord, connect ddl.Connect,
) (*agentv1.Apply, error) {
	apply, err := sessionStatement(env, record, reported, connect)
	if err != nil {
		return nil, err
	}
	bare, err := sessionStatement(env, record, nil, func(string, string) ddl.Connection { return ddl.Connection{} })
	if err != nil {
		return nil, err
	}
	apply.Hash = bare.GetHash()
	return apply, nil
}

func sessionStatement(
	env *cmfv1.Environment, record *storev1.StatementRecord, reported *storev1.StatusRecord, connect ddl.Connect,
) (*agentv1.Apply, error) {
	statement := record.GetStatement()
	metadataOf := statement.GetMetadata()
	spec, err := openjson.Parse(record.GetObjectSpec())
	if err != nil {
		return nil, fmt.Errorf("specification of the object of statement %s: %w", metadataOf.GetName(), err)
	}
	if spec == nil {
		return nil, fmt.Errorf("statement %s has no specification of an object", metadataOf.GetName())
	}
	setup := ddl.Setup(metadata.Session{Catalog: record.GetCatalog(), Database: record.GetDatabase()}, record.GetTables(), connect)
	if setup == nil {
		setup = []string{}
	}
	spec["setup"] = setup
	spec["state"] = desiredState(statement)
	spec["initialSavepointPath"] = record.GetStart().GetPath()
	spec["savepointRedeployNonce"] = record.GetStart().GetNonce()
	spec["allowNonRestoredState"] = record.GetStart().GetAllowNonRestoredState()
	if reported != nil {
		spec["known"] = openjson.Object{
			"generation":           reported.GetGeneration(),
			"phase":                rules.StatementPhase(record, reported),
			"jobId":                reported.GetJobId(),
			"state":                reported.GetJobState(),
			"upgradeSavepointPath": rules.StoppedAt(reported),
		}
	}
	return object(StatementRef(env, KindStatement, metadataOf.GetName()), metadataOf.GetUid(), record.GetGeneration(),
		environmentLabels(env, metadataOf), maps.Clone(metadataOf.GetAnnotations()), spec)
}

// StatementCluster renders the session cluster of a statement that has one of
// its own; nil where it has none.
func StatementCluster(env *cmfv1.Environment, record *storev1.StatementRecord) (*agentv1.Apply, error) {
	metadataOf := record.GetStatement().GetMetadata()
	spec, err := openjson.Parse(record.GetClusterSpec())
	if err != nil {
		return nil, fmt.Errorf("specification of the cluster of statement %s: %w", metadataOf.GetName(), err)
	}
	if spec == nil {
		return nil, nil
	}
	return object(DeploymentRef(env, metadataOf.GetName()), metadataOf.GetUid(), record.GetGeneration(),
		environmentLabels(env, metadataOf), maps.Clone(metadataOf.GetAnnotations()), withGateway(spec))
}

// StatementRefs name the objects of a statement: that of its job, and that of
// the cluster which runs it where that is the statement's own.
func StatementRefs(env *cmfv1.Environment, record *storev1.StatementRecord) []*agentv1.ObjectRef {
	if record.GetObjectKind() == "" {
		return nil
	}
	name := record.GetStatement().GetMetadata().GetName()
	refs := []*agentv1.ObjectRef{StatementRef(env, record.GetObjectKind(), name)}
	if record.GetClusterSpec() != nil {
		refs = append(refs, DeploymentRef(env, name))
	}
	return refs
}
