package fleet

import (
	"context"
	"fmt"
	"time"

	"github.com/openweir/weir/control/recovery"
	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// sendAll sends Welcome, then everything that differs from what the agent
// holds, then Synced, and from then on whatever changes. Changes that come
// during the first pass wait in the outbox, where they coalesce. Messages, such as
// replies to heartbeats, do not wait for the first pass, which may take long.
//
// The agent takes what has not been sent by Synced for unwanted. So Synced waits
// until everything can be rendered.
func (s *session) sendAll(ctx context.Context) error {
	if err := s.sendMessage(s.out.message()); err != nil { // Welcome
		return err
	}
	var count int32
	for _, next := range s.sendables(s.fleet.Store.Cached()) {
		if err := ctx.Err(); err != nil {
			return err
		}
		for m := s.out.message(); m != nil; m = s.out.message() {
			if err := s.sendMessage(m); err != nil {
				return err
			}
		}
		if s.idle.Load() {
			break
		}
		sent, err := s.send(next, time.Time{})
		if err != nil {
			return err
		}
		count += sent
	}
	synced := false
	// One ticker, as a timer for each round would never fire on a cluster whose
	// resources change all the time.
	retry := time.NewTicker(renderRetry)
	defer retry.Stop()
	for {
		if !synced && len(s.unrendered) == 0 {
			synced = true
			if err := s.sendOrphans(ctx); err != nil {
				return err
			}
			if err := s.stream.Send(syncedMessage(count)); err != nil {
				return fmt.Errorf("send Synced: %w", err)
			}
			s.progress.synced.Store(true)
			s.log.Debug("agent synchronized", "sent", count)
		}
		sent, err := s.drain(ctx)
		if err != nil {
			return err
		}
		count += sent
		if !synced && len(s.unrendered) == 0 {
			continue
		}
		select {
		case <-retry.C:
			for failed := range s.unrendered {
				s.out.changed(failed)
			}
		case <-s.out.ready:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// drain sends what waits, and returns how many objects that were. It stops with
// the session, which may have ended because another acts for the cluster now.
func (s *session) drain(ctx context.Context) (count int32, err error) {
	for ctx.Err() == nil {
		message, next, noted, more := s.out.next()
		switch {
		case !more:
			return count, nil
		case message != nil:
			if err := s.sendMessage(message); err != nil {
				return count, err
			}
		case !s.idle.Load():
			sent, err := s.send(next, noted)
			if err != nil {
				return count, err
			}
			count += sent
		}
	}
	return count, ctx.Err()
}

func (s *session) sendMessage(m *agentv1.ConnectResponse) error {
	if err := s.stream.Send(m); err != nil {
		return fmt.Errorf("send %T: %w", m.GetMessage(), err)
	}
	return nil
}

// sendables lists everything that concerns the cluster, in the order in which it
// is sent.
func (s *session) sendables(at *store.Snapshot) []sendable {
	f := s.fleet
	var all []sendable
	for tombstone := range f.Ownership.Tombstones.In(at).Under(s.cluster) {
		all = append(all, sendable{tombstones, tombstone.Key})
	}
	for ref := range f.Clusters.Environments.In(at).Under(s.cluster) {
		env := ref.Key[len(s.cluster)+1:]
		for _, object := range f.Registry.Objects() {
			for key := range object.Resources.Under(env).Keys(at) {
				all = append(all, sendable{object.Name, key})
			}
		}
	}
	return all
}

// send sends something as it now is, unless the agent has it so already. It
// returns how many messages that took. noted is when the change was noted that it
// is sent for; zero for no change.
func (s *session) send(next sendable, noted time.Time) (int32, error) {
	at := s.fleet.Store.Cached()
	message, err := s.message(at, next)
	defer func() { s.progress.unrendered.Store(int64(len(s.unrendered))) }()
	if err != nil {
		s.renderFailed(at, next, err) // the others can be rendered
		return 0, nil
	}
	_, failedBefore := s.unrendered[next]
	delete(s.unrendered, next)
	if message == nil {
		if failedBefore {
			s.confirm(at, next)
		}
		return 0, nil
	}
	if apply := message.GetApply(); apply != nil && !noted.IsZero() {
		s.progress.sends(apply, noted)
	}
	if err := s.stream.Send(message); err != nil {
		return 0, fmt.Errorf("send %s %s: %w", next.object, next.key, err)
	}
	return 1, nil
}

// message is what has to be sent, nil if there is nothing.
func (s *session) message(at *store.Snapshot, next sendable) (*agentv1.ConnectResponse, error) {
	if next.object == tombstones {
		return s.deletion(at, next.key), nil
	}
	apply, err := s.render(at, next)
	if err != nil || apply == nil {
		return nil, err
	}
	ref, mark := objectOf(apply.GetRef()), markOf(apply)
	if s.rendered != nil {
		s.rendered[ref] = mark.owner
	}
	if s.held[ref] == mark {
		return nil, nil
	}
	if held := s.held[ref]; isAhead(held, mark) {
		if ack := s.ahead.keep(apply, held.generation); ack != nil {
			s.log.Warn("the cluster is ahead of a resource, which was restored from a backup", "object", next.object, "key", next.key, "held", held.generation, "generation", mark.generation)
			s.fleet.reports.addAck(s, ack)
		}
		return nil, nil
	}
	s.ahead.end(ref)
	s.held[ref] = mark
	s.reportAwaiting(at, apply)
	return &agentv1.ConnectResponse{Message: &agentv1.ConnectResponse_Apply{Apply: apply}}, nil
}

// render makes the object of a resource, nil if the cluster is to hold none. The
// resource may not be on the session's cluster any more: its environment may have
// been deleted, and created again on another.
func (s *session) render(at *store.Snapshot, next sendable) (_ *agentv1.Apply, err error) {
	defer recovery.ToError(&err)
	env := s.fleet.Environments.Of(at, next.key)
	if env == nil || env.Value().GetKubernetesClusterName() != s.cluster {
		return nil, nil
	}
	return s.fleet.Registry.Object(next.object).Render(at, env, next.key)
}

func (s *session) deletion(at *store.Snapshot, key string) *agentv1.ConnectResponse {
	record := s.fleet.Ownership.Tombstones.In(at).Get(key)
	if record == nil {
		delete(s.deletions, key)
		return nil
	}
	t := record.Value()
	if s.deletions[key] == markOfDeletion(t) {
		return nil
	}
	s.deletions[key] = markOfDeletion(t)
	ref := &agentv1.ObjectRef{ApiVersion: t.GetApiVersion(), Kind: t.GetKind(), Namespace: t.GetNamespace(), Name: t.GetName()}
	if s.held[objectOf(ref)].owner == t.GetOwnerUid() {
		delete(s.held, objectOf(ref))
		s.ahead.end(objectOf(ref))
	}
	if s.rendered != nil && s.rendered[objectOf(ref)] == "" {
		s.rendered[objectOf(ref)] = t.GetOwnerUid() // it is no orphan, though it may be gone before Synced
	}
	return &agentv1.ConnectResponse{Message: &agentv1.ConnectResponse_Delete{Delete: &agentv1.Delete{
		Ref: ref, OwnerUid: t.GetOwnerUid(), Release: t.GetRelease(),
	}}}
}

// confirmApplied reports objects that Hello lists as they should be as applied:
// the Ack that said so may have been lost with the session before. It matters
// where the stored outcome is a problem.
func (s *session) confirmApplied(at *store.Snapshot) {
	for _, next := range s.sendables(at) {
		object := s.fleet.Registry.Object(next.object)
		if object == nil || object.Status == nil || object.Status(at, next.key).GetProblem() == nil {
			continue
		}
		s.confirm(at, next)
	}
}

// confirm reports an object as applied if the agent holds it as it should be.
func (s *session) confirm(at *store.Snapshot, next sendable) {
	if next.object == tombstones {
		return
	}
	apply, err := s.render(at, next)
	if err != nil || apply == nil || s.held[objectOf(apply.GetRef())] != markOf(apply) {
		return
	}
	s.fleet.reports.addAck(s, &agentv1.Ack{
		Ref: apply.GetRef(), OwnerUid: apply.GetOwnerUid(), Generation: apply.GetGeneration(), Hash: apply.GetHash(),
		Outcome: agentv1.Outcome_OUTCOME_APPLIED,
	})
}

// renderRetry is how often it is tried again to render what could not be. What a
// change makes renderable is mostly rendered with that change.
const renderRetry = 10 * time.Second

// reasonRenderFailed is the reason of a resource whose object cannot be rendered.
const reasonRenderFailed = "RenderFailed"

// renderFailed notes that an object cannot be rendered, and reports it on the
// resource as an agent would report that it cannot be applied.
func (s *session) renderFailed(at store.Reader, next sendable, cause error) {
	if s.unrendered[next] == cause.Error() {
		return
	}
	s.unrendered[next] = cause.Error()
	s.log.Error("resource cannot be rendered", "object", next.object, "key", next.key, "error", cause)
	ref, owner := s.fleet.Ownership.ClaimedBy(at, s.cluster, next.object, next.key)
	if ref == nil {
		return
	}
	s.fleet.reports.addAck(s, &agentv1.Ack{
		Ref: ref, OwnerUid: owner, Outcome: agentv1.Outcome_OUTCOME_RETRYING, Reason: reasonRenderFailed,
		Message: fmt.Sprintf("The control plane cannot render the %s of this resource, so the object on the cluster is not changed: %s.", ref.GetKind(), cause),
	})
}

func syncedMessage(sent int32) *agentv1.ConnectResponse {
	return &agentv1.ConnectResponse{Message: &agentv1.ConnectResponse_Synced{Synced: &agentv1.Synced{Sent: sent}}}
}

func lifecycleMessage(decommissioned bool) *agentv1.ConnectResponse {
	return &agentv1.ConnectResponse{Message: &agentv1.ConnectResponse_Lifecycle{Lifecycle: &agentv1.Lifecycle{Decommissioned: decommissioned}}}
}
