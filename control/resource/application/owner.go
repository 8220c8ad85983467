package application

import (
	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/flinkspec"
	"github.com/openweir/weir/control/resource/savepoint"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/flink"
)

// SavepointOwner gives an application as the owner of savepoints.
func (a *Applications) SavepointOwner(at store.Reader, env, name string) (savepoint.Owner, error) {
	environment, _, err := a.Find(at, env, name)
	if err != nil {
		return savepoint.Owner{}, err
	}
	return savepoint.ForApplication(environment.Value(), name), nil
}

// RequireSavepointOwner gives an application as the owner of a new savepoint, or
// says why none can be taken of it. The transaction is committed only if the
// application is still there then, whatever has changed of it.
func (a *Applications) RequireSavepointOwner(tx *store.Tx, env, name string) (savepoint.Owner, error) {
	environment, app, err := a.Find(tx, env, name)
	if err != nil {
		return savepoint.Owner{}, err
	}
	if state, runs := a.jobRuns(app); !runs {
		return savepoint.Owner{}, apierror.Unprocessable("Application '" + name + "' is " + state + " and has no running job, so no savepoint can be taken.")
	}
	a.Records.RequirePresent(tx, app.Key)
	return savepoint.ForApplication(environment.Value(), name), nil
}

// jobRuns is false for an application whose job has ended or is not to run, with
// the state that says so. The state is that of the current instance, which is
// RECONCILING until its own job is reported: the status of the application may still
// be that of the run before.
func (a *Applications) jobRuns(app Item) (state string, runs bool) {
	spec, err := specOf(app.Object)
	if err == nil && flinkspec.DesiredState(spec) == flink.Suspended {
		return "suspended", false
	}
	instance := a.instances.In(app.At).Get(store.Join(app.Key, app.Value().GetInstance()))
	switch state = instance.Message().GetStatus().GetJobStatus().GetState(); state {
	case flink.JobFinished, flink.JobFailed, flink.JobCanceled:
		return state, false
	default:
		return state, true
	}
}
