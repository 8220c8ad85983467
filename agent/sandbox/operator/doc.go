// Package operator is a stand-in for the Flink Kubernetes Operator.
package operator

import (
	"context"
	"log/slog"
	"time"

	"k8s.io/client-go/rest"
)

// Config is what an operator is made with.
type Config struct {
	// Rest is how to reach the API server.
	Rest *rest.Config
	// Pace is how long a step takes.
	Pace time.Duration
	// Log is told what goes wrong.
	Log *slog.Logger
}

// Operator acts on Flink's custom resources.
type Operator struct{ config Config }

// New returns an operator.
func New(config Config) (*Operator, error) { return &Operator{config: config}, nil }

// Run acts until the context ends.
func (o *Operator) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}
