package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// operation is one thing that every rival is measured at.
type operation struct {
	name string
	// run does the operation once. n counts the operations of the cell over
	// all rounds and callers, from 0.
	run func(ctx context.Context, r rival, callers, caller int, n int64) error
}

// operations are what is measured, in this order.
var operations = []operation{
	{"create", func(ctx context.Context, r rival, callers, _ int, n int64) error {
		return r.create(ctx, writtenScope, fmt.Sprintf("new-%d-%d", callers, n))
	}},
	{"get", func(ctx context.Context, r rival, _, _ int, n int64) error {
		return r.get(ctx, listedScope, listedName(int(n%listed)))
	}},
	// Each caller has an application of its own: conflicts are not measured.
	{"update", func(ctx context.Context, r rival, _, caller int, n int64) error {
		return r.update(ctx, writtenScope, updatedName(caller), int(n)+2)
	}},
	{"list of 100", func(ctx context.Context, r rival, _, _ int, _ int64) error {
		found, err := r.list(ctx, listedScope)
		if err == nil && found != listed {
			err = fmt.Errorf("the list holds %d applications, not %d", found, listed)
		}
		return err
	}},
}

// operationsOf are those that begin with the names, all where there are none.
func operationsOf(names string) ([]operation, error) {
	if names == "" {
		return operations, nil
	}
	var chosen []operation
	for _, name := range strings.Split(names, ",") {
		found := slices.IndexFunc(operations, func(o operation) bool { return strings.Fields(o.name)[0] == name })
		if found < 0 {
			return nil, fmt.Errorf("operations: there is no operation %q", name)
		}
		chosen = append(chosen, operations[found])
	}
	return chosen, nil
}

func listedName(i int) string { return fmt.Sprintf("listed-%03d", i) }

func updatedName(caller int) string { return fmt.Sprintf("updated-%03d", caller) }

// cell is what one rival did at one operation with so many callers.
type cell struct {
	count     int64
	elapsed   time.Duration
	processor time.Duration // of the rival's server
	latencies []time.Duration
}

// run adds one round to the cell: all callers repeat the operation, each as
// soon as its last one is answered, for about the duration. Every operation
// begun is finished and counted.
func (c *cell) run(ctx context.Context, op operation, r rival, callers int, duration time.Duration) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		running sync.WaitGroup
		next    atomic.Int64
		mu      sync.Mutex
		failure error
	)
	next.Store(c.count)
	used, err := r.server().ProcessorTime()
	if err != nil {
		return err
	}
	begin := time.Now()
	for caller := range callers {
		running.Go(func() {
			var own []time.Duration
			defer func() {
				mu.Lock()
				defer mu.Unlock()
				c.latencies = append(c.latencies, own...)
			}()
			for time.Since(begin) < duration {
				n := next.Add(1) - 1
				before := time.Now()
				if err := op.run(ctx, r, callers, caller, n); err != nil {
					mu.Lock()
					defer mu.Unlock()
					if failure == nil {
						failure = fmt.Errorf("%s, %s, %d callers: %w", r.name(), op.name, callers, err)
					}
					cancel()
					return
				}
				own = append(own, time.Since(before))
			}
		})
	}
	running.Wait()
	c.elapsed += time.Since(begin)
	c.count = next.Load()
	after, err := r.server().ProcessorTime()
	c.processor += after - used
	return errors.Join(failure, err)
}

// perSecond is the throughput over all rounds.
func (c *cell) perSecond() float64 { return float64(len(c.latencies)) / c.elapsed.Seconds() }

// processorTime is that of the rival's server for each operation.
func (c *cell) processorTime() time.Duration {
	return c.processor / time.Duration(max(len(c.latencies), 1))
}

// quantile of the latencies of all rounds, for q in [0,1].
func (c *cell) quantile(q float64) time.Duration {
	if len(c.latencies) == 0 {
		return 0
	}
	slices.Sort(c.latencies)
	return c.latencies[min(int(q*float64(len(c.latencies))), len(c.latencies)-1)]
}
