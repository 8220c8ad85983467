package fleet

import (
	"context"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// clone copies a stored message before it is changed.
func clone[T proto.Message](m T) T { return proto.Clone(m).(T) }

// sendAll sends Welcome, then everything that differs from what the agent
// holds, then Synced, and from then on whatever changes. Changes that come
// while the first pass is at work wait in the outbox, where they coalesce.
func (s *session) sendAll(ctx context.Context) error {
	welcome, _, _ := s.out.next()
	if err := s.stream.Send(welcome); err != nil {
		return fmt.Errorf("send Welcome: %w", err)
	}
	var count int32
	for _, r := range s.resources() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if s.idle.Load() {
			break
		}
		sent, err := s.sendResource(r)
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
		message, r, more := s.out.next()
		switch {
		case !more:
			return nil
		case message != nil:
			if err := s.stream.Send(message); err != nil {
				return fmt.Errorf("send %T: %w", message.GetMessage(), err)
			}
		case !s.idle.Load():
			if _, err := s.sendResource(r); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// resources lists everything that concerns the cluster.
func (s *session) resources() []resource {
	st := s.fleet.State
	var out []resource
	for _, tombstone := range st.Tombstones.CachedUnder(s.cluster) {
		out = append(out, resource{tombstones, tombstone.Key})
	}
	for _, ref := range st.ClusterEnvironments.CachedUnder(s.cluster) {
		_, env, _ := strings.Cut(ref.Key, "/")
		for _, collection := range s.fleet.keptOrder {
			for _, key := range s.fleet.kept[collection].keys(env) {
				out = append(out, resource{collection, key})
			}
		}
	}
	return out
}

// sendResource sends what a resource makes of its object, unless the agent has
// it so already. It tells how many messages that took.
func (s *session) sendResource(r resource) (int32, error) {
	message, err := s.messageOf(r)
	if err != nil {
		// The record cannot be rendered; the others can.
		s.log.Error("resource cannot be rendered", "collection", r.collection, "key", r.key, "error", err)
		return 0, nil
	}
	if message == nil {
		return 0, nil
	}
	if err := s.stream.Send(message); err != nil {
		return 0, fmt.Errorf("send %s %s: %w", r.collection, r.key, err)
	}
	return 1, nil
}

func (s *session) messageOf(r resource) (*agentv1.ConnectResponse, error) {
	if r.collection == tombstones {
		return s.tombstone(r.key), nil
	}
	apply, err := s.render(r)
	if err != nil || apply == nil {
		return nil, err
	}
	return s.unlessHeld(apply), nil
}

// unlessHeld is nothing where the agent has the object so already.
func (s *session) unlessHeld(apply *agentv1.Apply) *agentv1.ConnectResponse {
	want := markOf(apply)
	if s.held[objectOf(apply.GetRef())] == want {
		return nil
	}
	s.held[objectOf(apply.GetRef())] = want
	return &agentv1.ConnectResponse{Message: &agentv1.ConnectResponse_Apply{Apply: apply}}
}

func markOf(apply *agentv1.Apply) mark {
	return mark{apply.GetOwnerUid(), apply.GetGeneration(), apply.GetHash()}
}

// confirm takes an object that Hello lists as it should be for applied: the Ack
// that said so may have been lost with the session before.
func (s *session) confirm() {
	for _, r := range s.resources() {
		kind := s.fleet.kept[r.collection]
		if kind.status == nil {
			continue
		}
		if status, ok := kind.status(r.key); !ok || status.GetProblem() == nil {
			continue
		}
		apply, err := s.render(r)
		if err != nil || apply == nil || s.held[objectOf(apply.GetRef())] != markOf(apply) {
			continue
		}
		s.fleet.reports.add(s, apply.GetRef(), func(r *report) {
			r.acks[apply.GetOwnerUid()] = &agentv1.Ack{
				Ref: apply.GetRef(), OwnerUid: apply.GetOwnerUid(), Generation: apply.GetGeneration(), Hash: apply.GetHash(),
				Outcome: agentv1.Outcome_OUTCOME_APPLIED,
			}
		})
	}
}

func (s *session) tombstone(key string) *agentv1.ConnectResponse {
	record, ok := s.fleet.State.Tombstones.Cached(key)
	if !ok {
		return nil
	}
	t := record.Value
	ref := &agentv1.ObjectRef{ApiVersion: t.GetApiVersion(), Kind: t.GetKind(), Namespace: t.GetNamespace(), Name: t.GetName()}
	if s.held[objectOf(ref)].owner == t.GetOwnerUid() {
		delete(s.held, objectOf(ref))
	}
	return &agentv1.ConnectResponse{Message: &agentv1.ConnectResponse_Delete{Delete: &agentv1.Delete{
		Ref: ref, OwnerUid: t.GetOwnerUid(), Release: t.GetRelease(),
	}}}
}

func lifecycleMessage(decommissioned bool) *agentv1.ConnectResponse {
	return &agentv1.ConnectResponse{Message: &agentv1.ConnectResponse_Lifecycle{Lifecycle: &agentv1.Lifecycle{Decommissioned: decommissioned}}}
}
