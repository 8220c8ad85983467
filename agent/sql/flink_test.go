package sql

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/openweir/weir/agent/flinkendpoint"
)

// fakeFlink stands for a session cluster with its gateway. It gives the answers
// that real ones give, as far as the driver asks.
type fakeFlink struct {
	t   *testing.T
	url *url.URL

	mu         sync.Mutex
	down       bool // neither answers
	sessions   map[string]map[string]string
	done       map[string]*operation
	ran        []string // statements, in order
	jobs       []*job
	failures   map[string]string // what a statement fails with
	rows       chan string       // of unbounded queries: one row each, as JSON cells
	savepoints map[string]string
	closed     int
}

type operation struct {
	session, text string
	job           *job
	pages         []string // rows of each page that was given
}

type job struct {
	id, name, state string
	parameters      string
	savepoint       string // where it was stopped
	restored        string
}

// newFlink runs a cluster until the test ends.
func newFlink(t *testing.T) *fakeFlink {
	t.Helper()
	f := &fakeFlink{
		t: t, sessions: map[string]map[string]string{}, done: map[string]*operation{}, failures: map[string]string{},
		rows: make(chan string, 100_000), savepoints: map[string]string{},
	}
	mux := http.NewServeMux()
	for pattern, handle := range map[string]func(*http.Request, map[string]any) (int, any){
		"GET /v2/info":                                       f.info,
		"POST /v2/sessions":                                  f.open,
		"DELETE /v2/sessions/{s}":                            f.close,
		"POST /v2/sessions/{s}/heartbeat":                    f.heartbeat,
		"POST /v2/sessions/{s}/statements":                   f.execute,
		"GET /v2/sessions/{s}/operations/{o}/result/{token}": f.result,
		"DELETE /v2/sessions/{s}/operations/{o}/close":       f.heartbeat,
		"GET /jobs/overview":                                 f.overview,
		"GET /jobs/{j}":                                      f.job,
		"PATCH /jobs/{j}":                                    f.cancel,
		"GET /jobs/{j}/config":                               f.config,
		"GET /jobs/{j}/exceptions":                           f.exceptions,
		"GET /jobs/{j}/checkpoints":                          f.checkpoints,
		"POST /jobs/{j}/stop":                                f.stop,
		"GET /jobs/{j}/savepoints/{trigger}":                 f.savepoint,
		"GET /jobmanager/config":                             f.jobManager,
	} {
		mux.HandleFunc(pattern, f.answer(handle))
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	f.url = base
	return f
}

func (f *fakeFlink) answer(handle func(*http.Request, map[string]any) (int, any)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body := map[string]any{}
		if r.Body != nil {
			_ = json.NewDecoder(r.Body).Decode(&body)
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.down {
			panic(http.ErrAbortHandler)
		}
		status, out := handle(r, body)
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(out)
	}
}

func failure(class, message string) (int, any) {
	return http.StatusInternalServerError, map[string]any{"errors": []string{"Internal server error.",
		"<Exception on server side:\norg.apache.flink.table.gateway.api.utils.SqlGatewayException: Failed to fetchResults.\n\tat a.B.c(B.java:1)\nCaused by: " +
			class + ": " + message + "\n\tat a.B.c(B.java:1)\n\nEnd of exception on server side>"}}
}

func (f *fakeFlink) info(*http.Request, map[string]any) (int, any) {
	return http.StatusOK, map[string]any{"productName": "Apache Flink", "version": "2.2.0"}
}

func (f *fakeFlink) open(_ *http.Request, body map[string]any) (int, any) {
	handle := fmt.Sprintf("session-%d", len(f.sessions)+f.closed)
	options := map[string]string{}
	for k, v := range body["properties"].(map[string]any) {
		options[k] = v.(string)
	}
	f.sessions[handle] = options
	return http.StatusOK, map[string]any{"sessionHandle": handle}
}

func (f *fakeFlink) lost(r *http.Request) bool { return f.sessions[r.PathValue("s")] == nil }

func sessionLost(r *http.Request) (int, any) {
	return failure("org.apache.flink.table.gateway.api.utils.SqlGatewayException", "Session '"+r.PathValue("s")+"' does not exist.")
}

// close cancels the jobs of the session's queries, as Flink does.
func (f *fakeFlink) close(r *http.Request, _ map[string]any) (int, any) {
	if f.lost(r) {
		return sessionLost(r)
	}
	for _, o := range f.done {
		if o.session == r.PathValue("s") && o.job != nil && o.job.state == "RUNNING" && !strings.HasPrefix(o.text, "INSERT") {
			o.job.state = "CANCELED"
		}
	}
	delete(f.sessions, r.PathValue("s"))
	f.closed++
	return http.StatusOK, map[string]any{"status": "CLOSED"}
}

func (f *fakeFlink) heartbeat(r *http.Request, _ map[string]any) (int, any) {
	if f.lost(r) {
		return sessionLost(r)
	}
	return http.StatusOK, map[string]any{}
}

func (f *fakeFlink) execute(r *http.Request, body map[string]any) (int, any) {
	if f.lost(r) {
		return sessionLost(r)
	}
	text := body["statement"].(string)
	f.ran = append(f.ran, text)
	o := &operation{session: r.PathValue("s"), text: text}
	if strings.HasPrefix(text, "SELECT") || strings.HasPrefix(text, "INSERT") {
		if f.failures[text] == "" {
			options := f.sessions[o.session]
			o.job = &job{id: fmt.Sprintf("%032d", len(f.jobs)+1), name: options["pipeline.name"], state: "RUNNING", parameters: options["pipeline.global-job-parameters"]}
			if own, ok := body["executionConfig"].(map[string]any); ok {
				o.job.restored, _ = own["execution.state-recovery.path"].(string)
			}
			f.jobs = append(f.jobs, o.job)
		}
	}
	handle := fmt.Sprintf("operation-%d", len(f.done))
	f.done[handle] = o
	return http.StatusOK, map[string]any{"operationHandle": handle}
}

func (f *fakeFlink) result(r *http.Request, _ map[string]any) (int, any) {
	o := f.done[r.PathValue("o")]
	if f.lost(r) || o == nil {
		return sessionLost(r)
	}
	if text := f.failures[o.text]; text != "" {
		return failure("org.apache.flink.table.api.ValidationException", text)
	}
	var token int
	_, _ = fmt.Sscan(r.PathValue("token"), &token)
	page := map[string]any{"resultType": "PAYLOAD", "nextResultUri": fmt.Sprintf("/v2/x/result/%d?rowFormat=JSON", token+1)}
	columns := []any{map[string]any{"name": "c", "logicalType": map[string]any{"type": "VARCHAR", "nullable": true, "length": 9}}}
	var rows []any
	switch {
	case strings.HasPrefix(o.text, "SELECT"):
		page["jobID"], page["isQueryResult"] = o.job.id, true
		rows = f.query(o, token)
		if rows == nil && token >= len(o.pages) && f.rowsOver(o) {
			page["resultType"] = "EOS"
		}
	case token > 0:
		page["resultType"] = "EOS"
	default:
		text := "OK"
		if o.job != nil {
			text = o.job.id
		}
		if strings.HasPrefix(o.text, "EXPLAIN CHANGELOG_MODE") {
			text = "== Optimized Physical Plan ==\nScan(changelogMode=[I])\n\n== Optimized Execution Plan ==\n"
		}
		rows = []any{map[string]any{"kind": "INSERT", "fields": []any{text}}}
	}
	if page["resultType"] == "EOS" {
		delete(page, "nextResultUri")
	}
	page["results"] = map[string]any{"columns": columns, "data": rows}
	return http.StatusOK, page
}

// query gives the rows of a page: the same ones if it is asked for again.
func (f *fakeFlink) query(o *operation, token int) []any {
	if token < len(o.pages)-1 {
		f.t.Errorf("page %d was asked for, of %d", token, len(o.pages))
	}
	if token == len(o.pages) {
		text := ""
		for len(text) < 20_000 {
			select {
			case row, more := <-f.rows:
				if !more {
					break
				}
				text += row + "\n"
				continue
			default:
			}
			break
		}
		if text == "" && f.rowsOver(o) {
			return nil
		}
		o.pages = append(o.pages, text)
	}
	rows := []any{}
	for row := range strings.Lines(o.pages[token]) {
		rows = append(rows, map[string]any{"kind": "INSERT", "fields": []any{strings.TrimSpace(row)}})
	}
	return rows
}

// rowsOver tells whether a query has come to its end.
func (f *fakeFlink) rowsOver(o *operation) bool {
	if strings.Contains(o.text, "bounded") && len(f.rows) == 0 {
		o.job.state = "FINISHED"
		return true
	}
	return false
}

func (f *fakeFlink) overview(*http.Request, map[string]any) (int, any) {
	all := []any{}
	for i, j := range f.jobs {
		all = append(all, map[string]any{"jid": j.id, "name": j.name, "state": j.state, "start-time": i + 1, "tasks": map[string]any{"total": 1, "running": 1}})
	}
	return http.StatusOK, map[string]any{"jobs": all}
}

// of runs something on the job that a request names.
func (f *fakeFlink) of(r *http.Request, then func(*job) (int, any)) (int, any) {
	for _, j := range f.jobs {
		if j.id == r.PathValue("j") {
			return then(j)
		}
	}
	return http.StatusNotFound, map[string]any{"errors": []string{"Job " + r.PathValue("j") + " not found"}}
}

func (f *fakeFlink) job(r *http.Request, _ map[string]any) (int, any) {
	return f.of(r, func(j *job) (int, any) {
		return http.StatusOK, map[string]any{"jid": j.id, "name": j.name, "state": j.state, "start-time": 1795463070912, "timestamps": map[string]any{j.state: 1795463070950}}
	})
}

func (f *fakeFlink) cancel(r *http.Request, _ map[string]any) (int, any) {
	return f.of(r, func(j *job) (int, any) {
		j.state = "CANCELED"
		return http.StatusAccepted, map[string]any{}
	})
}

func (f *fakeFlink) config(r *http.Request, _ map[string]any) (int, any) {
	return f.of(r, func(j *job) (int, any) {
		parameters := map[string]string{}
		for entry := range strings.SplitSeq(j.parameters, ",") {
			name, value, _ := strings.Cut(entry, ":")
			parameters[name] = value
		}
		return http.StatusOK, map[string]any{"execution-config": map[string]any{"user-config": parameters}}
	})
}

func (f *fakeFlink) exceptions(r *http.Request, _ map[string]any) (int, any) {
	return f.of(r, func(j *job) (int, any) {
		entries := []any{}
		if j.state == "FAILED" {
			entries = append(entries, map[string]any{
				"exceptionName": "java.lang.RuntimeException", "timestamp": 1795463070950,
				"stacktrace": "java.lang.RuntimeException: outer\n\tat a.B.c(B.java:1)\nCaused by: java.lang.NumberFormatException: For input string: \"x\"\n\tat a.B.c(B.java:1)\n",
			})
		}
		return http.StatusOK, map[string]any{"exceptionHistory": map[string]any{"entries": entries}}
	})
}

func (f *fakeFlink) checkpoints(r *http.Request, _ map[string]any) (int, any) {
	return f.of(r, func(j *job) (int, any) {
		latest := map[string]any{"completed": nil, "savepoint": nil}
		if j.savepoint != "" {
			latest["savepoint"] = map[string]any{"external_path": j.savepoint, "checkpoint_type": "SYNC_SAVEPOINT"}
		}
		return http.StatusOK, map[string]any{"latest": latest}
	})
}

func (f *fakeFlink) stop(r *http.Request, body map[string]any) (int, any) {
	return f.of(r, func(j *job) (int, any) {
		f.savepoints[body["triggerId"].(string)] = fmt.Sprint(body["targetDirectory"], "/savepoint-", j.id)
		return http.StatusAccepted, map[string]any{"request-id": body["triggerId"]}
	})
}

func (f *fakeFlink) savepoint(r *http.Request, _ map[string]any) (int, any) {
	return f.of(r, func(j *job) (int, any) {
		location := f.savepoints[r.PathValue("trigger")]
		if location == "" {
			return http.StatusNotFound, map[string]any{"errors": []string{"There is no savepoint operation with that trigger"}}
		}
		j.savepoint, j.state = location, "FINISHED"
		return http.StatusOK, map[string]any{"status": map[string]any{"id": "COMPLETED"}, "operation": map[string]any{"location": location}}
	})
}

func (f *fakeFlink) jobManager(*http.Request, map[string]any) (int, any) {
	return http.StatusOK, []any{map[string]any{"key": "rest.port", "value": "8081"}}
}

// at runs a function with exclusive access to the cluster.
func (f *fakeFlink) at(then func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	then()
}

// alive are the jobs that have not ended.
func (f *fakeFlink) alive() (out []job) {
	f.at(func() {
		for _, j := range f.jobs {
			if j.state == "RUNNING" {
				out = append(out, *j)
			}
		}
	})
	return out
}

// The Endpoints of the cluster, whose deployment is called pool.

func (f *fakeFlink) REST(context.Context, string, string) (*url.URL, error)       { return f.url, nil }
func (f *fakeFlink) SQLGateway(context.Context, string, string) (*url.URL, error) { return f.url, nil }
func (f *fakeFlink) Deployments(context.Context, string) ([]flinkendpoint.Deployment, error) {
	return []flinkendpoint.Deployment{{Namespace: "n", Name: "pool"}}, nil
}
