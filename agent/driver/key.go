package driver

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// key names an object of the cluster, as agentv1.ObjectRef does.
type key struct {
	apiVersion string
	kind       string
	namespace  string
	name       string
}

func keyOf(ref *agentv1.ObjectRef) key {
	return key{
		apiVersion: ref.GetApiVersion(),
		kind:       ref.GetKind(),
		namespace:  ref.GetNamespace(),
		name:       ref.GetName(),
	}
}

func keyOfObject(o *unstructured.Unstructured) key {
	return key{
		apiVersion: o.GetAPIVersion(),
		kind:       o.GetKind(),
		namespace:  o.GetNamespace(),
		name:       o.GetName(),
	}
}

func (k key) ref() *agentv1.ObjectRef {
	return &agentv1.ObjectRef{ApiVersion: k.apiVersion, Kind: k.kind, Namespace: k.namespace, Name: k.name}
}

// String formats the key for messages.
func (k key) String() string { return fmt.Sprintf("%s %s/%s", k.kind, k.namespace, k.name) }
