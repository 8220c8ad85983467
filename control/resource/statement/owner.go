package statement

import (
	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/manifest"
	"github.com/openweir/weir/control/resource/savepoint"
	"github.com/openweir/weir/control/store"
)

// SavepointOwner gives a statement as the owner of savepoints.
func (s *Statements) SavepointOwner(at store.Reader, env, name string) (savepoint.Owner, error) {
	environment, item, err := s.Find(at, env, name)
	if err != nil {
		return savepoint.Owner{}, err
	}
	return savepoint.ForStatement(environment.Value(), item.Value()), nil
}

// RequireSavepointOwner gives a statement as the owner of a new savepoint, or says
// why none can be taken of it. The transaction is committed only if the statement
// is still the same.
func (s *Statements) RequireSavepointOwner(tx *store.Tx, env, name string) (savepoint.Owner, error) {
	environment, err := s.environments.Find(tx, env)
	if err != nil {
		return savepoint.Owner{}, err
	}
	item, err := s.kind.Require(tx, environment.Key, name)
	if err != nil {
		return savepoint.Owner{}, err
	}
	if phase := phaseOf(item); !IsDeployed(item.Value()) || !occupies(phase) {
		return savepoint.Owner{}, apierror.Unprocessable("Statement '" + name + "' is " + phase + " and has no running job, so no savepoint can be taken.")
	}
	if item.Value().GetObjectKind() == manifest.KindStatement {
		return savepoint.Owner{}, apierror.Unprocessable("Statement '" + name + "' runs as a job of a session cluster: a savepoint is taken only when the statement is stopped.")
	}
	return savepoint.ForStatement(environment.Value(), item.Value()), nil
}
