package store

import (
	"context"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

const (
	// spaceInterval is how often etcd is asked for the size of its database.
	spaceInterval = 10 * time.Second
	// spaceTimeout bounds the question to one member.
	spaceTimeout = 2 * time.Second
)

// Member is the state of the database of one member of etcd.
type Member struct {
	// Endpoint is where the member was asked; empty for an etcd in this process.
	Endpoint string
	// Size is that of the database file, InUse the part of it that is not free, and
	// Quota the size beyond which etcd raises the alarm NOSPACE and accepts no more
	// writes; in bytes. Quota is 0 where the release of etcd does not report it.
	Size, InUse, Quota int64
}

// Space is what is known of etcd's space.
type Space struct {
	// Members are those that answered; all that did before, if none does.
	Members []Member
	// Unreachable are the endpoints that gave no answer when they were last asked.
	Unreachable []string
	// Exhausted is true while etcd rejects writes because its space quota is used up.
	Exhausted bool
}

// space follows etcd's space.
type space struct {
	mu      sync.Mutex
	now     Space
	corrupt bool
	// rejections counts the writes that etcd has rejected for lack of space.
	rejections int
	// freed is closed and replaced when Exhausted is no more.
	freed chan struct{}
}

// Space is etcd's space, as of the last few seconds.
func (s *Store) Space() Space {
	s.space.mu.Lock()
	defer s.space.mu.Unlock()
	return s.space.now
}

// Freed is closed when etcd accepts writes again that it rejected for lack of
// space.
func (s *Store) Freed() <-chan struct{} {
	s.space.mu.Lock()
	defer s.space.mu.Unlock()
	return s.space.freed
}

// followSpace asks etcd for its space until the context ends.
func (s *Store) followSpace(ctx context.Context) {
	ticker := time.NewTicker(spaceInterval)
	defer ticker.Stop()
	for {
		s.askSpace(ctx)
		select {
		case <-ticker.C:
		case <-s.askedSpace:
		case <-ctx.Done():
			return
		}
	}
}

// askSpace asks every member. That is no proposal, so it needs no quorum. What
// nobody answers stays as it was.
func (s *Store) askSpace(ctx context.Context) {
	endpoints := s.client.Endpoints()
	if len(endpoints) == 0 {
		endpoints = []string{""}
	}
	rejections := s.rejections()
	var members []Member
	var unreachable, alarms []string
	for _, endpoint := range endpoints {
		status, err := s.memberStatus(ctx, endpoint)
		if err != nil {
			s.log.Debug("status of etcd is unknown", "endpoint", endpoint, "error", err)
			unreachable = append(unreachable, endpoint)
			continue
		}
		members = append(members, Member{Endpoint: endpoint, Size: status.DbSize, InUse: status.DbSizeInUse, Quota: status.DbSizeQuota})
		alarms = append(alarms, status.Errors...)
	}
	if len(members) == 0 {
		s.setUnreachable(unreachable)
		return
	}
	raised := func(alarm etcdserverpb.AlarmType) bool {
		for _, text := range alarms {
			if strings.Contains(text, "alarm:"+alarm.String()) {
				return true
			}
		}
		return false
	}
	// A write that was rejected meanwhile knows better.
	exhausted := raised(etcdserverpb.AlarmType_NOSPACE) || s.rejections() != rejections
	s.setSpace(Space{Members: members, Unreachable: unreachable, Exhausted: exhausted}, raised(etcdserverpb.AlarmType_CORRUPT))
}

func (s *Store) rejections() int {
	s.space.mu.Lock()
	defer s.space.mu.Unlock()
	return s.space.rejections
}

func (s *Store) memberStatus(ctx context.Context, endpoint string) (*clientv3.StatusResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, spaceTimeout)
	defer cancel()
	return s.client.Status(ctx, endpoint)
}

// exhausted notes that etcd has rejected a write for lack of space, which is known
// before etcd is asked for its alarms.
func (s *Store) exhausted() {
	s.space.mu.Lock()
	s.space.rejections++
	now := s.space.now
	s.space.mu.Unlock()
	now.Exhausted = true
	s.setSpace(now, s.isCorrupt())
	signal(s.askedSpace)
}

func (s *Store) isCorrupt() bool {
	s.space.mu.Lock()
	defer s.space.mu.Unlock()
	return s.space.corrupt
}

func (s *Store) setUnreachable(endpoints []string) {
	s.space.mu.Lock()
	defer s.space.mu.Unlock()
	s.space.now.Unreachable = endpoints
}

func (s *Store) setSpace(now Space, corrupt bool) {
	s.space.mu.Lock()
	before := s.space.now.Exhausted
	s.space.now, s.space.corrupt = now, corrupt
	if before && !now.Exhausted {
		close(s.space.freed)
		s.space.freed = make(chan struct{})
	}
	s.space.mu.Unlock()
	switch {
	case now.Exhausted && !before:
		s.log.Error("etcd's space quota is used up: it rejects every write but deletions, until space is freed and the alarm is disarmed", "members", now.Members)
	case before && !now.Exhausted:
		s.log.Info("etcd accepts writes again: the space alarm has been disarmed", "members", now.Members)
	}
}
