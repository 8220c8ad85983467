package gateway_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/gateway"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// answer has a gateway over an in-process control plane answer a request, and
// tells how long that took by the clock of the bubble.
func answer(t *testing.T, conn grpc.ClientConnInterface, path string) (reply, time.Duration) {
	t.Helper()
	handler, err := gateway.New(gateway.Config{Conn: conn, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody))
	return reply{status: w.Code, header: w.Header(), body: w.Body.String()}, time.Since(began)
}

// expectTimeout checks that a control plane that does not answer is given up
// after the default timeout.
func expectTimeout(t *testing.T, conn grpc.ClientConnInterface, path string) {
	t.Helper()
	got, took := answer(t, conn, path)
	got.expect(t, http.StatusGatewayTimeout, errorBody("The request took too long."))
	if took != gateway.DefaultTimeout {
		t.Errorf("it took %s, want %s", took, gateway.DefaultTimeout)
	}
}

func TestTheTimeoutOfACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newControl().on("GetEnvironment", func(ctx context.Context, _ proto.Message) (proto.Message, error) {
			<-ctx.Done()
			return nil, fmt.Errorf("wait for nothing: %w", ctx.Err())
		})
		expectTimeout(t, inProcess(t, c), "/cmf/api/v1/environments/test")
	})
}

// A watch outlives the time that other requests have, but has to begin in it.
func TestTheTimeoutAppliesOnlyToTheStartOfAWatch(t *testing.T) {
	watch := func(t *testing.T, do func(grpc.ServerStreamingServer[cmfv1.WatchApplicationsResponse]) error) grpc.ClientConnInterface {
		return watchServers["in process"](t, &watchable{watch: func(_ *cmfv1.WatchApplicationsRequest, s grpc.ServerStreamingServer[cmfv1.WatchApplicationsResponse]) error {
			return do(s)
		}})
	}
	synctest.Test(t, func(t *testing.T) {
		expectTimeout(t, watch(t, func(s grpc.ServerStreamingServer[cmfv1.WatchApplicationsResponse]) error {
			<-s.Context().Done()
			return s.Context().Err()
		}), watchPath)
	})
	synctest.Test(t, func(t *testing.T) {
		got, took := answer(t, watch(t, func(s grpc.ServerStreamingServer[cmfv1.WatchApplicationsResponse]) error {
			if err := s.Send(added("app1", "1")); err != nil {
				return err
			}
			select {
			case <-time.After(time.Hour):
				return s.Send(added("app2", "2"))
			case <-s.Context().Done():
				return s.Context().Err()
			}
		}), watchPath)
		if took != time.Hour || !strings.Contains(got.body, "app2") {
			t.Errorf("after %s the watch had given %s", took, got.body)
		}
	})
}

// So does the response of a web UI.
func TestTheTimeoutOfAWebUIIsForItsHead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := &webUIs{fetch: func(_ *cmfv1.FetchFlinkWebUIRequest, s webUIStream) error {
			<-s.Context().Done()
			return s.Context().Err()
		}}
		expectTimeout(t, webUITransports["in process"](t, silent), webUI+"/")
	})
	synctest.Test(t, func(t *testing.T) {
		slow := &webUIs{fetch: func(_ *cmfv1.FetchFlinkWebUIRequest, s webUIStream) error {
			if err := s.Send(headPart(http.StatusOK)); err != nil {
				return err
			}
			select {
			case <-time.After(time.Hour):
				return s.Send(bodyPart("the log"))
			case <-s.Context().Done():
				return s.Context().Err()
			}
		}}
		got, took := answer(t, webUITransports["in process"](t, slow), webUI+"/jobmanager/log")
		if took != time.Hour || got.body != "the log" {
			t.Errorf("after %s the web UI had given %q", took, got.body)
		}
	})
}
