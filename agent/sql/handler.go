package sql

import (
	"context"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// Capability is among the custom resource definitions of a Hello if the agent
// runs statements.
const Capability = "statements.sql.weir.dev"

// Handles reports whether an object is a statement.
func (d *Driver) Handles(ref *agentv1.ObjectRef) bool {
	return ref.GetApiVersion() == APIVersion && ref.GetKind() == Kind
}

// Describe adds the capability and the statements of this process to a Hello.
func (d *Driver) Describe(_ context.Context, hello *agentv1.Hello) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	hello.CustomResourceDefinitions = append(hello.CustomResourceDefinitions, Capability)
	for _, s := range d.statements {
		if h := s.held(); h != nil {
			hello.Held = append(hello.Held, h)
		}
	}
	return nil
}

// Welcome begins a session. Everything is reported again.
func (d *Driver) Welcome(_ int64, decommissioned bool) {
	if decommissioned {
		d.standBack()
		return
	}
	d.acting.Store(true)
	d.mu.Lock()
	statements := d.all()
	d.mu.Unlock()
	for _, s := range statements {
		s.reportAgain()
	}
}

// Decommissioned makes the driver idle.
func (d *Driver) Decommissioned() { d.standBack() }

// Disconnected tells that the session has ended. The driver goes on, unless a
// newer session acts on the cluster.
func (d *Driver) Disconnected(superseded bool) {
	if superseded {
		d.standBack()
	}
}

// standBack leaves everything as it is and forgets it.
func (d *Driver) standBack() {
	d.acting.Store(false)
	d.mu.Lock()
	statements := d.all()
	clear(d.statements)
	clear(d.released)
	d.mu.Unlock()
	for _, s := range statements {
		s.leave()
	}
}

// all lists the statements. The caller holds d.mu.
func (d *Driver) all() []*statement {
	out := make([]*statement, 0, len(d.statements))
	for _, s := range d.statements {
		out = append(out, s)
	}
	return out
}

// Apply notes what a statement shall be. Another owner's of the same name has
// to go.
func (d *Driver) Apply(a *agentv1.Apply) {
	id := identity{owner: a.GetOwnerUid(), namespace: a.GetRef().GetNamespace(), name: a.GetRef().GetName()}
	object, err := parse(a.GetManifest())
	if err != nil {
		if reports := d.reporter(); reports != nil {
			reports.Ack(&agentv1.Ack{
				Ref: a.GetRef(), OwnerUid: a.GetOwnerUid(), Generation: a.GetGeneration(), Hash: a.GetHash(),
				Outcome: agentv1.Outcome_OUTCOME_REFUSED, Reason: "Invalid", Message: err.Error(),
			})
		}
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.acting.Load() {
		return
	}
	for other, s := range d.statements {
		if other != id && other.namespace == id.namespace && other.name == id.name {
			s.drop(false)
		}
	}
	s := d.statements[id]
	if s == nil {
		s = newStatement(d, id, a.GetRef())
		d.statements[id] = s
		defer d.start(s)
	}
	s.apply(&want{spec: &object.Spec, generation: a.GetGeneration(), hash: a.GetHash()})
}

// Delete notes that a statement has to go, with its job.
func (d *Driver) Delete(m *agentv1.Delete) {
	id := identity{owner: m.GetOwnerUid(), namespace: m.GetRef().GetNamespace(), name: m.GetRef().GetName()}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.acting.Load() {
		return
	}
	s := d.statements[id]
	if s == nil {
		s = newStatement(d, id, m.GetRef())
		d.statements[id] = s
		defer d.start(s)
	}
	s.drop(m.GetRelease())
}

// Synced ends a session's first exchange: what runs and was not spoken of is
// wanted no more.
func (d *Driver) Synced() {
	select {
	case d.sweep <- struct{}{}:
	default:
	}
}

// Fetch answers with rows of a query at once.
func (d *Driver) Fetch(request *agentv1.FetchResults, answer func(*agentv1.ResultPage)) {
	id := identity{owner: request.GetOwnerUid(), namespace: request.GetRef().GetNamespace(), name: request.GetRef().GetName()}
	d.mu.Lock()
	s := d.statements[id]
	d.mu.Unlock()
	page := &agentv1.ResultPage{RequestId: request.GetRequestId()}
	if s == nil {
		page.Failure = agentv1.ResultFailure_RESULT_FAILURE_GONE
		page.Message = "The agent does not keep the rows of this statement: it was restarted since they were made, or the statement is gone."
		answer(page)
		return
	}
	rows := s.rows(request.GetOffset(), int(request.GetMaxRows()))
	if rows.gone {
		page.Failure = agentv1.ResultFailure_RESULT_FAILURE_GONE
		page.Message = "These rows were handed out before, and are not kept any more."
		answer(page)
		return
	}
	page.Rows, page.NextOffset, page.Finished = rows.rows, rows.next, rows.finished
	answer(page)
}
