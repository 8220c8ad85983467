package control_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// together calls f n times at once and returns the errors.
func together(n int, f func(i int) error) []error {
	errs := make([]error, n)
	begin := make(chan struct{})
	var calls sync.WaitGroup
	for i := range n {
		calls.Go(func() {
			<-begin
			errs[i] = f(i)
		})
	}
	close(begin)
	calls.Wait()
	return errs
}

// TestCreatesOfOneName: of several creations of one name at once, one succeeds, and
// the others learn that the name is taken, or update where the RPC does that.
func TestCreatesOfOneName(t *testing.T) {
	one, two := startTwo(t)
	one.connect(t, hello("cluster-a"))
	one.saveEnvironment(t, "prod")
	must(one.pools("prod").create(t.Context(), poolOf("dedicated", "DEDICATED", "")))(t)
	replicas := []*replica{one, two}
	for _, kind := range []struct {
		name    string
		updates bool
		create  func(r *replica, name string) error
	}{
		{"application", true, func(r *replica, name string) error {
			_, err := r.applications.CreateOrUpdateApplication(t.Context(), application("prod", name, running))
			return err
		}},
		{"environment", true, func(r *replica, name string) error {
			_, err := r.environments.CreateOrUpdateEnvironment(t.Context(), environment(name))
			return err
		}},
		{"compute pool with a cluster", false, func(r *replica, name string) error {
			_, err := r.pools("prod").create(t.Context(), poolOf(name, "SHARED", ""))
			return err
		}},
		{"statement", false, func(r *replica, name string) error {
			_, err := r.statements("prod").post(t.Context(), statementOf(name, "dedicated", "SHOW CATALOGS"))
			return err
		}},
	} {
		t.Run(kind.name, func(t *testing.T) {
			for round := range 40 {
				name := fmt.Sprintf("thing-%s-%d", kind.name[:3], round)
				created := 0
				for i, err := range together(6, func(i int) error { return kind.create(replicas[i%2], name) }) {
					switch {
					case err == nil:
						created++
					case kind.updates || status.Code(err) != codes.AlreadyExists:
						t.Errorf("create %s, call %d: %v", name, i, err)
					}
				}
				if !kind.updates && created != 1 {
					t.Errorf("%s was created %d times", name, created)
				}
			}
		})
	}
}

// TestManyWritersOfOneApplication: without a precondition, no update of one replica
// is refused because of the others.
func TestManyWritersOfOneApplication(t *testing.T) {
	r := start(t)
	r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod")
	r.saveApplication(t, "prod", "orders", running)
	errs := together(64, func(i int) error {
		for n := range 5 {
			request := application("prod", "orders", running)
			request.Application.Metadata.Labels = map[string]string{"writer": fmt.Sprintf("%d-%d", i, n)}
			if _, err := r.applications.CreateOrUpdateApplication(t.Context(), request); err != nil {
				return err
			}
		}
		return nil
	})
	for i, err := range errs {
		if err != nil {
			t.Errorf("writer %d: %v", i, err)
		}
	}
}

// TestNoUpdateIsLostWithAPrecondition counts in a label of an application, through two
// replicas.
func TestNoUpdateIsLostWithAPrecondition(t *testing.T) {
	one, two := startTwo(t)
	one.connect(t, hello("cluster-a"))
	one.saveEnvironment(t, "prod")
	one.saveApplication(t, "prod", "orders", running)
	const writers, increments = 8, 5
	replicas := []*replica{one, two}
	errs := together(writers, func(i int) error {
		for range increments {
			if err := replicas[i%2].increment(t.Context()); err != nil {
				return err
			}
		}
		return nil
	})
	for i, err := range errs {
		if err != nil {
			t.Fatalf("writer %d: %v", i, err)
		}
	}
	equal(t, "count", strconv.Itoa(writers*increments), one.application(t, "prod", "orders").GetMetadata().GetLabels()["count"])
}

// increment adds one to the label count of the application orders. It starts over
// while others have changed the application meanwhile.
func (r *replica) increment(ctx context.Context) error {
	for {
		var header metadata.MD
		app, err := r.applications.GetApplication(ctx, &cmfv1.GetApplicationRequest{EnvName: "prod", AppName: "orders"}, grpc.Header(&header))
		if err != nil {
			return err
		}
		count := 0
		if stored := app.GetMetadata().GetLabels()["count"]; stored != "" {
			if count, err = strconv.Atoi(stored); err != nil {
				return err
			}
		}
		app.Metadata.Labels = map[string]string{"count": strconv.Itoa(count + 1)}
		_, err = r.applications.CreateOrUpdateApplication(ctx, &cmfv1.CreateOrUpdateApplicationRequest{
			EnvName: "prod", Application: app, ResourceVersion: header.Get("weir-resource-version")[0],
		})
		if status.Code(err) != codes.Aborted {
			return err
		}
	}
}

// TestReportsDoNotChangeTheVersion: who edits a specification does not compete with
// the status.
func TestReportsDoNotChangeTheVersion(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod")
	r.saveApplication(t, "prod", "orders", running)
	version := func() string {
		var header metadata.MD
		must(r.applications.GetApplication(t.Context(), &cmfv1.GetApplicationRequest{EnvName: "prod", AppName: "orders"}, grpc.Header(&header)))(t)
		return header.Get("weir-resource-version")[0]
	}
	before := version()
	apply := a.awaitApply("orders", 1)
	a.applied(apply)
	a.report(apply, flinkStatus("STABLE", "RUNNING", "job-1"))
	awaitEqual(t, "the state of the job", "RUNNING", func() string { return r.jobState(t, "prod", "orders") })
	equal(t, "version after a report", before, version())
	request := application("prod", "orders", rescaled)
	request.ResourceVersion = before
	must(r.applications.CreateOrUpdateApplication(t.Context(), request))(t)
	if after := version(); after == before {
		t.Errorf("the version after an update is still %s", after)
	}
}
