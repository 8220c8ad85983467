package agent

import (
	"context"

	"github.com/openweir/weir/agent/driver"
	"github.com/openweir/weir/agent/sql"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// RowSource has the rows of the queries that run on a workload cluster.
type RowSource interface {
	// Fetch answers a request, at once or later. It does not block.
	Fetch(request *agentv1.FetchResults, answer func(*agentv1.ResultPage))
}

// StatementDriver is a RowSource that runs the statements too.
type StatementDriver interface {
	RowSource
	// Run works until ctx ends, and returns when everything has come to rest.
	Run(ctx context.Context)
	// Report names the one to report to. It is called before anything else.
	Report(to sql.Reporter)
	// Handles tells whether an object is the driver's affair, and not one of the
	// API server's.
	Handles(*agentv1.ObjectRef) bool
	// Held lists the objects that the driver works on.
	Held() []*agentv1.HeldObject
	// The methods of link.Handler, but for what concerns the API server.
	Welcome(decommissioned bool)
	Apply(*agentv1.Apply)
	Delete(*agentv1.Delete)
	Synced()
	Decommissioned()
	Disconnected(superseded bool)
}

// Capability stands among the custom resource definitions of a Hello where the
// agent runs statements.
const Capability = "statements.sql.weir.dev"

// handler shares what the control plane says between the driver of the API
// server's objects and that of statements.
type handler struct {
	*driver.Driver
	statements StatementDriver
}

// Hello describes the cluster with the statements that are worked on.
func (h *handler) Hello(ctx context.Context) (*agentv1.Hello, error) {
	hello, err := h.Driver.Hello(ctx)
	if err != nil {
		return nil, err
	}
	hello.CustomResourceDefinitions = append(hello.CustomResourceDefinitions, Capability)
	hello.Held = append(hello.Held, h.statements.Held()...)
	return hello, nil
}

// Welcome begins a session for both.
func (h *handler) Welcome(epoch int64, decommissioned bool) {
	h.Driver.Welcome(epoch, decommissioned)
	h.statements.Welcome(decommissioned)
}

// Apply goes to the one whose affair the object is.
func (h *handler) Apply(a *agentv1.Apply) {
	if h.statements.Handles(a.GetRef()) {
		h.statements.Apply(a)
		return
	}
	h.Driver.Apply(a)
}

// Delete goes to the one whose affair the object is.
func (h *handler) Delete(m *agentv1.Delete) {
	if h.statements.Handles(m.GetRef()) {
		h.statements.Delete(m)
		return
	}
	h.Driver.Delete(m)
}

// Synced ends the first exchange of a session for both.
func (h *handler) Synced() {
	h.Driver.Synced()
	h.statements.Synced()
}

// Decommissioned makes both idle.
func (h *handler) Decommissioned() {
	h.Driver.Decommissioned()
	h.statements.Decommissioned()
}

// Disconnected tells both that the session has ended.
func (h *handler) Disconnected(superseded bool) {
	h.Driver.Disconnected(superseded)
	h.statements.Disconnected(superseded)
}
