package statement

import (
	"context"

	"github.com/openweir/weir/control/manifest"
	"github.com/openweir/weir/control/resource/policy"
	"github.com/openweir/weir/control/sql/ddl"
	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// admit holds the objects of a statement to the policies. before is nil for a new
// statement.
func (s *Statements) admit(ctx context.Context, tx *store.Tx, env *cmfv1.Environment, before, record *storev1.StatementRecord) (warnings []string, err error) {
	if !IsDeployed(record) {
		return nil, nil
	}
	objects := []func(*cmfv1.Environment, *storev1.StatementRecord) (*agentv1.Apply, error){judgedJob}
	if record.GetClusterSpec() != nil {
		objects = append(objects, clusterManifest)
	}
	for _, render := range objects {
		of, err := s.policies.Check(ctx, tx, policy.Change{
			Environment: env, Field: "spec",
			Render: func() (string, error) {
				apply, err := render(env, record)
				return apply.GetManifest(), err
			},
			Old: func() (string, error) {
				if before == nil || !IsDeployed(before) {
					return "", nil
				}
				apply, err := render(env, before)
				return apply.GetManifest(), err
			},
		})
		if err != nil {
			return nil, err
		}
		warnings = append(warnings, of...)
	}
	return warnings, nil
}

// judgedJob is the object of the job of a statement, without what connects it to its
// databases.
func judgedJob(env *cmfv1.Environment, record *storev1.StatementRecord) (*agentv1.Apply, error) {
	if record.GetObjectKind() != manifest.KindStatement {
		return operatorManifest(env, record)
	}
	return fullDriverManifest(env, record, nil, func(string, string) ddl.Connection { return ddl.Connection{} })
}
