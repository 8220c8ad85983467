package fleet

import (
	"github.com/openweir/weir/control/render"
	"github.com/openweir/weir/control/state"
	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func (f *Fleet) addApplications() {
	addKept(f, f.State.Applications, keptKind{
		collection: state.CollectionApplications,
		render:     f.renderApplication,
		store:      f.reports.storeApplication,
		status:     statusIn(f.State.ApplicationStatus),
	})
}

func (f *Fleet) renderApplication(env *cmfv1.Environment, key string) (*agentv1.Apply, error) {
	record, ok := f.State.Applications.Cached(key)
	if !ok {
		return nil, nil // a tombstone has taken over
	}
	instance, ok := f.State.Instances.Cached(store.Join(key, record.Value.GetInstance()))
	if !ok && record.Value.GetInstance() != "" {
		// The caches of one transaction fill one after the other. The
		// application is announced when all have.
		return nil, nil
	}
	return render.Application(env, record.Value, instance.Value)
}
