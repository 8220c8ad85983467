package fleet

import (
	"context"
	"fmt"

	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// sendAll sends Welcome, then everything that differs from what the agent
// holds, then Synced, and from then on whatever changes. Changes that come
// during the first pass wait in the outbox, where they coalesce.
func (s *session) sendAll(ctx context.Context) error {
	welcome, _, _ := s.out.next()
	if err := s.stream.Send(welcome); err != nil {
		return fmt.Errorf("send Welcome: %w", err)
	}
	var count int32
	for _, next := range s.sendables(s.fleet.Store.Cached()) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if s.idle.Load() {
			break
		}
		sent, err := s.send(next)
		if err != nil {
			return err
		}
		count += sent
	}
	synced := &agentv1.ConnectResponse{Message: &agentv1.ConnectResponse_Synced{Synced: &agentv1.Synced{Sent: count}}}
	if err := s.stream.Send(synced); err != nil {
		return fmt.Errorf("send Synced: %w", err)
	}
	s.log.Debug("agent synchronized", "sent", count)
	for {
		if err := s.drain(ctx); err != nil {
			return err
		}
		select {
		case <-s.out.ready:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// drain sends what waits. It stops with the session, which may have ended
// because another acts for the cluster now.
func (s *session) drain(ctx context.Context) error {
	for ctx.Err() == nil {
		message, next, more := s.out.next()
		switch {
		case !more:
			return nil
		case message != nil:
			if err := s.stream.Send(message); err != nil {
				return fmt.Errorf("send %T: %w", message.GetMessage(), err)
			}
		case !s.idle.Load():
			if _, err := s.send(next); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
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
// returns how many messages that took.
func (s *session) send(next sendable) (int32, error) {
	message, err := s.message(s.fleet.Store.Cached(), next)
	if err != nil {
		// The record cannot be rendered; the others can.
		s.log.Error("resource cannot be rendered", "object", next.object, "key", next.key, "error", err)
		return 0, nil
	}
	if message == nil {
		return 0, nil
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
	if s.held[ref] == mark {
		return nil, nil
	}
	s.held[ref] = mark
	return &agentv1.ConnectResponse{Message: &agentv1.ConnectResponse_Apply{Apply: apply}}, nil
}

// render makes the object of a resource, nil if the cluster is to hold none. The
// resource may not be on the session's cluster any more: its environment may have
// been deleted, and created again on another.
func (s *session) render(at *store.Snapshot, next sendable) (*agentv1.Apply, error) {
	env := s.fleet.Environments.Of(at, next.key)
	if env == nil || env.Value().GetKubernetesClusterName() != s.cluster {
		return nil, nil
	}
	return s.fleet.objects[next.object].Render(at, env, next.key)
}

func (s *session) deletion(at *store.Snapshot, key string) *agentv1.ConnectResponse {
	record := s.fleet.Ownership.Tombstones.In(at).Get(key)
	if record == nil {
		return nil
	}
	t := record.Value()
	ref := &agentv1.ObjectRef{ApiVersion: t.GetApiVersion(), Kind: t.GetKind(), Namespace: t.GetNamespace(), Name: t.GetName()}
	if s.held[objectOf(ref)].owner == t.GetOwnerUid() {
		delete(s.held, objectOf(ref))
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
		object := s.fleet.objects[next.object]
		if object == nil || object.Status == nil || object.Status(at, next.key).GetProblem() == nil {
			continue
		}
		apply, err := s.render(at, next)
		if err != nil || apply == nil || s.held[objectOf(apply.GetRef())] != markOf(apply) {
			continue
		}
		s.fleet.reports.addAck(s, &agentv1.Ack{
			Ref: apply.GetRef(), OwnerUid: apply.GetOwnerUid(), Generation: apply.GetGeneration(), Hash: apply.GetHash(),
			Outcome: agentv1.Outcome_OUTCOME_APPLIED,
		})
	}
}

func lifecycleMessage(decommissioned bool) *agentv1.ConnectResponse {
	return &agentv1.ConnectResponse{Message: &agentv1.ConnectResponse_Lifecycle{Lifecycle: &agentv1.Lifecycle{Decommissioned: decommissioned}}}
}
