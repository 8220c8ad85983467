package statement

import (
	"github.com/openweir/weir/control/sql/ddl"
	"github.com/openweir/weir/control/sql/metadata"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

// driverManifest renders the object by which the SQL driver of an agent runs a
// statement on a session cluster. connect gives how the databases of its tables
// are reached now. reported is what is known of the run so far, nil where nothing
// is: a driver of another process does not remember it. Neither is part of the
// hash, so that a password which changes restarts no job, and cannot be guessed
// from the hash either.
func driverManifest(
	env *cmfv1.Environment, record *storev1.StatementRecord, reported *storev1.StatusRecord, connect ddl.Connect,
) (*agentv1.Apply, error) {
	apply, err := fullDriverManifest(env, record, reported, connect)
	if err != nil {
		return nil, err
	}
	bare, err := fullDriverManifest(env, record, nil, func(string, string) ddl.Connection { return ddl.Connection{} })
	if err != nil {
		return nil, err
	}
	apply.Hash = bare.GetHash()
	return apply, nil
}

// fullDriverManifest is driverManifest with everything in the hash.
func fullDriverManifest(
	env *cmfv1.Environment, record *storev1.StatementRecord, reported *storev1.StatusRecord, connect ddl.Connect,
) (*agentv1.Apply, error) {
	spec, err := objectSpec(record)
	if err != nil {
		return nil, err
	}
	setup := ddl.Setup(metadata.Session{Catalog: record.GetCatalog(), Database: record.GetDatabase()}, record.GetTables(), connect)
	if setup == nil {
		setup = []string{}
	}
	spec["setup"] = setup
	spec["state"] = desiredState(record)
	spec["initialSavepointPath"] = record.GetStart().GetPath()
	spec["savepointRedeployNonce"] = record.GetStart().GetNonce()
	spec["allowNonRestoredState"] = record.GetStart().GetAllowNonRestoredState()
	if reported != nil {
		spec["known"] = openjson.Object{
			"generation":           reported.GetGeneration(),
			"phase":                phaseFrom(record, reported),
			"jobId":                reported.GetJobId(),
			"state":                reported.GetJobState(),
			"upgradeSavepointPath": stoppedAt(reported),
		}
	}
	return manifestOf(env, record, Ref(env, record), spec)
}
