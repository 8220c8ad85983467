package weir

import (
	"context"
	"time"

	"github.com/openweir/weir/integration/process"
)

// Dev says how to run the whole system in one process.
type Dev struct {
	Binary string
	// Dir is where the log is put.
	Dir string
	// HTTP and GRPC are the addresses to listen on.
	HTTP, GRPC string
	// Pace is how long each step of the simulated operator takes.
	Pace time.Duration
	// Flags are added to those that follow from the rest.
	Flags []string
}

// Start runs it and waits until it is ready. Whether the sandbox clusters are
// connected is seen on their status.
func (d Dev) Start(ctx context.Context) (*process.Process, error) {
	args := []string{"dev", "--http=" + d.HTTP, "--grpc=" + d.GRPC, "--pace=" + d.Pace.String()}
	args = append(args, d.Flags...)
	return start(ctx, process.Spec{Name: "dev", Path: d.Binary, Args: args, Logs: d.Dir}, "http://"+d.HTTP+"/readyz")
}
