package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/etcdserver"
)

const (
	// spaceCheck is how often the size of the database is checked. The sizes are in
	// memory.
	spaceCheck = time.Second
	// maintenanceTimeout bounds a compaction.
	maintenanceTimeout = time.Minute
	// minFragmented is how much of the database file has to be free, in bytes, before
	// it is defragmented, which nothing is served during.
	minFragmented = 128 << 20
	// headroom is the part of the quota, in percent, that has to be free before the
	// alarm is disarmed. Otherwise the next write would raise it again.
	headroom = 5
)

// space keeps the database within its quota: it defragments the file when most of
// it is free, and when the quota is used up it compacts, defragments and disarms
// the alarm as soon as there is room.
type space struct {
	server *etcdserver.EtcdServer
	client *clientv3.Client
	quota  int64
	log    *slog.Logger
	// attempted is the revision at which freeing space was not enough; until that
	// changes there is nothing more to free.
	attempted int64
}

func (s *space) run(ctx context.Context) {
	ticker := time.NewTicker(spaceCheck)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := s.check(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("the space of etcd could not be maintained", "error", err)
		}
	}
}

func (s *space) check(ctx context.Context) error {
	if s.exhausted() {
		return s.free(ctx)
	}
	s.attempted = 0
	size, inUse := s.server.Backend().Size(), s.server.Backend().SizeInUse()
	if free := size - inUse; free >= minFragmented && free > size/2 {
		return s.defragment()
	}
	return nil
}

func (s *space) exhausted() bool {
	for _, alarm := range s.server.Alarms() {
		if alarm.Alarm == etcdserverpb.AlarmType_NOSPACE {
			return true
		}
	}
	return false
}

// free frees what can be freed, and disarms the alarm if that is enough.
func (s *space) free(ctx context.Context) error {
	revision := s.server.KV().Rev()
	if revision == s.attempted {
		return nil // nothing has been deleted since
	}
	ctx, cancel := context.WithTimeout(ctx, maintenanceTimeout)
	defer cancel()
	_, err := s.client.Compact(ctx, revision, clientv3.WithCompactPhysical())
	if err != nil && !errors.Is(err, rpctypes.ErrCompacted) {
		return fmt.Errorf("compact at revision %d: %w", revision, err)
	}
	if err := s.defragment(); err != nil {
		return err
	}
	size := s.server.Backend().Size()
	if size > s.quota-s.quota*headroom/100 {
		if s.attempted == 0 {
			s.log.Error("the space quota of etcd is used up by current data: delete resources to free space; until then every other write is rejected",
				"size", size, "quota", s.quota)
		}
		s.attempted = revision
		return nil
	}
	if _, err := s.client.AlarmDisarm(ctx, &clientv3.AlarmMember{}); err != nil {
		return fmt.Errorf("disarm the space alarm: %w", err)
	}
	s.log.Info("the space alarm of etcd is disarmed: compaction and defragmentation have freed space", "size", size, "quota", s.quota)
	return nil
}

func (s *space) defragment() error {
	backend := s.server.Backend()
	backend.ForceCommit() // what has been compacted is free afterwards
	before, began := backend.Size(), time.Now()
	if err := backend.Defrag(); err != nil {
		return fmt.Errorf("defragment: %w", err)
	}
	s.log.Info("the database of etcd was defragmented", "before", before, "after", backend.Size(), "took", time.Since(began))
	return nil
}
