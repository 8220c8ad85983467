package gateway_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/gateway"
	"github.com/openweir/weir/gateway/inprocess"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// BenchmarkRequest is what the gateway adds to a call, without HTTP's own cost
// and with a control plane that answers at once.
func BenchmarkRequest(b *testing.B) {
	page := &cmfv1.ApplicationsPage{}
	for i := range 100 {
		one := proto.Clone(application).(*cmfv1.FlinkApplication)
		one.Metadata.Name = fmt.Sprintf("application-%d", i)
		one.Spec.Json = `{"image":"` + strings.Repeat("x", 1000) + `"}`
		page.Items = append(page.Items, one)
	}
	answers := map[string]proto.Message{"GetApplication": page.Items[0], "ListApplications": page, "CreateOrUpdateApplication": page.Items[0]}
	conn := inprocess.New(inprocess.Config{
		Log: quiet(), SharedReplies: true,
		Unary: []grpc.UnaryServerInterceptor{func(_ context.Context, _ any, info *grpc.UnaryServerInfo, _ grpc.UnaryHandler) (any, error) {
			return answers[info.FullMethod[strings.LastIndexByte(info.FullMethod, '/')+1:]], nil
		}},
	})
	register(conn)
	b.Cleanup(conn.Close)
	handler, err := gateway.New(gateway.Config{Conn: conn, Log: quiet()})
	if err != nil {
		b.Fatal(err)
	}
	for _, tc := range []struct{ name, method, path, body string }{
		{"health", "GET", "/healthz", ""},
		{"get", "GET", applicationPath, ""},
		{"list of 100", "GET", applicationsPath + "?size=100", ""},
		{"create", "POST", applicationsPath, applicationJSON},
	} {
		b.Run(tc.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				request := httptest.NewRequest(tc.method, tc.path, strings.NewReader(tc.body))
				recorder := discard{header: http.Header{}}
				handler.ServeHTTP(&recorder, request)
				if recorder.status >= 400 {
					b.Fatal(recorder.status)
				}
			}
		})
	}
}

// discard is a ResponseWriter that keeps nothing.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }
