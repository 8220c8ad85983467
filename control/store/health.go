package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
)

// healthTimeout bounds Healthy, which is asked often and by someone in a hurry.
const healthTimeout = 3 * time.Second

// Healthy asks etcd for its revision, as consistent reads do, and for its alarms.
// Its error says what is wrong: that etcd does not answer, that the caches are
// not filled or behind, or ErrNoSpace.
func (s *Store) Healthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	if err := s.catchUp(ctx); err != nil {
		return err
	}
	alarms, err := s.client.AlarmList(ctx)
	if err != nil {
		return fmt.Errorf("list the alarms of etcd: %w", translate(err))
	}
	var raised []error
	for _, alarm := range alarms.Alarms {
		kind := ErrUnavailable
		if alarm.Alarm == etcdserverpb.AlarmType_NOSPACE {
			kind = ErrNoSpace
		}
		raised = append(raised, fmt.Errorf("%w: member %x has raised %s", kind, alarm.MemberID, alarm.Alarm))
	}
	return errors.Join(raised...)
}
