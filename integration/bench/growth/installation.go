package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/integration/bench/agent"
	"github.com/openweir/weir/integration/etcd"
	"github.com/openweir/weir/integration/process"
	"github.com/openweir/weir/integration/weir"
)

const (
	// environment holds all the applications that are measured, fewEnvironment a
	// few, to compare watchers by.
	environment    = "growth"
	fewEnvironment = "growth-few"
	few            = 10

	cluster   = "bench-k8s-cluster"
	namespace = "flink"

	// fillers are the concurrent callers that fill an installation.
	fillers = 64
)

func applicationName(i int) string { return fmt.Sprintf("application-%06d", i) }

// installation is a control plane with an etcd and an agent of its own, all
// processes but the agent, and size applications in one environment. etcd does
// not wait for the disk: what that takes does not grow, and would hide what does.
type installation struct {
	weir string // the name of the Weir that runs here
	size int
	// statusBytes is the size of one application's status, as clients see it.
	statusBytes int

	store   *etcd.Server
	config  weir.Control
	control *process.Process
	agent   *agent.Agent
	etcd    *clientv3.Client

	conn         *grpc.ClientConn
	environments cmfv1.EnvironmentServiceClient
	applications cmfv1.ApplicationServiceClient
	events       cmfv1.ApplicationEventServiceClient
}

// install starts everything and registers the cluster.
func install(ctx context.Context, weirName, dir, binary, etcdBinary string, size int) (_ *installation, err error) {
	in := &installation{weir: weirName, size: size}
	defer func() {
		if err != nil {
			in.stop()
		}
	}()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make a folder for data: %w", err)
	}
	if in.store, err = etcd.Start(ctx, etcd.Config{Binary: etcdBinary, Name: "etcd", Dir: dir, Volatile: true, Quota: 16 << 30}); err != nil {
		return nil, err
	}
	if in.etcd, err = clientv3.New(clientv3.Config{Endpoints: []string{in.store.Endpoint}, Logger: zap.NewNop()}); err != nil {
		return nil, fmt.Errorf("connect to etcd: %w", err)
	}
	var addresses [3]string
	for i := range addresses {
		if addresses[i], err = process.FreeAddress(); err != nil {
			return nil, err
		}
	}
	in.config = weir.Control{
		Binary: binary, Name: "control", Dir: dir, Etcd: []string{in.store.Endpoint}, GRPC: addresses[0], Agents: addresses[1], Admin: addresses[2],
		Clusters: []string{cluster}, Heartbeat: time.Minute,
	}
	if in.control, err = in.config.Start(ctx); err != nil {
		return nil, err
	}
	if err := in.dial(); err != nil {
		return nil, err
	}
	in.agent, err = agent.Connect(ctx, agent.Config{
		Address: in.config.Agents, Token: weir.Token(cluster), Cluster: cluster, Namespace: namespace, Status: status,
	})
	if err != nil {
		return nil, fmt.Errorf("register the cluster: %w", err)
	}
	return in, nil
}

func (in *installation) dial() error {
	if in.conn != nil {
		_ = in.conn.Close()
	}
	conn, err := grpc.NewClient(in.config.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("connect to the control plane: %w", err)
	}
	in.conn = conn
	in.environments = cmfv1.NewEnvironmentServiceClient(conn)
	in.applications = cmfv1.NewApplicationServiceClient(conn)
	in.events = cmfv1.NewApplicationEventServiceClient(conn)
	return nil
}

// fill creates the applications and waits until the status of each is stored.
func (in *installation) fill(ctx context.Context) error {
	if err := in.fillEnvironment(ctx, environment, in.size, applicationName); err != nil {
		return err
	}
	// The names of applications are unique within a cluster's namespace.
	fewName := func(i int) string { return "few-" + applicationName(i) }
	if err := in.fillEnvironment(ctx, fewEnvironment, few, fewName); err != nil {
		return err
	}
	slog.Info("applications created", "weir", in.weir, "applications", in.size)
	return in.reported(ctx)
}

func (in *installation) fillEnvironment(ctx context.Context, env string, size int, name func(int) string) error {
	if err := in.createEnvironment(ctx, env); err != nil {
		return err
	}
	err := concurrently(ctx, size, func(ctx context.Context, i int) error { return in.write(ctx, env, name(i), 1) })
	if err != nil {
		return fmt.Errorf("fill environment %s: %w", env, err)
	}
	return nil
}

// reported waits until every application is known to run, and checks that it
// has the events that the figures are for.
func (in *installation) reported(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		page, err := in.applications.ListApplications(ctx, &cmfv1.ListApplicationsRequest{
			EnvName: environment, Filter: "state=RUNNING", Size: proto.Int32(1),
		})
		if err != nil {
			return fmt.Errorf("count the applications that run: %w", err)
		}
		if page.GetMetadata().GetSize() == int64(in.size) {
			break
		}
		select {
		case <-tick.C:
		case <-in.agent.Done():
			return errors.Join(errors.New("the agent's session has ended before every status was stored"), in.agent.Close())
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	events, err := in.events.ListApplicationEvents(ctx, &cmfv1.ListApplicationEventsRequest{
		EnvName: environment, AppName: applicationName(0), Size: proto.Int32(100),
	})
	if err != nil {
		return fmt.Errorf("list the events of an application: %w", err)
	}
	if found := len(events.GetItems()); found != 3 {
		return fmt.Errorf("an application has %d events, want 3: %v", found, events.GetItems())
	}
	app, err := in.applications.GetApplication(ctx, &cmfv1.GetApplicationRequest{EnvName: environment, AppName: applicationName(0)})
	if err != nil {
		return fmt.Errorf("get an application: %w", err)
	}
	in.statusBytes = len(app.GetStatus().GetJson())
	slog.Info("statuses stored", "weir", in.weir, "applications", in.size)
	return in.quiet(ctx)
}

func (in *installation) createEnvironment(ctx context.Context, name string) error {
	_, err := in.environments.CreateOrUpdateEnvironment(ctx, &cmfv1.CreateOrUpdateEnvironmentRequest{
		Environment: &cmfv1.Environment{Name: name, KubernetesNamespace: namespace, KubernetesClusterName: cluster},
	})
	if err != nil {
		return fmt.Errorf("create environment %s: %w", name, err)
	}
	return nil
}

// write creates or updates an application.
func (in *installation) write(ctx context.Context, env, name string, parallelism int) error {
	_, err := in.applications.CreateOrUpdateApplication(ctx, &cmfv1.CreateOrUpdateApplicationRequest{
		EnvName: env,
		Application: &cmfv1.FlinkApplication{
			ApiVersion: "cmf.confluent.io/v1",
			Kind:       "FlinkApplication",
			Metadata:   &cmfv1.ObjectMeta{Name: name},
			Spec:       &cmfv1.JsonObject{Json: spec(name, parallelism)},
		},
	})
	return err
}

// restart kills the control plane and returns how long it takes, from its start,
// until it is ready. The agent is gone before: what is measured is the control
// plane alone.
func (in *installation) restart(ctx context.Context) (time.Duration, error) {
	if in.agent != nil {
		if err := in.agent.Close(); err != nil {
			return 0, err
		}
		in.agent = nil
	}
	in.control.Kill()
	begin := time.Now()
	control, err := in.config.Start(ctx)
	if err != nil {
		return 0, fmt.Errorf("start the control plane again: %w", err)
	}
	took := time.Since(begin)
	in.control = control
	return took, in.dial()
}

// databaseBytes is the size of etcd's database in use, without the history.
func (in *installation) databaseBytes(ctx context.Context) (int64, error) {
	now, err := in.etcd.Get(ctx, "revision")
	if err != nil {
		return 0, fmt.Errorf("ask etcd for its revision: %w", err)
	}
	if _, err := in.etcd.Compact(ctx, now.Header.Revision, clientv3.WithCompactPhysical()); err != nil {
		return 0, fmt.Errorf("compact etcd: %w", err)
	}
	answer, err := in.etcd.Status(ctx, in.store.Endpoint)
	if err != nil {
		return 0, fmt.Errorf("ask etcd for its size: %w", err)
	}
	return answer.DbSizeInUse, nil
}

// stop ends everything.
func (in *installation) stop() {
	if in.agent != nil {
		_ = in.agent.Close()
	}
	if in.conn != nil {
		_ = in.conn.Close()
	}
	if in.control != nil {
		in.control.Kill()
	}
	if in.etcd != nil {
		_ = in.etcd.Close()
	}
	if in.store != nil {
		in.store.Kill()
	}
}

// concurrently does something n times, for 0 to n-1.
func concurrently(ctx context.Context, n int, do func(context.Context, int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range fillers {
		group.Go(func() error {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := do(ctx, i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}
