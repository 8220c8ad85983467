package application

import (
	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/flinkspec"
	"github.com/openweir/weir/control/validate"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

// check validates an application without the environment's defaults, and returns
// its parsed specification.
func check(app *cmfv1.FlinkApplication) (openjson.Object, error) {
	var v apierror.Violations
	validate.ObjectName(&v, "metadata.name", app.GetMetadata().GetName())
	validate.Kind(&v, app.GetKind(), contract.KindApplication)
	validate.ObjectMetadata(&v, app.GetMetadata(), AdoptAnnotation)
	if value, given := app.GetMetadata().GetAnnotations()[AdoptAnnotation]; given && value != "true" && value != "false" {
		v.Addf("metadata.annotations[%q]: must be \"true\" or \"false\"", AdoptAnnotation)
	}
	spec, err := openjson.Parse(app.GetSpec())
	if err != nil {
		v.Addf("spec: %v", err)
	} else {
		flinkspec.CheckInstructions(&v, spec)
	}
	return spec, v.Invalid()
}
