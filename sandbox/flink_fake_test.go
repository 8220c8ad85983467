package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/openweir/weir/sandbox/localflink"
	"github.com/openweir/weir/sandbox/supervise"
)

// fakeFlink stands for every process that is started: JobManagers answer at
// the ports that they are configured with, as far as the operator asks.
type fakeFlink struct {
	t *testing.T

	mu sync.Mutex
	// running are the processes by the name of their folder.
	running map[string]*fakeProcess
	// started is the arguments of every process that was, after its script.
	started []string
	// jobs are those that JobManagers know.
	jobs map[string]*fakeJob
	// stillborn is what JobManagers write before they end at once.
	stillborn string
	disposed  []string
	uploaded  int
}

type fakeJob struct {
	state      string
	exceptions []map[string]any
	savepoints map[string]string
}

type fakeProcess struct {
	done   chan struct{}
	err    error
	once   sync.Once
	server *httptest.Server
}

func (p *fakeProcess) Done() <-chan struct{} { return p.done }
func (p *fakeProcess) Err() error            { return p.err }
func (p *fakeProcess) Kill()                 { p.end(errors.New("killed")) }

func (p *fakeProcess) end(err error) {
	p.once.Do(func() {
		if p.server != nil {
			p.server.Close()
		}
		p.err = err
		close(p.done)
	})
}

// newFakeFlink returns a fake and the home that it is started from.
func newFakeFlink(t *testing.T) (fake *fakeFlink, home string) {
	t.Helper()
	home = t.TempDir()
	for _, name := range []string{
		"lib/flink-dist-2.2.0.jar", "bin/jobmanager.sh", "bin/standalone-job.sh", "bin/taskmanager.sh", "bin/sql-gateway.sh",
		"conf/config.yaml", "examples/job.jar",
	} {
		if err := os.MkdirAll(filepath.Join(home, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(home, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return &fakeFlink{t: t, running: map[string]*fakeProcess{}, jobs: map[string]*fakeJob{}}, home
}

func (f *fakeFlink) start(command supervise.Command) (localflink.Process, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	name, script := filepath.Base(command.Dir), filepath.Base(command.Path)
	f.started = append(f.started, script+" "+strings.Join(command.Args, " "))
	p := &fakeProcess{done: make(chan struct{})}
	f.running[name] = p
	data, err := os.ReadFile(filepath.Join(command.Dir, "conf", "config.yaml"))
	if err != nil {
		return nil, err
	}
	var config map[string]string
	if err := yaml.Unmarshal(data, &config); err != nil {
		return nil, err
	}
	switch script {
	case "sql-gateway.sh":
		p.server = f.serve(config["sql-gateway.endpoint.rest.port"], http.NotFoundHandler())
	case "jobmanager.sh", "standalone-job.sh":
		if f.stillborn != "" {
			if err := os.WriteFile(command.Output, []byte(f.stillborn), 0o600); err != nil {
				return nil, err
			}
			p.end(errors.New("exit code 1"))
			return p, nil
		}
		if at := slices.Index(command.Args, "--job-id"); at >= 0 {
			f.jobs[command.Args[at+1]] = &fakeJob{state: "RUNNING", savepoints: map[string]string{}}
		}
		p.server = f.serve(config["rest.port"], http.HandlerFunc(f.answer))
	}
	return p, nil
}

// serve answers at a port, and /info as a SQL Gateway does.
func (f *fakeFlink) serve(port string, handler http.Handler) *httptest.Server {
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		f.t.Errorf("listen: %v", err)
		return nil
	}
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/info" {
			handler.ServeHTTP(w, r)
		}
	})}}
	server.Start()
	return server
}

// answer is the REST API of a JobManager.
func (f *fakeFlink) answer(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	path := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	var in map[string]any
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			f.t.Errorf("%s %s: %v", r.Method, r.URL, err)
		}
	} else {
		_, _ = io.Copy(io.Discard, r.Body)
	}
	var out any = map[string]any{}
	switch {
	case path[0] == "config":
		out = map[string]any{"flink-version": "2.2.0", "flink-revision": "fake"}
	case path[0] == "overview":
		out = map[string]any{"taskmanagers": 1, "slots-total": 1, "slots-available": 1}
	case path[0] == "savepoint-disposal" && r.Method == http.MethodPost:
		f.disposed = append(f.disposed, fmt.Sprint(in["savepoint-path"]))
		out = map[string]any{"request-id": "d"}
	case path[0] == "savepoint-disposal":
		out = map[string]any{"status": map[string]any{"id": "COMPLETED"}}
	case path[0] == "jars" && path[1] == "upload":
		f.uploaded++
		out = map[string]any{"filename": "/tmp/x_job.jar"}
	case path[0] == "jars" && r.Method == http.MethodPost:
		f.jobs[fmt.Sprint(in["jobId"])] = &fakeJob{state: "RUNNING", savepoints: map[string]string{}}
	case path[0] == "jars":
	case path[0] == "jobs" && path[1] == "overview":
		jobs := []any{}
		for id, job := range f.jobs {
			jobs = append(jobs, map[string]any{"jid": id, "name": "fake job", "state": job.state, "start-time": 1700000000000})
		}
		out = map[string]any{"jobs": jobs}
	case f.jobs[path[1]] == nil:
		w.WriteHeader(http.StatusNotFound)
		out = map[string]any{"errors": []string{"no such job"}}
	default:
		out = f.jobs[path[1]].answer(w, r, path[1], path[2:], in)
	}
	_ = json.NewEncoder(w).Encode(out)
}

// answer is the part of the REST API that is about one job.
func (j *fakeJob) answer(w http.ResponseWriter, r *http.Request, id string, path []string, in map[string]any) any {
	switch {
	case len(path) == 0 && r.Method == http.MethodPatch:
		j.state = "CANCELED"
	case len(path) == 0:
		return map[string]any{"jid": id, "name": "fake job", "state": j.state, "start-time": 1700000000000}
	case path[0] == "exceptions":
		return map[string]any{"exceptionHistory": map[string]any{"entries": j.exceptions}}
	case path[0] == "stop":
		j.state = "FINISHED"
		j.savepoints[fmt.Sprint(in["triggerId"])] = fmt.Sprint(in["targetDirectory"], "/savepoint-stop")
	case path[0] == "savepoints" && r.Method == http.MethodPost:
		j.savepoints[fmt.Sprint(in["triggerId"])] = fmt.Sprint(in["target-directory"], "/savepoint-1")
	case path[0] == "savepoints" && j.savepoints[path[1]] != "":
		return map[string]any{"status": map[string]any{"id": "COMPLETED"}, "operation": map[string]any{"location": j.savepoints[path[1]]}}
	default:
		w.WriteHeader(http.StatusNotFound)
	}
	return map[string]any{}
}

// end makes a process exit.
func (f *fakeFlink) end(name string, err error) {
	f.mu.Lock()
	p := f.running[name]
	f.mu.Unlock()
	p.end(err)
}

// change changes the only job that runs.
func (f *fakeFlink) change(id string, do func(*fakeJob)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do(f.jobs[id])
}

// starts are the processes that were started, of those with a word in their
// arguments.
func (f *fakeFlink) starts(word string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(f.started), func(s string) bool { return !strings.Contains(s, word) })
}
