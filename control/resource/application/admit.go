package application

import (
	"context"

	"github.com/openweir/weir/control/flinkspec"
	"github.com/openweir/weir/control/resource/policy"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

// admit holds what a plan makes of an application with a parsed specification to the
// allowed service accounts and to the policies. A change that only suspends is always
// possible.
func (a *Applications) admit(
	ctx context.Context, tx *store.Tx, env *store.Object[*cmfv1.Environment], before *store.Object[*storev1.ApplicationRecord],
	key string, spec openjson.Object, plan Plan,
) (warnings []string, err error) {
	old, err := specOf(before)
	if err != nil {
		return nil, err
	}
	if suspends(old, spec) {
		return nil, nil
	}
	if err := a.accounts.Check(tx, "spec", plan.Effective); err != nil {
		return nil, err
	}
	return a.policies.Check(ctx, tx, policy.Change{
		Environment: env.Value(), Field: "spec",
		Render: func() (string, error) {
			defaults, err := defaultsOf(env)
			if err != nil {
				return "", err
			}
			return render(env, plan.Record, spec, defaults, openjson.Merge(plan.Effective, nil), plan.Record.GetInstance()).GetManifest(), nil
		},
		Old: func() (string, error) {
			if before == nil {
				return "", nil
			}
			apply, err := a.renderKey(tx, env, key)
			return apply.GetManifest(), err
		},
	})
}

// ServiceAccounts names the service accounts that applications use.
func (a *Applications) ServiceAccounts(at store.Reader) []string {
	var names []string
	for app := range a.Records.In(at).Under("") {
		env := a.environments.Of(at, app.Key)
		spec, err := specOf(app)
		if err != nil || env == nil {
			continue
		}
		defaults, err := defaultsOf(env)
		if err != nil {
			continue
		}
		for _, account := range flinkspec.ServiceAccounts(flinkspec.Effective(spec, defaults)) {
			names = append(names, account.Name)
		}
	}
	return names
}
