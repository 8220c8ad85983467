package rest

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const id = "73e558751c89a9208a7e821f57e2ba8b"

// answering makes a client of a JobManager that answers one request, and checks
// what it is asked.
func answering(t *testing.T, request, body string, status int, answer string) *Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent, _ := io.ReadAll(r.Body)
		if got := r.Method + " " + r.URL.RequestURI(); got != request || string(sent) != body {
			t.Errorf("asked is %s with %s", got, sent)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	return New(server.URL, server.Client())
}

func TestJobs(t *testing.T) {
	c := answering(t, "GET /jobs/overview", "", 200, `{"jobs":[{"jid":"`+id+`","name":"weir/u/ns/n","start-time":1795463070912,"end-time":-1,"duration":61690,
		"state":"RUNNING","last-modification":1795463070950,"tasks":{"running":0,"canceling":0,"canceled":0,"total":1,"created":0,"scheduled":1,"deploying":0,
		"reconciling":0,"finished":0,"initializing":0,"failed":0},"pending-operators":0}]}`)
	jobs, err := c.Jobs(t.Context())
	if err != nil || len(jobs) != 1 || jobs[0].ID != id || jobs[0].Ended() || jobs[0].Tasks.Scheduled != 1 || jobs[0].StartTime().Year() != 2026 {
		t.Errorf("got %+v, %v", jobs, err)
	}
}

func TestAJobThatIsNotKnown(t *testing.T) {
	c := answering(t, "GET /jobs/"+id, "", 404, `{"errors":["org.apache.flink.runtime.rest.NotFoundException: Job `+id+` not found\n\tat org.apache.flink.X.y(X.java:1)\n"]}`)
	_, err := c.Job(t.Context(), id)
	var failure *Error
	if !NotFound(err) || !errors.As(err, &failure) || !strings.HasPrefix(failure.Message, "org.apache.flink.runtime.rest.NotFoundException: Job "+id+" not found") {
		t.Errorf("the error is %v", err)
	}
}

func TestAJobManagerWithoutALeader(t *testing.T) {
	c := answering(t, "PATCH /jobs/"+id+"?mode=cancel", "", 503, `{"errors":["Service temporarily unavailable due to an ongoing leader election. Please refresh."]}`)
	if err := c.Cancel(t.Context(), id); err == nil || NotFound(err) {
		t.Errorf("the error is %v", err)
	}
}

func TestExceptions(t *testing.T) {
	c := answering(t, "GET /jobs/"+id+"/exceptions?maxExceptions=10", "", 200, `{"exceptionHistory":{"entries":[{"exceptionName":"java.lang.RuntimeException",
		"stacktrace":"java.lang.RuntimeException: x\n","timestamp":1795467216778,"failureLabels":{},"taskName":"Source (1/1)","endpoint":"localhost:1",
		"taskManagerId":"t","concurrentExceptions":[]}],"truncated":false}}`)
	got, err := c.Exceptions(t.Context(), id)
	want := []Exception{{Name: "java.lang.RuntimeException", Stack: "java.lang.RuntimeException: x\n", Timestamp: 1795467216778, Task: "Source (1/1)", Endpoint: "localhost:1", TaskManager: "t", Labels: map[string]string{}}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestStopWithSavepointSaysWhereAndUnderWhichName(t *testing.T) {
	c := answering(t, "POST /jobs/"+id+"/stop", `{"targetDirectory":"file:///sp","formatType":"CANONICAL","drain":false,"triggerId":"t"}`, 202, `{"request-id":"t"}`)
	if err := c.Stop(t.Context(), id, Stop{Directory: "file:///sp", Format: "CANONICAL", Trigger: "t"}); err != nil {
		t.Error(err)
	}
}

func TestSavepointResult(t *testing.T) {
	for answer, want := range map[string]Result{
		`{"status":{"id":"IN_PROGRESS"},"operation":null}`:                                                                              {},
		`{"status":{"id":"COMPLETED"},"operation":{"location":"file:/sp/savepoint-1"}}`:                                                 {Done: true, Location: "file:/sp/savepoint-1"},
		`{"status":{"id":"COMPLETED"},"operation":{"failure-cause":{"class":"a.B","stack-trace":"a.B: no","serialized-throwable":""}}}`: {Done: true, Failure: "a.B: no"},
		`{"status":{"id":"COMPLETED"},"operation":{}}`:                                                                                  {Done: true},
	} {
		got, err := answering(t, "GET /jobs/"+id+"/savepoints/t", "", 200, answer).SavepointResult(t.Context(), id, "t")
		if err != nil || got != want {
			t.Errorf("%s: got %+v, %v", answer, got, err)
		}
	}
}

func TestSnapshots(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		answer string
		want   Snapshots
	}{
		"stopped with a savepoint": {200, `{"latest":{"completed":{"external_path":"file:/cp/chk-3","checkpoint_type":"CHECKPOINT"},
			"savepoint":{"external_path":"file:/sp/s","checkpoint_type":"SYNC_SAVEPOINT"},"failed":null,"restored":null}}`, Snapshots{Savepoint: "file:/sp/s", Checkpoint: "file:/cp/chk-3", Stopped: true}},
		"a savepoint and on": {200, `{"latest":{"completed":null,"savepoint":{"external_path":"file:/sp/s","checkpoint_type":"SAVEPOINT"}}}`, Snapshots{Savepoint: "file:/sp/s"}},
		"none yet":           {200, `{"latest":{"completed":null,"savepoint":null}}`, Snapshots{}},
		"no checkpoints":     {404, `{"errors":["Checkpointing has not been enabled."]}`, Snapshots{}},
	} {
		got, err := answering(t, "GET /jobs/"+id+"/checkpoints", "", test.status, test.answer).Snapshots(t.Context(), id)
		if err != nil || got != test.want {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

func TestParametersAndConfiguration(t *testing.T) {
	c := answering(t, "GET /jobs/"+id+"/config", "", 200, `{"jid":"`+id+`","name":"n","execution-config":{"restart-strategy":"x","job-parallelism":1,"object-reuse-mode":false,"user-config":{"weir.spec":"abc"}}}`)
	if got, err := c.Parameters(t.Context(), id); err != nil || got["weir.spec"] != "abc" {
		t.Errorf("got %v, %v", got, err)
	}
	c = answering(t, "GET /jobmanager/config", "", 200, `[{"key":"state.savepoints.dir","value":"file:///sp"}]`)
	if got, err := c.Configuration(t.Context()); err != nil || got["state.savepoints.dir"] != "file:///sp" {
		t.Errorf("got %v, %v", got, err)
	}
}
