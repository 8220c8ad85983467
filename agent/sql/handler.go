package sql

import (
	"context"

	kjson "k8s.io/apimachinery/pkg/util/json"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// Capability is among the custom resource definitions of a Hello if the agent
// runs statements.
const Capability = "statements.sql.weir.dev"

// Handles reports whether an object is a statement.
func (d *Driver) Handles(ref *agentv1.ObjectRef) bool {
	return ref.GetApiVersion() == APIVersion && ref.GetKind() == Kind
}

// Describe adds to a Hello the capability, the statements of this process, and those
// whose jobs were kept although they are not known.
func (d *Driver) Describe(_ context.Context, hello *agentv1.Hello) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	hello.CustomResourceDefinitions = append(hello.CustomResourceDefinitions, Capability)
	for _, s := range d.statements {
		if h := s.held(); h != nil {
			hello.Held = append(hello.Held, h)
		}
	}
	for id := range d.kept {
		hello.Held = append(hello.Held, &agentv1.HeldObject{
			Ref:      &agentv1.ObjectRef{ApiVersion: APIVersion, Kind: Kind, Namespace: id.namespace, Name: id.name},
			OwnerUid: id.owner, Installation: d.installation,
		})
	}
	return nil
}

// Welcome begins a session. Everything is reported again.
func (d *Driver) Welcome(installation string, epoch, restored int64, decommissioned bool) {
	if decommissioned {
		d.deactivate()
		return
	}
	d.synced.Store(false)
	d.active.Store(true)
	d.mu.Lock()
	d.installation, d.epoch, d.restored = installation, epoch, restored
	statements := d.all()
	d.mu.Unlock()
	for _, s := range statements {
		s.reportAgain()
	}
}

// Decommissioned deactivates the driver.
func (d *Driver) Decommissioned() { d.deactivate() }

// Disconnected ends the session. The driver continues unless a newer session is
// active.
func (d *Driver) Disconnected(superseded bool) {
	d.synced.Store(false)
	if superseded {
		d.deactivate()
	}
}

// deactivate drops all statements and leaves their jobs running.
func (d *Driver) deactivate() {
	d.active.Store(false)
	d.synced.Store(false)
	d.mu.Lock()
	statements := d.all()
	clear(d.statements)
	clear(d.released)
	clear(d.kept)
	d.mu.Unlock()
	for _, s := range statements {
		s.abandonWork()
	}
}

// all returns the statements. The caller holds d.mu.
func (d *Driver) all() []*statement {
	out := make([]*statement, 0, len(d.statements))
	for _, s := range d.statements {
		out = append(out, s)
	}
	return out
}

// Apply sets the desired revision of a statement. The statement of another owner
// with the same name is removed.
func (d *Driver) Apply(a *agentv1.Apply) {
	id := identity{owner: a.GetOwnerUid(), namespace: a.GetRef().GetNamespace(), name: a.GetRef().GetName()}
	object, err := parse(a.GetManifest())
	if err != nil {
		d.refuse(a, "Invalid", err.Error())
		return
	}
	if violations := d.violations(a.GetManifest()); violations != "" {
		d.refuse(a, ReasonPolicy, "The agent does not run the statement: "+violations+". The agent's --policy has the policies.")
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.active.Load() {
		return
	}
	for other, s := range d.statements {
		if other != id && other.namespace == id.namespace && other.name == id.name {
			s.setRemoved(false)
		}
	}
	delete(d.kept, id)
	s := d.statements[id]
	if s == nil {
		s = newStatement(d, id, a.GetRef())
		d.statements[id] = s
		defer d.start(s)
	}
	s.apply(&revision{spec: &object.Spec, generation: a.GetGeneration(), hash: a.GetHash()})
}

// ReasonPolicy is the reason of an Ack for a statement that a policy of the agent forbids.
const ReasonPolicy = "Policy"

// violations returns what the agent's policies forbid in a statement; empty if nothing.
func (d *Driver) violations(manifest string) string {
	if d.config.Policies == nil {
		return ""
	}
	var object map[string]any
	if err := kjson.Unmarshal([]byte(manifest), &object); err != nil {
		return err.Error()
	}
	return d.config.Policies.Check(context.Background(), object, nil) //nolint:forbidigo // the cost of policies is bounded
}

// refuse reports that a revision of a statement is not applied. What runs continues.
func (d *Driver) refuse(a *agentv1.Apply, reason, message string) {
	if reports := d.reporter(); reports != nil {
		reports.Ack(&agentv1.Ack{
			Ref: a.GetRef(), OwnerUid: a.GetOwnerUid(), Generation: a.GetGeneration(), Hash: a.GetHash(),
			Outcome: agentv1.Outcome_OUTCOME_REFUSED, Reason: reason, Message: message,
		})
	}
}

// Delete removes a statement with its job.
func (d *Driver) Delete(m *agentv1.Delete) {
	id := identity{owner: m.GetOwnerUid(), namespace: m.GetRef().GetNamespace(), name: m.GetRef().GetName()}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.active.Load() {
		return
	}
	delete(d.kept, id)
	s := d.statements[id]
	if s == nil {
		s = newStatement(d, id, m.GetRef())
		d.statements[id] = s
		defer d.start(s)
	}
	s.setRemoved(m.GetRelease())
}

// Orphan does nothing: a statement that the control plane has no record of goes on.
func (d *Driver) Orphan(*agentv1.Orphan) {}

// Synced ends the initial exchange of a session: jobs of statements that the
// control plane has not named are orphans.
func (d *Driver) Synced() {
	d.synced.Store(true)
	select {
	case d.orphans <- struct{}{}:
	default:
	}
}

// Fetch replies with rows of a query, at once.
func (d *Driver) Fetch(request *agentv1.FetchResults, reply func(*agentv1.ResultPage)) {
	id := identity{owner: request.GetOwnerUid(), namespace: request.GetRef().GetNamespace(), name: request.GetRef().GetName()}
	d.mu.Lock()
	s := d.statements[id]
	d.mu.Unlock()
	page := &agentv1.ResultPage{RequestId: request.GetRequestId()}
	if s == nil {
		page.Failure = agentv1.ResultFailure_RESULT_FAILURE_GONE
		page.Message = "The agent no longer has the rows of this statement: it was restarted, or the statement was deleted."
		reply(page)
		return
	}
	rows := s.rows(request.GetOffset(), int(request.GetMaxRows()))
	if rows.gone {
		page.Failure = agentv1.ResultFailure_RESULT_FAILURE_GONE
		page.Message = "These rows were already returned and are no longer available."
		reply(page)
		return
	}
	page.Rows, page.NextOffset, page.Finished = rows.rows, rows.next, rows.finished
	reply(page)
}
