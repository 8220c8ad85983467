package driver

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Policies are those of the agent.
type Policies interface {
	// Check returns what they forbid in an object; empty if nothing. live is the object
	// before, nil if there is none.
	Check(ctx context.Context, object, live map[string]any) string
}

// checkPolicies returns what the agent's policies forbid in an object. They protect the
// workload cluster from a control plane that does not have them.
func (d *Driver) checkPolicies(ctx context.Context, t task, manifest, live *unstructured.Unstructured) *problem {
	if d.config.Policies == nil {
		return nil
	}
	var before map[string]any
	if live != nil {
		before = live.Object
	}
	violations := d.config.Policies.Check(ctx, manifest.Object, before)
	switch {
	case violations == "":
		return nil
	case ctx.Err() != nil:
		return retrying(ReasonPolicy, "The policies of the agent of cluster %q could not be evaluated on %s.", d.config.Cluster, t.key)
	}
	return refused(ReasonPolicy, "The agent of cluster %q does not apply %s: %s. The agent's --policy has the policies.", d.config.Cluster, t.key, violations)
}

// PoliciesChanged reconciles every object again.
func (d *Driver) PoliciesChanged() {
	<-d.started
	d.mu.Lock()
	defer d.mu.Unlock()
	d.requeueAll()
}
