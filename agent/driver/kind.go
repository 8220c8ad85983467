package driver

import (
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/openweir/weir/flink"
)

// kind is a kind of object that the driver handles.
type kind struct {
	version  schema.GroupVersion
	name     string
	resource string
	// custom kinds exist only if their custom resource definition does.
	custom bool
	// jobs run or belong to a Flink job; their Kubernetes events are reported.
	jobs bool
	// secret content does not appear in annotations, events and logs.
	secret bool
	// rare kinds are watched only where objects of them exist.
	rare bool
}

// flinkVersion is the API of the Flink Kubernetes Operator.
var flinkVersion = schema.GroupVersion{Group: flink.Group, Version: flink.Version}

var kinds = []*kind{
	{version: flinkVersion, name: flink.KindDeployment, resource: flink.ResourceDeployments, custom: true, jobs: true},
	{version: flinkVersion, name: flink.KindSessionJob, resource: flink.ResourceSessionJobs, custom: true, jobs: true},
	{version: flinkVersion, name: flink.KindStateSnapshot, resource: flink.ResourceStateSnapshots, custom: true, jobs: true},
	{version: schema.GroupVersion{Version: "v1"}, name: "Secret", resource: "secrets", secret: true, rare: true},
	{version: schema.GroupVersion{Version: "v1"}, name: "ConfigMap", resource: "configmaps", rare: true},
}

// kindOf returns the kind of an object; nil if the driver does not handle it.
func kindOf(k key) *kind {
	for _, candidate := range kinds {
		if candidate.name == k.kind && candidate.version.String() == k.apiVersion {
			return candidate
		}
	}
	return nil
}

func (k *kind) gvr() schema.GroupVersionResource { return k.version.WithResource(k.resource) }

// definition is the name of the kind's custom resource definition, and of the
// resource in RBAC messages.
func (k *kind) definition() string { return k.gvr().GroupResource().String() }
