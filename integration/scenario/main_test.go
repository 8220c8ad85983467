// Package scenario proves the whole path on real processes and real sockets:
// REST to control plane to agent to kube-apiserver, and status back. The Flink
// Kubernetes Operator is played by the project's own stand-in.
package scenario

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/openweir/weir/integration/build"
	"github.com/openweir/weir/integration/flink"
	"github.com/openweir/weir/integration/kube"
	"github.com/openweir/weir/sandbox/operator"
)

// programs are the binaries under test and beside it.
var programs struct{ weir, etcd, apiServer string }

// The workload clusters that most tests share. Tests keep to namespaces of
// their own.
var east, west *workload

// clusters are the names that agents may register with static tokens.
var clusters = []string{"default-k8s-cluster", "east", "west"}

func TestMain(m *testing.M) {
	flag.Parse()
	// The tests wait far more than they work.
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := buildPrograms(ctx); err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp("", "weir-scenario-")
	if err != nil {
		return 0, fmt.Errorf("make a folder for the workload clusters: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	group, starting := errgroup.WithContext(ctx)
	for name, cluster := range map[string]**workload{"east": &east, "west": &west} {
		group.Go(func() (err error) {
			*cluster, err = startWorkload(starting, dir, name)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return 0, err
	}
	defer east.stop()
	defer west.stop()
	for _, cluster := range []*workload{east, west} {
		if err := cluster.installFlink(ctx); err != nil {
			return 0, err
		}
	}
	return m.Run(), nil
}

func buildPrograms(ctx context.Context) (err error) {
	if programs.apiServer, err = build.KubeAPIServer(ctx); err != nil {
		return err
	}
	if programs.etcd, err = build.Etcd(ctx); err != nil {
		return err
	}
	programs.weir, err = build.Weir(ctx)
	return err
}

// pace is how long the operator's stand-in takes for a step.
const pace = 50 * time.Millisecond

// workload is a workload cluster, with or without a Flink operator.
type workload struct {
	*kube.Cluster
	stopOperator context.CancelFunc
	operating    sync.WaitGroup
}

func startWorkload(ctx context.Context, dir, name string) (*workload, error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	cluster, err := kube.Start(ctx, kube.Config{
		APIServer: programs.apiServer, Etcd: programs.etcd, Name: name, Dir: dir,
	})
	if err != nil {
		return nil, err
	}
	return &workload{Cluster: cluster, stopOperator: func() {}}, nil
}

// installFlink makes the custom resource definitions and starts the operator.
func (w *workload) installFlink(ctx context.Context) error {
	return w.installDefinitions(ctx, flink.Definitions())
}

// installDefinitions is installFlink with definitions of the caller's choice.
func (w *workload) installDefinitions(ctx context.Context, definitions []*unstructured.Unstructured) error {
	if err := w.Apply(ctx, definitions...); err != nil {
		return err
	}
	if err := flink.Served(ctx, w.Client); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(filepath.Dir(w.APIServer.Log()), w.Name+"-operator.log"))
	if err != nil {
		return fmt.Errorf("open the operator's log: %w", err)
	}
	o, err := operator.New(operator.Config{Rest: w.Admin, Pace: pace, Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		return fmt.Errorf("make the operator of cluster %s: %w", w.Name, err)
	}
	// It must outlive the context of a start that is over.
	operating, stop := context.WithCancel(context.WithoutCancel(ctx))
	w.stopOperator = stop
	w.operating.Go(func() {
		defer func() { _ = log.Close() }()
		if err := o.Run(operating); err != nil && operating.Err() == nil {
			fmt.Fprintf(os.Stderr, "the operator of cluster %s ended: %v\n", w.Name, err)
		}
	})
	return nil
}

func (w *workload) stop() {
	w.stopOperator()
	w.operating.Wait()
	w.Stop()
}
