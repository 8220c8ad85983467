package application

import (
	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/flinkspec"
	"github.com/openweir/weir/control/resource/savepoint"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/flink"
	"github.com/openweir/weir/openjson"
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
	if state, runs := jobRuns(app); !runs {
		return savepoint.Owner{}, apierror.Unprocessable("Application '" + name + "' is " + state + " and has no running job, so no savepoint can be taken.")
	}
	a.Records.RequirePresent(tx, app.Key)
	return savepoint.ForApplication(environment.Value(), name), nil
}

// jobRuns is false for an application whose job has ended or is not to run, with
// the state that says so. A job of which nothing is known yet counts as running, and
// so does one that was changed since its last report.
func jobRuns(app Item) (state string, runs bool) {
	spec, err := openjson.Parse(app.Value().GetApplication().GetSpec())
	if err == nil && flinkspec.DesiredState(spec) == flink.Suspended {
		return "suspended", false
	}
	state = jobState(app)
	if app.ReportedHead().GetGeneration() < app.Value().GetGeneration() {
		return state, true
	}
	switch state {
	case flink.JobFinished, flink.JobFailed, flink.JobCanceled:
		return state, false
	default:
		return state, true
	}
}
