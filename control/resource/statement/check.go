package statement

import (
	"maps"
	"slices"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/validate"
	"github.com/openweir/weir/flink"
	"github.com/openweir/weir/flink/podsecurity"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// check validates a statement without its environment. It does not check the SQL:
// invalid SQL results in a failed statement.
func check(statement *cmfv1.Statement) error {
	var v apierror.Violations
	validate.ObjectName(&v, "metadata.name", statement.GetMetadata().GetName())
	validate.Kind(&v, statement.GetKind(), contract.KindStatement)
	validate.ObjectMetadata(&v, statement.GetMetadata())
	if err := v.Invalid(); err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(statement.GetSpec().GetFlinkConfiguration())) {
		if slices.Contains(flink.ReservedOptions, key) {
			v.Addf("spec.flinkConfiguration: must not set %q, which the operator sets", key)
		}
	}
	for _, problem := range podsecurity.CheckOptions("spec.flinkConfiguration", statement.GetSpec().GetFlinkConfiguration()) {
		v.Addf("%s", problem.Error())
	}
	return v.Unprocessable()
}

// checkNew refuses what only an update may have.
func checkNew(statement *cmfv1.Statement) error {
	if statement.GetSpec().GetStartFromSavepoint() != nil {
		return apierror.Unprocessable("spec.startFromSavepoint: can only be given when a statement is updated")
	}
	return nil
}

// checkUpdate refuses changes of what cannot change.
func checkUpdate(before, update *cmfv1.StatementSpec) error {
	var v apierror.Violations
	if update.GetStatement() != before.GetStatement() {
		v.Addf("spec.statement: cannot change after creation")
	}
	if update.Properties != nil && !maps.Equal(update.GetProperties(), before.GetProperties()) {
		v.Addf("spec.properties: cannot change after creation")
	}
	if update.FlinkConfiguration != nil && !maps.Equal(update.GetFlinkConfiguration(), before.GetFlinkConfiguration()) {
		v.Addf("spec.flinkConfiguration: cannot change after creation")
	}
	checkSavepoint(&v, update.GetStartFromSavepoint())
	return v.Unprocessable()
}

func checkSavepoint(v *apierror.Violations, start *cmfv1.StatementStartFromSavepoint) {
	if start == nil {
		return
	}
	given := 0
	for _, reference := range []string{start.GetSavepointName(), start.GetUid(), start.GetInitialSavepointPath()} {
		if reference != "" {
			given++
		}
	}
	if given != 1 {
		v.Addf("spec.startFromSavepoint: must name a savepoint by one of savepointName, uid and initialSavepointPath")
	}
}
