package agent

import (
	"context"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// ObjectDriver keeps the objects of some kinds in the state that the control
// plane desires. All methods but Run and Describe return at once, and none is
// called concurrently with another except Run.
type ObjectDriver interface {
	// Run works until ctx ends, and returns when nothing of it is running.
	Run(ctx context.Context)
	// Handles reports whether the driver is responsible for an object. Apply, Delete
	// and Orphan are called for such objects only.
	Handles(*agentv1.ObjectRef) bool
	// Describe adds to a Hello what the driver supports and holds.
	Describe(ctx context.Context, hello *agentv1.Hello) error
	// Welcome begins a session. Everything is to be reported again. What a session
	// with a smaller epoch than restored has begun may be unknown to the control plane.
	Welcome(installation string, epoch, restored int64, decommissioned bool)
	// Apply, Delete, Orphan and Synced are the messages of these names.
	Apply(*agentv1.Apply)
	Delete(*agentv1.Delete)
	Orphan(*agentv1.Orphan)
	Synced()
	// Decommissioned says that the cluster was taken out of service.
	Decommissioned()
	// Disconnected ends a session. If superseded, a newer session of the cluster
	// is active, and the driver must not act until the next Welcome.
	Disconnected(superseded bool)
}

// HealthSource reports the health of the workload cluster.
type HealthSource interface {
	Heartbeat() *agentv1.Heartbeat
}

// ResultSource has the result rows of statements.
type ResultSource interface {
	// Fetch replies to a request, at once or later. It does not block.
	Fetch(request *agentv1.FetchResults, reply func(*agentv1.ResultPage))
}
