package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

const (
	// webUIWriteTimeout is how long a piece of a body may take to reach the
	// client.
	webUIWriteTimeout = 30 * time.Second
	// replicaTrailer is set where another replica of the control plane could
	// serve the request.
	replicaTrailer = "weir-replica"
	// maxReplicas bounds how many replicas are tried. As the connection chooses among
	// idle replicas at random, the same one may be tried more than once.
	maxReplicas = 16
)

// addFlinkWebUIs adds the routes of Flink's web UIs. They are not operations of
// the contract, but its clients call them.
func (g *gateway) addFlinkWebUIs() error {
	add := func(collection string, target func(*cmfv1.FetchFlinkWebUIRequest, string)) error {
		return g.handle(&route{
			method:   http.MethodGet,
			template: "/cmf/api/v1/environments/{env_name}/" + collection + "/{name}/flink-web-ui/{path=**}",
			pattern:  "/cmf/api/v1/environments/{envName}/" + collection + "/{name}/flink-web-ui/{path...}",
			rpc:      cmfv1.FlinkWebUIService_FetchFlinkWebUI_FullMethodName,
		}, func(rw *responseWriter, _ *http.Request, values map[string]string) {
			request := &cmfv1.FetchFlinkWebUIRequest{EnvName: values["env_name"]}
			target(request, values["name"])
			g.flinkWebUI(rw, rw.route.path(values), request)
		})
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

// flinkWebUI responds to a request of the web UI at a path.
func (g *gateway) flinkWebUI(rw *responseWriter, at string, request *cmfv1.FetchFlinkWebUIRequest) {
	r := rw.request
	guardWebUI(rw.Header(), r, at)
	switch {
	case r.URL.Host != "":
		rw.fail(http.StatusBadRequest, "The target of a request for a web UI must be a path, not a URL.")
		return
	case r.Header.Get("Upgrade") != "":
		rw.fail(http.StatusBadRequest, "Protocol upgrades, such as to WebSocket, are not supported for web UIs.")
		return
	case rw.rest == "":
		// Relative, as clients may have the web UI under another path.
		rw.Header().Set("Location", withQuery("flink-web-ui/", r.URL.RawQuery))
		rw.finish(http.StatusTemporaryRedirect, nil)
		return
	}
	path, ok := webUIPath(rw.rest, r.URL.RawPath != "")
	if !ok {
		rw.fail(http.StatusBadRequest, badWebUIPath)
		return
	}
	request.Method, request.Path, request.Query, request.Headers = r.Method, path, validUTF8(r.URL.RawQuery), webUIRequestHeaders(r.Header)
	g.relayWebUI(rw, r, request)
}

// relayWebUI sends the request to the control plane and passes Flink's response
// on.
func (g *gateway) relayWebUI(rw *responseWriter, r *http.Request, request *cmfv1.FetchFlinkWebUIRequest) {
	// The head has to arrive within the timeout of any other call; the body of a
	// long log may take longer.
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	late := time.AfterFunc(g.config.Timeout, func() { cancel(context.DeadlineExceeded) })
	defer late.Stop()
	parts, first, err := g.openWebUI(ctx, rw, request)
	if err != nil || !late.Stop() {
		if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
			err = context.DeadlineExceeded
		}
		rw.failWith(err)
		return
	}
	if !beginWebUI(rw, first.GetHead(), request.GetPath()) {
		return
	}
	controller := http.NewResponseController(rw)
	_ = controller.SetReadDeadline(time.Time{}) // a connection whose deadline cannot be changed has none
	for {
		part, err := parts.Recv()
		if errors.Is(err, io.EOF) {
			return
		}
		if err == nil {
			_ = controller.SetWriteDeadline(time.Now().Add(webUIWriteTimeout))
			_, err = rw.Write(part.GetBody())
		}
		if err != nil {
			rw.log.Warn("a response of a web UI was interrupted", "request", rw.id, "path", r.URL.Path, "error", err)
			// The client must not take a part of a response for the whole.
			panic(http.ErrAbortHandler)
		}
	}
}

// openWebUI begins the RPC. Where another replica could serve it, it tries again,
// as the connection balances over the replicas.
func (g *gateway) openWebUI(ctx context.Context, rw *responseWriter, request *cmfv1.FetchFlinkWebUIRequest) (
	parts grpc.ServerStreamingClient[cmfv1.FetchFlinkWebUIResponse], first *cmfv1.FetchFlinkWebUIResponse, err error,
) {
	annotated, err := g.rpcContext(ctx, rw, rw.route.rpc)
	if err != nil {
		return nil, nil, err
	}
	client := cmfv1.NewFlinkWebUIServiceClient(g.config.Conn)
	for range maxReplicas {
		if parts, err = client.FetchFlinkWebUI(annotated, request); err != nil {
			return nil, nil, err
		}
		if first, err = parts.Recv(); err == nil || !isOnAnotherReplica(parts.Trailer()) {
			break
		}
	}
	return parts, first, err
}

func isOnAnotherReplica(trailer metadata.MD) bool { return len(trailer.Get(replicaTrailer)) > 0 }

func withQuery(path, query string) string {
	if query == "" {
		return path
	}
	return path + "?" + query
}
