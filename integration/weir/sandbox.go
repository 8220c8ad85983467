package weir

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/openweir/weir/integration/process"
)

// Sandbox says how to run a workload cluster in a process of its own, which
// runs Flink as local processes.
type Sandbox struct {
	Binary string
	Name   string
	// Dir is where its state, its kubeconfig and its log are put.
	Dir string
	// Homes are the Flink distributions that it may run.
	Homes []string
}

// Kubeconfig is the file that reaches the cluster once it has started.
func (s Sandbox) Kubeconfig() string { return s.Dir + "/" + s.Name + ".kubeconfig" }

// Start runs the cluster and waits until its kubeconfig is there.
func (s Sandbox) Start(ctx context.Context) (*process.Process, error) {
	p, err := process.Start(process.Spec{Name: s.Name, Path: s.Binary, Logs: s.Dir, Args: []string{
		"sandbox",
		"--name=" + s.Name,
		"--flink-home=" + strings.Join(s.Homes, ","),
		"--kubeconfig-out=" + s.Kubeconfig(),
		"--data-dir=" + s.Dir + "/" + s.Name,
	}})
	if err != nil {
		return nil, err
	}
	err = p.Ready(ctx, func(context.Context) error {
		if _, err := os.Stat(s.Kubeconfig()); err != nil {
			return fmt.Errorf("look for the kubeconfig: %w", err)
		}
		return nil
	})
	if err != nil {
		p.Kill()
		return nil, err
	}
	return p, nil
}
