package sandbox

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/openweir/weir/sandbox/localflink"
)

// processes returns what runs Flink out of the homes of a configuration; nil
// if there are none, and Flink is simulated.
func processes(config Config, log *slog.Logger) (*localflink.Clusters, error) {
	if len(config.FlinkHomes) == 0 {
		return nil, nil
	}
	if config.FlinkDir == "" || len(config.Supervisor) == 0 {
		return nil, errors.New("processes of Flink need a folder and a supervisor")
	}
	homes, err := localflink.OpenHomes(config.FlinkHomes)
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(config.FlinkDir)
	if err != nil {
		return nil, fmt.Errorf("find the folder for Flink: %w", err)
	}
	start := config.start
	if start == nil {
		start = localflink.Supervised(config.Supervisor)
	}
	return localflink.New(localflink.Config{Homes: homes, Dir: dir, Start: start, Log: log}), nil
}
