// Command growth measures what grows with the number of applications in one
// environment: the cost of requests, memory, etcd's database, and the time of a
// start. It runs two installations at the same time, a small and a large one, so
// that both are measured within the same minute, and says which of the bars are
// held. A second binary of Weir, such as one of an earlier commit, can be
// measured beside the first.
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

	"golang.org/x/sync/errgroup"

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
		slog.Error("growth failed", "error", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	small, large int
	rounds       int
	duration     time.Duration
	out          string
	keep         string
	weir, before string
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var o options
	flags := flag.NewFlagSet("growth", flag.ContinueOnError)
	flags.IntVar(&o.small, "small", 1000, "applications in the small installation")
	flags.IntVar(&o.large, "applications", 100_000, "applications in the large installation")
	flags.IntVar(&o.rounds, "rounds", 5, "rounds of each operation")
	flags.DurationVar(&o.duration, "duration", time.Second, "how long a round is, about")
	flags.StringVar(&o.out, "out", "", "where the JSON is written (default .build/bench-growth.json of the repository)")
	flags.StringVar(&o.keep, "keep", "", "a folder to leave data and logs in (default a temporary one)")
	flags.StringVar(&o.weir, "weir", "", "the binary of Weir to measure (default built from this tree)")
	flags.StringVar(&o.before, "weir-before", "", "another binary of Weir to measure beside it, such as one of an earlier commit")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.small < pageSize || o.large <= o.small || o.rounds < 1 || o.duration <= 0 || flags.NArg() > 0 {
		return fmt.Errorf("there must be at least %d applications and more in the large installation, rounds and duration must be positive, and there are no arguments", pageSize)
	}
	root, err := build.Root()
	if err != nil {
		return err
	}
	if o.out == "" {
		o.out = filepath.Join(root, ".build", "bench-growth.json")
	}
	dir := o.keep
	if dir == "" {
		if dir, err = os.MkdirTemp("", "weir-growth-"); err != nil {
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

// subject is a Weir under measurement in both its sizes.
type subject struct {
	name         string
	small, large *installation
	// versions are those that the watches of the large installation follow from,
	// by environment.
	versions map[string]string
	figures  []figure
}

// measure starts and fills everything and takes all figures.
func measure(ctx context.Context, dir string, o options) (*report, error) {
	etcdBinary, err := build.Etcd(ctx)
	if err != nil {
		return nil, err
	}
	if o.weir == "" {
		if o.weir, err = build.Weir(ctx); err != nil {
			return nil, err
		}
	}
	binaries := []struct{ name, path string }{{"Weir", o.weir}, {"Weir before", o.before}}
	var subjects []*subject
	var all []*installation
	defer func() {
		for _, in := range all {
			in.stop()
		}
	}()
	for i, binary := range binaries {
		if binary.path == "" {
			continue
		}
		s := &subject{name: binary.name}
		subjects = append(subjects, s)
		for _, size := range []int{o.small, o.large} {
			in, err := install(ctx, s.name, filepath.Join(dir, fmt.Sprintf("weir-%d-%d", i, size)), binary.path, etcdBinary, size)
			if err != nil {
				return nil, err
			}
			all = append(all, in)
			if err := in.fill(ctx); err != nil {
				return nil, fmt.Errorf("%s, %d applications: %w", s.name, size, err)
			}
		}
		s.small, s.large = all[len(all)-2], all[len(all)-1]
	}
	for _, step := range []func(context.Context, []*subject) error{
		measureSizes, measureWatchers, o.measureOperations, measureStart, o.measureSearch,
	} {
		if err := step(ctx, subjects); err != nil {
			return nil, err
		}
	}
	r := newReport(o.small, o.large, o.rounds, subjects[0].large.statusBytes)
	// The steps take the same figures of all subjects in the same order.
	for i := range subjects[0].figures {
		for _, s := range subjects {
			r.Figures = append(r.Figures, s.figures[i])
		}
	}
	return r, nil
}

// inParallel runs a step for all subjects at the same time: most of what it does
// is to wait.
func inParallel(ctx context.Context, subjects []*subject, step func(context.Context, *subject) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, s := range subjects {
		group.Go(func() error { return step(ctx, s) })
	}
	return group.Wait()
}

// heaps are the live heaps of the small and the large installation.
func (s *subject) heaps(ctx context.Context) (small, large float64, err error) {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		small, err = s.small.liveHeap(ctx)
		return err
	})
	group.Go(func() (err error) {
		large, err = s.large.liveHeap(ctx)
		return err
	})
	return small, large, group.Wait()
}

// The bars of sizes, in KB an application, and of a start, in seconds.
const (
	maxHeap     = 8
	maxDatabase = 10
	maxStart    = 10
)

func measureSizes(ctx context.Context, subjects []*subject) error {
	return inParallel(ctx, subjects, func(ctx context.Context, s *subject) error {
		filled, err := s.large.metrics(ctx)
		if err != nil {
			return err
		}
		var database [2]int64
		for i, in := range []*installation{s.small, s.large} {
			if database[i], err = in.databaseBytes(ctx); err != nil {
				return err
			}
		}
		if s.versions, err = s.large.versions(ctx, fewEnvironment, environment); err != nil {
			return err
		}
		small, large, err := s.heaps(ctx)
		if err != nil {
			return err
		}
		perApplication := func(a, b float64) float64 { return each(a, b, s.small.size, s.large.size) / 1000 }
		s.figures = append(s.figures,
			sized(s.name, "live heap", "KB an application", perApplication(small, large), maxHeap),
			sized(s.name, "live heap", "MB", large/1e6, 0),
			sized(s.name, "resident set after the fill", "MB", filled[residentBytes]/1e6, 0),
			sized(s.name, "etcd's database", "KB an application", perApplication(float64(database[0]), float64(database[1])), maxDatabase),
		)
		slog.Info("measured sizes", "weir", s.name)
		return nil
	})
}

// measureWatchers compares watchers of few and of many applications, in the
// large installation. The lists that versions are of were read before the last
// collections, so that nothing is left of the buffers that they took.
func measureWatchers(ctx context.Context, subjects []*subject) error {
	return inParallel(ctx, subjects, func(ctx context.Context, s *subject) error {
		var heaps []float64
		for _, env := range []string{"", fewEnvironment, environment} {
			if env != "" {
				closeAll, err := s.large.watchMany(ctx, env, s.versions[env])
				if err != nil {
					return err
				}
				defer closeAll()
			}
			heap, err := s.large.liveHeap(ctx)
			if err != nil {
				return err
			}
			heaps = append(heaps, heap)
		}
		a, b := (heaps[1]-heaps[0])/watchers/1000, (heaps[2]-heaps[1])/watchers/1000
		s.figures = append(s.figures, grown(s.name, fmt.Sprintf("a watcher of %d and of all applications", few), "KB", a, b, b/a, maxGrowth))
		slog.Info("measured watchers", "weir", s.name)
		return nil
	})
}

func (o options) measureOperations(ctx context.Context, subjects []*subject) error {
	for _, op := range operations {
		if err := o.measureOperation(ctx, op, subjects); err != nil {
			return err
		}
	}
	return nil
}

func (o options) measureOperation(ctx context.Context, op operation, subjects []*subject) error {
	var all []*installation
	for _, s := range subjects {
		all = append(all, s.small, s.large)
	}
	costs, err := op.measure(ctx, all, o.rounds, o.duration)
	if err != nil {
		return err
	}
	for i, s := range subjects {
		var smallItems, largeItems int
		if op.items != nil {
			smallItems, largeItems = op.items(s.small), op.items(s.large)
		}
		s.figures = append(s.figures, op.figures(s.name, costs[2*i], costs[2*i+1], smallItems, largeItems)...)
	}
	return nil
}

// measureStart kills and starts control planes, one at a time.
func measureStart(ctx context.Context, subjects []*subject) error {
	for _, s := range subjects {
		var took [2]float64
		for i, in := range []*installation{s.small, s.large} {
			var all []float64
			// A start that takes long is not repeated.
			for range 3 {
				one, err := in.restart(ctx)
				if err != nil {
					return err
				}
				if all = append(all, one.Seconds()); one > time.Minute {
					break
				}
			}
			took[i] = median(all)
		}
		start := sized(s.name, "start after kill -9 until /readyz", "s", took[1], maxStart)
		start.Small = &took[0]
		s.figures = append(s.figures, start)
		slog.Info("measured start", "weir", s.name)
	}
	return inParallel(ctx, subjects, func(ctx context.Context, s *subject) error {
		small, large, err := s.heaps(ctx)
		if err == nil {
			s.figures = append(s.figures, sized(s.name, "live heap after the start", "KB an application",
				each(small, large, s.small.size, s.large.size)/1000, maxHeap))
		}
		return err
	})
}

func (o options) measureSearch(ctx context.Context, subjects []*subject) error {
	for _, s := range subjects {
		for _, in := range []*installation{s.small, s.large} {
			if err := concurrently(ctx, searchedEnvironments(in), func(ctx context.Context, i int) error {
				return in.createEnvironment(ctx, fmt.Sprintf("searched-%06d", i))
			}); err != nil {
				return err
			}
		}
	}
	return o.measureOperation(ctx, search, subjects)
}
