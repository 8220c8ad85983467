package operator

import (
	"slices"

	"github.com/openweir/weir/flink/validation"
)

// validateDeployment returns the first rule of the operator's validator that the
// spec of a FlinkDeployment breaks, or nil. reconciled is the spec in force; nil
// where there is none.
func validateDeployment(name string, s, reconciled spec) error {
	return first(slices.Concat(validation.Name("metadata.name", name), validation.Deployment(s), validation.Change(reconciled, s)))
}

// validateSessionJob returns the first rule that a FlinkSessionJob breaks.
// cluster is the spec of its session cluster; nil where there is none yet.
// fetches tells whether the jar can be had.
func validateSessionJob(s, reconciled, cluster spec, fetches func(uri string) error) error {
	if err := fetches(s.text("job", "jarURI")); err != nil {
		return err
	}
	return first(validation.SessionJob(s, reconciled, cluster))
}

func first(problems []validation.Problem) error {
	if len(problems) == 0 {
		return nil
	}
	return problems[0]
}
