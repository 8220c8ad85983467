package application

import (
	"github.com/openweir/weir/control/resource/savepoint"
	"github.com/openweir/weir/control/store"
)

// SavepointOwner gives an application as the owner of savepoints.
func (a *Applications) SavepointOwner(at store.Reader, env, name string) (savepoint.Owner, error) {
	environment, _, err := a.Find(at, env, name)
	if err != nil {
		return savepoint.Owner{}, err
	}
	return savepoint.ForApplication(environment.Value(), name), nil
}

// RequireSavepointOwner gives an application as the owner of a new savepoint. The
// transaction is committed only if the application is still there then, whatever
// has changed of it.
func (a *Applications) RequireSavepointOwner(tx *store.Tx, env, name string) (savepoint.Owner, error) {
	environment, app, err := a.Find(tx, env, name)
	if err != nil {
		return savepoint.Owner{}, err
	}
	a.Records.RequirePresent(tx, app.Key)
	return savepoint.ForApplication(environment.Value(), name), nil
}
