package resource_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/control/access"
	"github.com/openweir/weir/control/interceptor"
	"github.com/openweir/weir/control/limit"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/resource/application"
	"github.com/openweir/weir/control/resource/cluster"
	"github.com/openweir/weir/control/resource/environment"
	"github.com/openweir/weir/control/resource/policy"
	"github.com/openweir/weir/control/resource/savepoint"
	"github.com/openweir/weir/control/resource/serviceaccount"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// replica serves applications on a socket.
type replica struct {
	store        *store.Store
	watches      *resource.Watches
	environments *environment.Environments
	applications *application.Applications
	conn         *grpc.ClientConn
	// ended gets the method of every stream whose handler has returned.
	ended chan string
}

func startReplica(t *testing.T, etcd *clientv3.Client, options ...store.Option) *replica {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	s := store.New(etcd, "/test", quiet, options...)
	ownership, watches := resource.NewOwnership(s), resource.NewWatches()
	clusters := cluster.New(s, watches)
	environments := environment.New(s, watches, clusters)
	savepoints := savepoint.New(s, ownership, watches, environments, clusters)
	r := &replica{
		store: s, watches: watches, environments: environments,
		applications: application.New(s, ownership, watches, clusters, environments, savepoints, policy.New(s, watches), serviceaccount.New(s, watches, nil), application.DefaultLimits, quiet),
		ended:        make(chan string, 1000),
	}
	ctx, cancel := context.WithCancel(context.Background())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	methods, err := access.NewTable()
	if err != nil {
		t.Fatal(err)
	}
	sizes, err := limit.NewSizes()
	if err != nil {
		t.Fatal(err)
	}
	config := interceptor.Config{Authenticate: access.AllowAnonymous, Limiter: limit.New(limit.Default, sizes), Authorizer: access.NewAuthorizer(), Table: methods, Log: quiet}
	server := grpc.NewServer(
		grpc.ChainUnaryInterceptor(interceptor.Unary(config)...),
		grpc.ChainStreamInterceptor(append([]grpc.StreamServerInterceptor{r.noteEnd}, interceptor.Stream(config)...)...))
	r.applications.Room().Register(server)
	var running sync.WaitGroup
	running.Go(func() { _ = s.Run(ctx) })
	running.Go(func() { _ = server.Serve(listener) })
	// A window of a fixed size, so that it is known how much an idle reader takes.
	r.conn, err = grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithInitialWindowSize(1<<16))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = r.conn.Close()
		server.Stop()
		cancel()
		running.Wait()
	})
	<-s.Ready()
	return r
}

func (r *replica) noteEnd(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	defer func() { r.ended <- info.FullMethod }()
	return handler(srv, stream)
}

// commit writes and gives the revision.
func (r *replica) commit(t testing.TB, writes ...func(*store.Tx)) int64 {
	t.Helper()
	revision, err := r.store.Update(t.Context(), func(tx *store.Tx) error {
		for _, write := range writes {
			write(tx)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return revision
}

func (r *replica) putEnvironment(t testing.TB, name string) {
	t.Helper()
	r.commit(t, func(tx *store.Tx) {
		r.environments.Records.Put(tx, name, &cmfv1.Environment{
			Name: name, KubernetesNamespace: "flink", KubernetesClusterName: "cluster-a", Metadata: &cmfv1.ObjectMeta{Name: name},
		})
	})
}

// putApplication writes a version of an application that differs from all
// others.
func (r *replica) putApplication(name, version string) func(*store.Tx) {
	return func(tx *store.Tx) {
		r.applications.Records.Put(tx, "prod/"+name, &storev1.ApplicationRecord{Application: &cmfv1.FlinkApplication{
			ApiVersion: "cmf.confluent.io/v1", Kind: "FlinkApplication",
			Metadata: &cmfv1.ObjectMeta{Name: name, Uid: "uid-" + name, Labels: map[string]string{"version": version}},
			Spec:     &cmfv1.JsonObject{Json: `{"job":{"state":"running"}}`},
		}})
	}
}

// putStatus writes what an agent reported at a time.
func (r *replica) putStatus(name, state string, second int64) func(*store.Tx) {
	return func(tx *store.Tx) {
		r.applications.Status.Put(tx, "prod/"+name, &storev1.StatusRecord{
			OwnerUid: "uid-" + name, JobState: state, UpdateTime: timestamppb.New(time.Unix(second, 0)),
			Status: fmt.Sprintf(`{"jobStatus":{"state":%q}}`, state),
		})
	}
}

func (r *replica) removeApplication(env, name string) func(*store.Tx) {
	return func(tx *store.Tx) {
		r.applications.Records.Delete(tx, env+"/"+name)
		r.applications.Status.Delete(tx, env+"/"+name)
	}
}

type watched = grpc.ServerStreamingClient[cmfv1.WatchApplicationsResponse]

// watch opens a watch of the applications of prod, which ends with the test.
func (r *replica) watch(t testing.TB, version, filter string) watched {
	t.Helper()
	stream, err := cmfv1.NewApplicationServiceClient(r.conn).WatchApplications(t.Context(),
		&cmfv1.WatchApplicationsRequest{EnvName: "prod", Filter: filter, ResourceVersion: version})
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

// line is a response in short: its type, and the name, version and state of
// the application.
func line(response *cmfv1.WatchApplicationsResponse) string {
	kind := response.GetType().String()[len("WATCH_EVENT_TYPE_"):]
	app := response.GetObject()
	if app == nil {
		return kind
	}
	return fmt.Sprintf("%s %s v%s %s", kind, app.GetMetadata().GetName(), app.GetMetadata().GetLabels()["version"], app.GetStatus().GetJson())
}

// next takes as many responses.
func next(t testing.TB, stream watched, count int) (lines, versions []string) {
	t.Helper()
	for range count {
		response, err := stream.Recv()
		if err != nil {
			t.Fatalf("after %v: %v", lines, err)
		}
		lines, versions = append(lines, line(response)), append(versions, response.GetResourceVersion())
	}
	return lines, versions
}

// rest takes responses until the watch ends, and gives the error.
func rest(stream watched) (all []*cmfv1.WatchApplicationsResponse, err error) {
	for {
		response, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, response)
	}
}
