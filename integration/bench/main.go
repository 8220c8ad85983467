// Command bench measures Weir beside a real kube-apiserver that holds the same
// FlinkDeployments and beside the bare etcd client that stores the same bytes:
// creates, gets, updates and lists of a hundred, by 1, 16 and 64 callers.
// Every rival has an etcd of its own, of the same version, that waits for the
// disk. A second binary of Weir, such as one of an earlier commit, can be
// measured beside the first. The rivals take turns within each round, in an order that moves by one
// from round to round, so that none is always first or always last.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/openweir/weir/integration/build"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("%w: %w", context.Cause(ctx), err) // which signal it was
	}
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		slog.Error("bench failed", "error", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	rounds   int
	duration time.Duration
	measured []operation
	out      string
	keep     string
	// weir and before are binaries of Weir: the one that the bars are for, which
	// is built from this tree when the path is empty, and one to compare it with.
	weir, before string
	// anonymous measures the same binary without authentication as well.
	anonymous bool
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&o.rounds, "rounds", 4, "rounds of each cell")
	flags.DurationVar(&o.duration, "duration", 1200*time.Millisecond, "how long a round is")
	names := flags.String("operations", "", "what to measure, of create, get, update and list, separated by commas (default all; bars are for what is measured)")
	flags.StringVar(&o.out, "out", "", "where the JSON is written (default .build/bench.json of the repository)")
	flags.StringVar(&o.keep, "keep", "", "a folder to leave data and logs in (default a temporary one)")
	flags.StringVar(&o.weir, "weir", "", "the binary of Weir to measure (default built from this tree)")
	flags.StringVar(&o.before, "weir-before", "", "another binary of Weir to measure beside it, such as one of an earlier commit")
	flags.BoolVar(&o.anonymous, "anonymous", false, "measure the same binary without authentication and authorization beside it")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.anonymous && o.before != "" {
		return errors.New("-anonymous and -weir-before: one other Weir can be measured")
	}
	if o.rounds < 1 || o.duration <= 0 || flags.NArg() > 0 {
		return errors.New("rounds and duration must be positive, and there are no arguments")
	}
	var err error
	if o.measured, err = operationsOf(*names); err != nil {
		return err
	}
	root, err := build.Root()
	if err != nil {
		return err
	}
	if o.out == "" {
		o.out = filepath.Join(root, ".build", "bench.json")
	}
	dir := o.keep
	if dir == "" {
		if dir, err = os.MkdirTemp("", "weir-bench-"); err != nil {
			return fmt.Errorf("make a folder for data: %w", err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
	}
	result, err := measure(ctx, dir, o)
	if err != nil {
		return err
	}
	result.write(out)
	if err := result.save(o.out); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "\nJSON: %s\n", o.out)
	return err
}

// measure runs everything and compares it with the bars.
func measure(ctx context.Context, dir string, o options) (*report, error) {
	setup, err := start(ctx, dir, o)
	if err != nil {
		return nil, err
	}
	defer setup.stop()
	if err := fill(ctx, setup.rivals); err != nil {
		return nil, err
	}
	r := newReport(o.rounds, o.duration)
	for _, op := range o.measured {
		for _, callers := range []int{1, 16, 64} {
			cells := make([]cell, len(setup.rivals))
			for round := range o.rounds {
				for turn := range setup.rivals {
					i := (turn + round) % len(setup.rivals)
					if err := cells[i].run(ctx, op, setup.rivals[i], callers, o.duration); err != nil {
						return nil, err
					}
				}
			}
			r.Results = append(r.Results, summarise(op, callers, setup.rivals, cells)...)
			slog.Info("measured", "operation", op.name, "callers", callers)
		}
	}
	r.Bars = barsOf(r.Results)
	return r, setup.closeAgents()
}

// fill makes the scopes, and in them what is listed, got and updated.
func fill(ctx context.Context, rivals []rival) error {
	for _, r := range rivals {
		for _, scope := range []string{listedScope, writtenScope} {
			if err := r.prepare(ctx, scope); err != nil {
				return fmt.Errorf("%s: prepare %s: %w", r.name(), scope, err)
			}
		}
		for i := range listed {
			if err := r.create(ctx, listedScope, listedName(i)); err != nil {
				return fmt.Errorf("%s: fill: %w", r.name(), err)
			}
		}
		for caller := range 64 {
			if err := r.create(ctx, writtenScope, updatedName(caller)); err != nil {
				return fmt.Errorf("%s: fill: %w", r.name(), err)
			}
		}
		slog.Info("ready", "rival", r.name())
	}
	return nil
}
