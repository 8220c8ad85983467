// Command watch is an example of a gRPC client: it creates an environment and
// an application, watches until the application runs, deletes it and watches
// it go. Run it beside `weir dev`:
//
//	go run ./docs/examples/watch --grpc localhost:9090
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func main() {
	address := flag.String("grpc", "localhost:9090", "where the control plane serves gRPC")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *address, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "watch:", err)
		os.Exit(1)
	}
}

const (
	environment = "watch-example"
	application = "word-count"
)

func run(ctx context.Context, address string, out io.Writer) error {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("dial %s: %w", address, err)
	}
	defer conn.Close()
	environments := cmfv1.NewEnvironmentServiceClient(conn)
	applications := cmfv1.NewApplicationServiceClient(conn)

	_, err = environments.CreateOrUpdateEnvironment(ctx, &cmfv1.CreateOrUpdateEnvironmentRequest{
		Environment: &cmfv1.Environment{Name: environment, KubernetesNamespace: "default"},
	})
	if err != nil {
		return fmt.Errorf("create environment: %w", err)
	}
	_, err = applications.CreateOrUpdateApplication(ctx, &cmfv1.CreateOrUpdateApplicationRequest{
		EnvName: environment,
		Application: &cmfv1.FlinkApplication{
			ApiVersion: "cmf.confluent.io/v1", Kind: "FlinkApplication",
			Metadata: &cmfv1.ObjectMeta{Name: application},
			Spec: &cmfv1.JsonObject{Json: `{
				"image": "confluentinc/cp-flink:1.19.1-cp2", "flinkVersion": "v1_19", "serviceAccount": "flink",
				"jobManager": {"resource": {"cpu": 1, "memory": "1024m"}},
				"taskManager": {"resource": {"cpu": 1, "memory": "1024m"}},
				"job": {"jarURI": "local:///opt/flink/examples/streaming/WordCount.jar", "parallelism": 1, "state": "running", "upgradeMode": "stateless"}
			}`},
		},
	})
	if err != nil {
		return fmt.Errorf("create application: %w", err)
	}

	// Only applications that run match, so that one is ADDED when it begins to
	// run and DELETED when it is gone, or runs no more.
	w := &watcher{client: applications, request: &cmfv1.WatchApplicationsRequest{
		EnvName: environment, Filter: "state=RUNNING,name=" + application, Fields: "metadata.name,status.jobStatus.state",
	}}
	return w.follow(ctx, func(response *cmfv1.WatchApplicationsResponse) (done bool, err error) {
		name := response.GetObject().GetMetadata().GetName()
		switch response.GetType() {
		case cmfv1.WatchEventType_WATCH_EVENT_TYPE_ADDED:
			if _, err := fmt.Fprintf(out, "%s is RUNNING: %s\n", name, response.GetObject().GetStatus().GetJson()); err != nil {
				return false, err
			}
			_, err := applications.DeleteApplication(ctx, &cmfv1.DeleteApplicationRequest{EnvName: environment, AppName: name})
			return false, err
		case cmfv1.WatchEventType_WATCH_EVENT_TYPE_DELETED:
			if _, err := fmt.Fprintf(out, "%s is gone\n", name); err != nil {
				return false, err
			}
			_, err := environments.DeleteEnvironment(ctx, &cmfv1.DeleteEnvironmentRequest{EnvName: environment})
			return true, err
		}
		return false, nil
	})
}

// watcher sees every change once, however often its watch breaks.
type watcher struct {
	client  cmfv1.ApplicationServiceClient
	request *cmfv1.WatchApplicationsRequest
}

// follow calls each until it is done. What it has no answer to, it returns.
func (w *watcher) follow(ctx context.Context, each func(*cmfv1.WatchApplicationsResponse) (done bool, err error)) error {
	for {
		done, err := w.once(ctx, each)
		switch code := status.Code(err); {
		case done:
			return err
		case code == codes.OutOfRange:
			// The changes since the last version are no longer available: list again.
			// At SYNCED, a client that stores objects drops those that were not ADDED
			// again.
			w.request.ResourceVersion = ""
		case code == codes.Unavailable, code == codes.Aborted:
			// The replica stopped, or the client was too slow: resume after the last
			// version. gRPC waits before it connects again.
		default:
			return err
		}
	}
}

// once is one watch, until it breaks.
func (w *watcher) once(ctx context.Context, each func(*cmfv1.WatchApplicationsResponse) (bool, error)) (done bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the watch on the server
	stream, err := w.client.WatchApplications(ctx, w.request, grpc.WaitForReady(true))
	if err != nil {
		return false, fmt.Errorf("watch applications: %w", err)
	}
	for {
		response, err := stream.Recv()
		if err != nil {
			return false, fmt.Errorf("watch applications: %w", err)
		}
		if done, err := each(response); done || err != nil {
			return true, err
		}
		if version := response.GetResourceVersion(); version != "" {
			w.request.ResourceVersion = version
		}
	}
}
