package agent

import (
	"context"
	"fmt"

	"github.com/openweir/weir/agent/fence"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// ReasonUnsupportedKind is the reason of an Ack for an object of a kind that no
// driver of the agent handles.
const ReasonUnsupportedKind = "UnsupportedKind"

// dispatcher passes what concerns an object to the driver that handles it, and
// everything else to all drivers. It implements link.Handler.
type dispatcher struct {
	HealthSource
	config    *Config
	processID string
	drivers   []ObjectDriver
	fence     *fence.Fence
	ack       func(*agentv1.Ack)
}

// Hello describes the cluster for a new session.
func (d *dispatcher) Hello(ctx context.Context) (*agentv1.Hello, error) {
	hello := &agentv1.Hello{
		Cluster:      d.config.Cluster,
		ProcessId:    d.processID,
		AgentVersion: d.config.Version,
		Labels:       d.config.Labels,
		Simulated:    d.config.Simulated,
	}
	for _, driver := range d.drivers {
		if err := driver.Describe(ctx, hello); err != nil {
			return nil, err
		}
	}
	return hello, nil
}

// Welcome begins a session of all drivers.
func (d *dispatcher) Welcome(installation string, epoch, restored int64, decommissioned bool) {
	d.fence.Welcome(installation, epoch)
	for _, driver := range d.drivers {
		driver.Welcome(installation, epoch, restored, decommissioned)
	}
}

// Apply goes to the driver that handles the object.
func (d *dispatcher) Apply(a *agentv1.Apply) {
	if driver := d.driverOf(a.GetRef()); driver != nil {
		driver.Apply(a)
		return
	}
	d.refuse(&agentv1.Ack{Ref: a.GetRef(), OwnerUid: a.GetOwnerUid(), Generation: a.GetGeneration(), Hash: a.GetHash()})
}

// Delete goes to the driver that handles the object.
func (d *dispatcher) Delete(m *agentv1.Delete) {
	if driver := d.driverOf(m.GetRef()); driver != nil {
		driver.Delete(m)
		return
	}
	d.refuse(&agentv1.Ack{Ref: m.GetRef(), OwnerUid: m.GetOwnerUid()})
}

// Orphan goes to the driver that handles the object.
func (d *dispatcher) Orphan(m *agentv1.Orphan) {
	if driver := d.driverOf(m.GetRef()); driver != nil {
		driver.Orphan(m)
	}
}

// Synced ends the initial exchange of the session of all drivers.
func (d *dispatcher) Synced() {
	for _, driver := range d.drivers {
		driver.Synced()
	}
}

// Decommissioned stops all drivers from acting.
func (d *dispatcher) Decommissioned() {
	for _, driver := range d.drivers {
		driver.Decommissioned()
	}
}

// Disconnected ends the session of all drivers.
func (d *dispatcher) Disconnected(superseded bool) {
	for _, driver := range d.drivers {
		driver.Disconnected(superseded)
	}
}

// driverOf returns the first driver that handles an object; nil if none does.
func (d *dispatcher) driverOf(ref *agentv1.ObjectRef) ObjectDriver {
	for _, driver := range d.drivers {
		if driver.Handles(ref) {
			return driver
		}
	}
	return nil
}

func (d *dispatcher) refuse(a *agentv1.Ack) {
	a.Outcome, a.Reason = agentv1.Outcome_OUTCOME_REFUSED, ReasonUnsupportedKind
	a.Message = fmt.Sprintf("The agent of cluster %q does not support objects of kind %s (%s). Upgrade the agent.",
		d.config.Cluster, a.GetRef().GetKind(), a.GetRef().GetApiVersion())
	d.ack(a)
}
