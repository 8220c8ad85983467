package gateway_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/gateway"
	"github.com/openweir/weir/gateway/inprocess"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/internal/await"
)

// watchable is a control plane whose watches of applications do what the test
// says.
type watchable struct {
	cmfv1.UnimplementedApplicationServiceServer
	watch func(*cmfv1.WatchApplicationsRequest, grpc.ServerStreamingServer[cmfv1.WatchApplicationsResponse]) error
}

func (w *watchable) WatchApplications(r *cmfv1.WatchApplicationsRequest, s grpc.ServerStreamingServer[cmfv1.WatchApplicationsResponse]) error {
	return w.watch(r, s)
}

func (w *watchable) ListApplications(context.Context, *cmfv1.ListApplicationsRequest) (*cmfv1.ApplicationsPage, error) {
	return &cmfv1.ApplicationsPage{}, nil
}

// watchServers are the two ways to the control plane.
var watchServers = map[string]func(*testing.T, *watchable) grpc.ClientConnInterface{
	"in process": func(t *testing.T, w *watchable) grpc.ClientConnInterface {
		conn := inprocess.New(inprocess.Config{Log: quiet(), SharedReplies: true})
		cmfv1.RegisterApplicationServiceServer(conn, w)
		t.Cleanup(conn.Close)
		return conn
	},
	"gRPC server": func(t *testing.T, w *watchable) grpc.ClientConnInterface {
		server, listener := grpc.NewServer(), listen(t)
		cmfv1.RegisterApplicationServiceServer(server, w)
		var serving sync.WaitGroup
		serving.Go(func() { _ = server.Serve(listener) })
		conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = conn.Close()
			server.Stop()
			serving.Wait()
		})
		return conn
	},
}

func added(name, version string) *cmfv1.WatchApplicationsResponse {
	return &cmfv1.WatchApplicationsResponse{
		Type:            cmfv1.WatchEventType_WATCH_EVENT_TYPE_ADDED,
		Object:          &cmfv1.FlinkApplication{Metadata: &cmfv1.ObjectMeta{Name: name}, Spec: &cmfv1.JsonObject{Json: `{"a":1.0}`}},
		ResourceVersion: version,
	}
}

func just(kind cmfv1.WatchEventType, version string) *cmfv1.WatchApplicationsResponse {
	return &cmfv1.WatchApplicationsResponse{Type: kind, ResourceVersion: version}
}

// sending is a watch that sends the given responses and ends with the given error.
func sending(end error, responses ...*cmfv1.WatchApplicationsResponse) *watchable {
	return &watchable{watch: func(_ *cmfv1.WatchApplicationsRequest, s grpc.ServerStreamingServer[cmfv1.WatchApplicationsResponse]) error {
		for _, r := range responses {
			if err := s.Send(r); err != nil {
				return err
			}
		}
		return end
	}}
}

const watchPath = applicationsPath + "?watch=true"

func TestWatchesAreNewlineDelimitedJSONOrServerSentEvents(t *testing.T) {
	tooOld, err := status.New(codes.OutOfRange, "too old").WithDetails(&cmfv1.HttpStatus{Code: 410}, &cmfv1.RestError{Errors: []*cmfv1.Error{{Message: "List again."}}})
	if err != nil {
		t.Fatal(err)
	}
	w := sending(tooOld.Err(),
		added("app1", ""), just(cmfv1.WatchEventType_WATCH_EVENT_TYPE_SYNCED, "7"), just(cmfv1.WatchEventType_WATCH_EVENT_TYPE_BOOKMARK, "8"), added("app2", "9.1"))
	lines := `{"type":"ADDED","object":{"metadata":{"name":"app1"},"spec":{"a":1.0}}}
{"type":"SYNCED","resourceVersion":"7"}
{"type":"BOOKMARK","resourceVersion":"8"}
{"type":"ADDED","object":{"metadata":{"name":"app2"},"spec":{"a":1.0}},"resourceVersion":"9.1"}
{"type":"ERROR","status":410,"object":{"errors":[{"message":"List again."}]}}
`
	events := `data: {"type":"ADDED","object":{"metadata":{"name":"app1"},"spec":{"a":1.0}}}

id: 7
data: {"type":"SYNCED","resourceVersion":"7"}

: bookmark
id: 8

id: 9.1
data: {"type":"ADDED","object":{"metadata":{"name":"app2"},"spec":{"a":1.0}},"resourceVersion":"9.1"}

data: {"type":"ERROR","status":410,"object":{"errors":[{"message":"List again."}]}}

`
	for name, connect := range watchServers {
		t.Run(name, func(t *testing.T) {
			s := startWith(t, connect(t, w))
			for accept, want := range map[string][2]string{
				"":                             {"application/x-ndjson", lines},
				"*/*":                          {"application/x-ndjson", lines},
				"application/json":             {"application/x-ndjson", lines},
				"application/x-ndjson":         {"application/x-ndjson", lines},
				"text/event-stream":            {"text/event-stream", events},
				"text/event-stream, */*;q=0.1": {"text/event-stream", events},
				"application/yaml, application/x-ndjson;q=0.5": {"application/x-ndjson", lines},
			} {
				got := s.do(t, "GET", watchPath, "", "Accept: "+accept)
				if accept == "" {
					got = s.do(t, "GET", watchPath, "")
				}
				got.expect(t, http.StatusOK, want[1])
				if contentType := got.header.Get("Content-Type"); contentType != want[0] {
					t.Errorf("Accept %q is answered as %s, want %s", accept, contentType, want[0])
				}
			}
		})
	}
}

func TestWatchesThatCannotStartReturnOrdinaryErrors(t *testing.T) {
	tooOld, err := status.New(codes.OutOfRange, "too old").WithDetails(&cmfv1.HttpStatus{Code: 410})
	if err != nil {
		t.Fatal(err)
	}
	for name, connect := range watchServers {
		t.Run(name, func(t *testing.T) {
			s := startWith(t, connect(t, sending(tooOld.Err())))
			s.do(t, "GET", watchPath+"&resourceVersion=1", "").expect(t, http.StatusGone, errorBody("too old"))
			s.do(t, "GET", watchPath, "", "Accept: application/yaml").expect(t, http.StatusBadRequest,
				"errors:\n  - message: 'Accept: a watch supports only application/x-ndjson and text/event-stream'\n")
			s.do(t, "GET", applicationsPath+"?watch=true&watch=false", "").expect(t, http.StatusBadRequest, errorBody("watch: must be given only once"))
			s.do(t, "GET", applicationsPath+"?w%61tch=maybe", "").expect(t, http.StatusBadRequest, errorBody("watch: must be true or false"))
			s.do(t, "GET", applicationsPath+"?watch=maybe", "").expect(t, http.StatusBadRequest, errorBody("watch: must be true or false"))
			s.do(t, "GET", watchPath+"&page=1&size=2&sort=name&include-resource-information=true", "").expect(t, http.StatusBadRequest, errorBody(
				"include-resource-information: cannot be given together with watch", "page: cannot be given together with watch",
				"size: cannot be given together with watch", "sort: cannot be given together with watch"))
			s.do(t, "GET", watchPath+"&filter=a&filter=b", "").expect(t, http.StatusBadRequest, errorBody("filter: must be given only once"))
			s.do(t, "GET", applicationsPath+"?watch=false", "").expect(t, http.StatusOK, `{"items":[]}`)
			s.do(t, "GET", applicationsPath+"?watch=", "").expect(t, http.StatusOK, `{"items":[]}`)
			s.do(t, "HEAD", watchPath, "").expect(t, http.StatusOK, "")
		})
	}
}

func TestRequestParametersOfAWatch(t *testing.T) {
	type received struct {
		request *cmfv1.WatchApplicationsRequest
		md      metadata.MD
	}
	got := make(chan received, 1)
	w := &watchable{watch: func(r *cmfv1.WatchApplicationsRequest, s grpc.ServerStreamingServer[cmfv1.WatchApplicationsResponse]) error {
		md, _ := metadata.FromIncomingContext(s.Context())
		got <- received{r, md}
		return s.Send(just(cmfv1.WatchEventType_WATCH_EVENT_TYPE_SYNCED, "1"))
	}}
	for name, connect := range watchServers {
		t.Run(name, func(t *testing.T) {
			s := startWith(t, connect(t, w))
			s.do(t, "GET", "/cmf//api/v1/environments/a%20b/applications?watch=TRUE&filter=state%3DRUNNING&fields=metadata.name&resourceVersion=4", "",
				"Authorization: Bearer x", "X-Request-Id: request-1", "Grpc-Metadata-Evil: 1")
			first := <-got
			want := &cmfv1.WatchApplicationsRequest{EnvName: "a b", Filter: "state=RUNNING", Fields: "metadata.name", ResourceVersion: "4"}
			if !proto.Equal(first.request, want) {
				t.Errorf("request %v, want %v", first.request, want)
			}
			if first.md.Get("authorization")[0] != "Bearer x" || first.md.Get("x-request-id")[0] != "request-1" || len(first.md.Get("evil")) > 0 {
				t.Errorf("metadata %v", first.md)
			}
			// What an EventSource sends when it connects again.
			s.do(t, "GET", watchPath+"&resourceVersion=4", "", "Accept: text/event-stream", "Last-Event-ID: 6.2")
			if again := <-got; again.request.GetResourceVersion() != "6.2" {
				t.Errorf("it goes on from %q", again.request.GetResourceVersion())
			}
		})
	}
}

// unending sends one event and lasts until its context ends, which it reports.
func unending() (*watchable, chan error) {
	ended := make(chan error, 1)
	return &watchable{watch: func(_ *cmfv1.WatchApplicationsRequest, s grpc.ServerStreamingServer[cmfv1.WatchApplicationsResponse]) error {
		if err := s.Send(added("app1", "5")); err != nil {
			return err
		}
		<-s.Context().Done()
		ended <- s.Context().Err()
		return s.Context().Err()
	}}, ended
}

func TestAWatchEndsWhenItsClientDisconnects(t *testing.T) {
	for name, connect := range watchServers {
		t.Run(name, func(t *testing.T) {
			w, ended := unending()
			s := startWith(t, connect(t, w))
			ctx, cancel := context.WithCancel(t.Context())
			request, err := http.NewRequestWithContext(ctx, "GET", s.url+watchPath, nil)
			if err != nil {
				t.Fatal(err)
			}
			response, err := s.client.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			// The event comes at once, not when a buffer is full.
			if line, err := bufio.NewReader(response.Body).ReadString('\n'); err != nil || !strings.Contains(line, "app1") {
				t.Errorf("the first line is %q, %v", line, err)
			}
			cancel()
			_ = response.Body.Close()
			if err := await.Receive(t, "the end of the watch", ended); !errors.Is(err, context.Canceled) {
				t.Errorf("the watch ended with %v", err)
			}
		})
	}
}

func TestWatchesEndWhenTheServerStops(t *testing.T) {
	w, ended := unending()
	handler, err := gateway.New(gateway.Config{Conn: watchServers["gRPC server"](t, w), Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	listener := listen(t)
	served := make(chan error, 1)
	go func(l net.Listener) { served <- gateway.Serve(ctx, l, handler, nil, quiet()) }(listener)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	response, err := client.Get("http://" + listener.Addr().String() + watchPath)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body := bufio.NewReader(response.Body)
	if _, err := body.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	told := time.Now()
	stop()
	rest, err := io.ReadAll(body)
	want := `{"type":"ERROR","status":503,"object":{"errors":[{"message":"This gateway is stopping. Resume from the last resourceVersion on another one."}]}}` + "\n"
	if err != nil || string(rest) != want {
		t.Errorf("the watch ends with %s, %v", rest, err)
	}
	if err := await.Receive(t, "the end of the server", served); err != nil {
		t.Error(err)
	}
	if took := time.Since(told); took > gateway.ShutdownGrace {
		t.Errorf("the server took %s to stop", took)
	}
	if err := await.Receive(t, "the end of the watch", ended); !errors.Is(err, context.Canceled) {
		t.Errorf("the watch ended with %v", err)
	}
}
