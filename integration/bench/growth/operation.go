package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// operation is a request whose cost may depend on the number of applications.
type operation struct {
	name    string
	callers int
	// limit bounds the operations of a round; 0 for as many as there is time for.
	limit int64
	// run does the operation once; n counts the operations of all rounds.
	run func(ctx context.Context, in *installation, n int64) error
	// undo takes one operation back after its round; may be nil.
	undo func(ctx context.Context, in *installation, n int64) error
	// items is what the operation goes through one by one; nil where its cost is
	// not to depend on the size.
	items func(in *installation) int
}

// createdInRound is how many applications a round may create. They are deleted
// after it, so that the small installation stays small.
const createdInRound = 400

// updated is how many applications take turns at being updated, in every
// installation the same number, so that they have as many instances and events.
const updated = 256

var operations = []operation{
	{
		name: "get", callers: 16,
		run: func(ctx context.Context, in *installation, n int64) error {
			// The step is a prime, so that all applications have their turn.
			_, err := in.applications.GetApplication(ctx, &cmfv1.GetApplicationRequest{
				EnvName: environment, AppName: applicationName(int(n * 7919 % int64(in.size))),
			})
			return err
		},
	},
	{
		name: "create", callers: 16, limit: createdInRound,
		run: func(ctx context.Context, in *installation, n int64) error {
			return in.write(ctx, environment, createdName(n), 1)
		},
		undo: func(ctx context.Context, in *installation, n int64) error {
			_, err := in.applications.DeleteApplication(ctx, &cmfv1.DeleteApplicationRequest{EnvName: environment, AppName: createdName(n)})
			return err
		},
	},
	{
		name: "update", callers: 16, limit: 2 * updated,
		run: func(ctx context.Context, in *installation, n int64) error {
			return in.write(ctx, environment, applicationName(int(n%min(updated, int64(in.size)))), int(2+n))
		},
	},
	{name: "first page of 100", callers: 16, run: page(func(*installation) int32 { return 0 })},
	{name: "middle page of 100", callers: 16, run: page(func(in *installation) int32 { return int32(in.size / 2 / pageSize) })},
	{
		name: "filter", callers: 1, items: applicationsIn,
		run: count(&cmfv1.ListApplicationsRequest{EnvName: environment, Filter: "state=FAILED", Size: proto.Int32(1)},
			func(*installation) int { return 0 }),
	},
	{
		name: "sort", callers: 1, items: applicationsIn,
		run: count(&cmfv1.ListApplicationsRequest{EnvName: environment, Sort: []string{"updateTimestamp,desc"}, Size: proto.Int32(1)},
			applicationsIn),
	},
}

const pageSize = 100

func createdName(n int64) string { return fmt.Sprintf("created-%06d", n) }

func applicationsIn(in *installation) int { return in.size }

// page reads one page of applications.
func page(number func(*installation) int32) func(context.Context, *installation, int64) error {
	return func(ctx context.Context, in *installation, _ int64) error {
		answer, err := in.applications.ListApplications(ctx, &cmfv1.ListApplicationsRequest{
			EnvName: environment, Page: proto.Int32(number(in)), Size: proto.Int32(pageSize),
		})
		if err == nil && len(answer.GetItems()) != pageSize {
			err = fmt.Errorf("the page has %d applications, want %d", len(answer.GetItems()), pageSize)
		}
		return err
	}
}

// count lists applications and checks how many match.
func count(request *cmfv1.ListApplicationsRequest, want func(*installation) int) func(context.Context, *installation, int64) error {
	return func(ctx context.Context, in *installation, _ int64) error {
		answer, err := in.applications.ListApplications(ctx, request)
		if err == nil && answer.GetMetadata().GetSize() != int64(want(in)) {
			err = fmt.Errorf("%d applications match, want %d", answer.GetMetadata().GetSize(), want(in))
		}
		return err
	}
}

// searchedEnvironments are added to an installation to be searched:
// applications cannot be.
func searchedEnvironments(in *installation) int { return min(in.size, 10_000) }

// search goes through environments.
var search = operation{
	name: "search (environments)", callers: 1, items: searchedEnvironments,
	run: func(ctx context.Context, in *installation, _ int64) error {
		answer, err := in.environments.ListEnvironments(ctx, &cmfv1.ListEnvironmentsRequest{
			Search: "absent", SearchScope: "name", Size: proto.Int32(1),
		})
		if err == nil && answer.GetMetadata().GetSize() != 0 {
			err = fmt.Errorf("%d environments match, want none", answer.GetMetadata().GetSize())
		}
		return err
	},
}

// cost is what one operation takes.
type cost struct {
	// time is the duration of the round divided by its operations.
	time time.Duration
	// processor is the processor time of the control plane.
	processor time.Duration
}

// round repeats the operation for about the duration, and undoes it.
func (op operation) round(ctx context.Context, in *installation, from int64, duration time.Duration) (cost, int64, error) {
	if err := in.quiet(ctx); err != nil {
		return cost{}, from, err
	}
	before, err := in.metrics(ctx)
	if err != nil {
		return cost{}, from, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		running sync.WaitGroup
		next    atomic.Int64
	)
	next.Store(from)
	begin := time.Now()
	for range op.callers {
		running.Go(func() {
			for time.Since(begin) < duration && ctx.Err() == nil {
				n := next.Add(1) - 1
				if op.limit > 0 && n >= from+op.limit {
					next.Add(-1)
					return
				}
				if err := op.run(ctx, in, n); err != nil {
					cancel(fmt.Errorf("%s, %s, %d applications: %w", in.weir, op.name, in.size, err))
					return
				}
			}
		})
	}
	running.Wait()
	elapsed := time.Since(begin)
	if err := context.Cause(ctx); err != nil {
		return cost{}, from, err
	}
	after, err := in.metrics(ctx)
	if err != nil {
		return cost{}, from, err
	}
	to := next.Load()
	done := to - from
	processor := time.Duration((after[processorSeconds] - before[processorSeconds]) * float64(time.Second))
	c := cost{time: elapsed / time.Duration(done), processor: processor / time.Duration(done)}
	if op.undo != nil {
		err = concurrently(ctx, int(done), func(ctx context.Context, i int) error { return op.undo(ctx, in, from+int64(i)) })
	}
	return c, to, err
}

// measure takes the operation's cost in the installations, which take turns
// within each round, in an order that moves by one from round to round.
func (op operation) measure(ctx context.Context, in []*installation, rounds int, duration time.Duration) ([][]cost, error) {
	costs := make([][]cost, len(in))
	counts := make([]int64, len(in))
	for round := range rounds {
		for turn := range in {
			i := (turn + round) % len(in)
			c, to, err := op.round(ctx, in[i], counts[i], duration)
			if err != nil {
				return nil, err
			}
			counts[i] = to
			costs[i] = append(costs[i], c)
		}
	}
	slog.Info("measured", "operation", op.name)
	return costs, nil
}
