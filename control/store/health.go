package store

import (
	"context"
	"fmt"
	"time"
)

// healthTimeout bounds Healthy, which is asked often and by someone in a hurry.
const healthTimeout = 3 * time.Second

// Healthy says whether reads are served: its error says that etcd does not answer,
// that the caches are not filled or behind, or that etcd's data is corrupt. An
// etcd without space rejects writes only, and is healthy; see Space.
func (s *Store) Healthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	if err := s.catchUp(ctx); err != nil {
		return err
	}
	if s.isCorrupt() {
		return fmt.Errorf("%w: a member has raised the alarm CORRUPT", ErrUnavailable)
	}
	return nil
}
