package store

import (
	"context"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Grant makes a lease that ends when it has not been kept alive for ttl, which is
// rounded down to seconds.
func (s *Store) Grant(ctx context.Context, ttl time.Duration) (clientv3.LeaseID, error) {
	if s.silence.isSilent() {
		return 0, fmt.Errorf("grant a lease: %w", errSilent)
	}
	grant, err := s.client.Grant(ctx, int64(ttl/time.Second))
	if err != nil {
		return 0, fmt.Errorf("grant a lease: %w", s.noticed(translate(err)))
	}
	return grant.ID, nil
}
