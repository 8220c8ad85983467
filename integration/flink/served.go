package flink

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
)

// Served waits until the API server serves the custom resources, which it does
// a moment after their definitions are created.
func Served(ctx context.Context, client dynamic.Interface) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := listAll(ctx, client)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the custom resources to be served: %w", err)
		case <-tick.C:
		}
	}
}

func listAll(ctx context.Context, client dynamic.Interface) error {
	one := metav1.ListOptions{Limit: 1}
	if _, err := client.Resource(Deployments).List(ctx, one); err != nil {
		return err
	}
	if _, err := client.Resource(SessionJobs).List(ctx, one); err != nil {
		return err
	}
	_, err := client.Resource(StateSnapshots).List(ctx, one)
	return err
}
