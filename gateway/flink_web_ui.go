package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

const (
	// webUIWriteTimeout is how long a piece of a body may take to reach the
	// client.
	webUIWriteTimeout = 30 * time.Second
	// replicaTrailer is set where another replica of the control plane could
	// answer.
	replicaTrailer = "weir-replica"
	// maxReplicas bounds how many replicas are asked.
	maxReplicas = 5
)

// addFlinkWebUIs makes the paths known under which the web UIs of Flink are.
// They are no operations of the contract, but its clients call them.
func (g *gateway) addFlinkWebUIs() error {
	add := func(collection string, target func(*cmfv1.FetchFlinkWebUIRequest, string)) error {
		rt := &route{
			method:  http.MethodGet,
			pattern: "/cmf/api/v1/environments/{envName}/" + collection + "/{name}/flink-web-ui/" + openEnd,
			rpc:     cmfv1.FlinkWebUIService_FetchFlinkWebUI_FullMethodName,
			mux:     newMux(),
		}
		return g.root.add(http.MethodGet, endpoint{pattern: rt.pattern, serve: func(ex *exchange, r *http.Request) {
			ex.route = rt
			g.flinkWebUI(ex, r, target)
		}})
	}
	return errors.Join(
		add("applications", func(request *cmfv1.FetchFlinkWebUIRequest, name string) {
			request.Target = &cmfv1.FetchFlinkWebUIRequest_AppName{AppName: name}
		}),
		add("statements", func(request *cmfv1.FetchFlinkWebUIRequest, name string) {
			request.Target = &cmfv1.FetchFlinkWebUIRequest_StmtName{StmtName: name}
		}),
	)
}

// flinkWebUI answers a request of a path of a web UI.
func (g *gateway) flinkWebUI(ex *exchange, r *http.Request, target func(*cmfv1.FetchFlinkWebUIRequest, string)) {
	trace.SpanFromContext(r.Context()).SetAttributes(attribute.String("http.route", ex.pattern))
	guardWebUI(ex.Header(), r, ex.path)
	switch {
	case r.URL.Host != "":
		ex.fail(http.StatusBadRequest, "A web UI is asked for by a path, not by a URL.")
		return
	case r.Header.Get("Upgrade") != "":
		ex.fail(http.StatusBadRequest, "A web UI is read by plain HTTP; upgrades, such as to WebSocket, are not tunnelled.")
		return
	case ex.rest == "":
		// Relative, as clients may have the web UI under another path.
		ex.Header().Set("Location", withQuery("flink-web-ui/", r.URL.RawQuery))
		ex.finish(http.StatusTemporaryRedirect, nil)
		return
	}
	path, ok := webUIPath(ex.rest, r.URL.RawPath != "")
	if !ok {
		ex.fail(http.StatusBadRequest, badWebUIPath)
		return
	}
	names := strings.Split(ex.path, "/") // "", cmf, api, v1, environments, {envName}, ..., {name}, flink-web-ui
	request := &cmfv1.FetchFlinkWebUIRequest{
		EnvName: names[5], Method: r.Method, Path: path, Query: r.URL.RawQuery, Headers: webUIRequestHeaders(r.Header),
	}
	target(request, names[7])
	g.relayWebUI(ex, r, request)
}

// relayWebUI asks the control plane and passes on what Flink answers.
func (g *gateway) relayWebUI(ex *exchange, r *http.Request, request *cmfv1.FetchFlinkWebUIRequest) {
	// The head has to come within the time of any other call; the body of a long
	// log may take longer.
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	late := time.AfterFunc(g.config.Timeout, func() { cancel(context.DeadlineExceeded) })
	defer late.Stop()
	parts, first, err := g.openWebUI(ctx, ex, r, request)
	if err != nil || !late.Stop() {
		if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
			err = context.DeadlineExceeded
		}
		answerError(ctx, nil, nil, ex, r, err)
		return
	}
	if !beginWebUI(ex, first.GetHead(), request.GetPath()) {
		return
	}
	controller := http.NewResponseController(ex)
	_ = controller.SetReadDeadline(time.Time{}) // where a deadline cannot be changed there is none
	for {
		part, err := parts.Recv()
		if errors.Is(err, io.EOF) {
			return
		}
		if err == nil {
			_ = controller.SetWriteDeadline(time.Now().Add(webUIWriteTimeout))
			_, err = ex.Write(part.GetBody())
		}
		if err != nil {
			ex.log.Warn("an answer of a web UI broke off", "request", ex.id, "path", r.URL.Path, "error", err)
			// The client must not take half of an answer for whole.
			panic(http.ErrAbortHandler)
		}
	}
}

// openWebUI begins the RPC. Where another replica could answer it tries again,
// as the connection goes to one after the other.
func (g *gateway) openWebUI(ctx context.Context, ex *exchange, r *http.Request, request *cmfv1.FetchFlinkWebUIRequest) (
	parts grpc.ServerStreamingClient[cmfv1.FetchFlinkWebUIResponse], first *cmfv1.FetchFlinkWebUIResponse, err error,
) {
	plain := forwarded(r.WithContext(ctx), ex, url.Values{}, input{ReadCloser: http.NoBody})
	annotated, err := runtime.AnnotateContext(ctx, ex.route.mux, plain, ex.route.rpc)
	if err != nil {
		return nil, nil, err
	}
	client := cmfv1.NewFlinkWebUIServiceClient(g.config.Conn)
	for range maxReplicas {
		if parts, err = client.FetchFlinkWebUI(annotated, request); err != nil {
			return nil, nil, err
		}
		if first, err = parts.Recv(); err == nil || !elsewhere(parts.Trailer()) {
			break
		}
	}
	return parts, first, err
}

func elsewhere(trailer metadata.MD) bool { return len(trailer.Get(replicaTrailer)) > 0 }

func withQuery(path, query string) string {
	if query == "" {
		return path
	}
	return path + "?" + query
}
