package application

import (
	"slices"

	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/flinkspec"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/flink"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

// view is an application as users see it: as written, with the status that the
// agent reported.
func (a *Applications) view(i Item, detail resource.Detail) *cmfv1.FlinkApplication {
	app := i.Value().GetApplication()
	status := Status(i.Value(), i.Reported(), a.staleWarning(i.At, i.Key))
	if detail.Resources {
		status = openjson.AppendValue(status, "resourceSummary", FormatUsage(a.usage(i)))
	}
	return &cmfv1.FlinkApplication{
		ApiVersion: contract.APIVersion,
		Kind:       contract.KindApplication,
		Metadata:   resource.WithUpdateTime(app.GetMetadata(), i.Reported().GetUpdateTime()),
		Spec:       app.GetSpec(),
		Status:     &cmfv1.JsonObject{Json: status},
	}
}

// staleWarning says why what is reported of the applications under a path, which
// begins with an environment, may be old; empty where it is not.
func (a *Applications) staleWarning(at store.Reader, path string) string {
	env := a.environments.Of(at, path)
	if env == nil {
		return ""
	}
	return a.clusters.StaleWarning(at, env.Value().GetKubernetesClusterName(), flink.DeploymentDefinition)
}

// jobState is the state of an application's job; RECONCILING until one is
// reported.
func jobState(i Item) string {
	if state := i.ReportedHead().GetJobState(); state != "" {
		return state
	}
	return flink.JobReconciling
}

// lifecycleState is the state that the operator reports of an application: UNKNOWN
// before it has reported any, and OTHER for those that it is not known to report.
func lifecycleState(i Item) string {
	switch state := i.ReportedHead().GetLifecycleState(); {
	case state == "":
		return "UNKNOWN"
	case slices.Contains(flink.LifecycleStates, state):
		return state
	default:
		return "OTHER"
	}
}

// usage is what an application asks its cluster for.
func (a *Applications) usage(i Item) *cmfv1.ResourceUsageSummary {
	none := flinkspec.AddUsage(nil, nil)
	instance := a.instances.In(i.At).Get(store.Join(i.Key, i.Value().GetInstance()))
	if instance == nil {
		return none
	}
	effective, err := effectiveOf(instance)
	if err != nil {
		return none
	}
	spec, err := specOf(i.Object)
	if err != nil {
		return none
	}
	return flinkspec.Usage(openjson.Merge(effective, openjson.Object{"job": openjson.Object{"state": flinkspec.DesiredState(spec)}}))
}
