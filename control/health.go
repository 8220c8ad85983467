package control

import (
	"context"
	"errors"
	"fmt"
	"time"

	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
)

const (
	// healthInterval is how often a replica checks whether it can serve, which takes
	// one question to etcd and no write.
	healthInterval = time.Second
	// healthTimeout is how long etcd may take to answer it.
	healthTimeout = 2 * time.Second
)

// Ready returns why requests cannot be served; nil where they can.
func (c *Control) Ready(ctx context.Context) error {
	select {
	case <-c.opened:
	default:
		return errors.New("the state is not loaded yet")
	}
	if err := c.store.Healthy(ctx); err != nil {
		return fmt.Errorf("etcd: %w", err)
	}
	return c.checkKeyset()
}

// Warnings are what somebody has to do something about although requests are served.
func (c *Control) Warnings() []string {
	if !c.store.Space().Exhausted {
		return nil
	}
	return []string{"etcd's space quota is used up: it rejects every write but deletions until space is freed"}
}

// followHealth keeps the status that gRPC clients see: SERVING while consistent
// reads are possible. Clients with health checks send nothing to a replica that is
// NOT_SERVING.
func (c *Control) followHealth(ctx context.Context) error {
	tick := time.NewTicker(healthInterval)
	defer tick.Stop()
	was := healthv1.HealthCheckResponse_UNKNOWN
	for {
		status, err := c.servingStatus(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if status != was {
			c.health.SetServingStatus("", status)
			c.serving.Store(status == healthv1.HealthCheckResponse_SERVING)
			c.config.Log.Info("health changed", "status", status.String(), "error", err)
			was = status
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (c *Control) servingStatus(ctx context.Context) (healthv1.HealthCheckResponse_ServingStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	if _, err := c.store.View(ctx); err != nil {
		return healthv1.HealthCheckResponse_NOT_SERVING, err
	}
	if err := c.checkKeyset(); err != nil {
		return healthv1.HealthCheckResponse_NOT_SERVING, err
	}
	return healthv1.HealthCheckResponse_SERVING, nil
}
