package fence_test

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/openweir/weir/agent/fence"
	"github.com/openweir/weir/sandbox/apiserver"
)

// cluster is a workload cluster on which agents record their sessions.
func cluster(t *testing.T, wrap func(http.Handler) http.Handler) *rest.Config {
	t.Helper()
	server, err := apiserver.New(apiserver.Config{Namespaces: []string{"default"}})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(wrap(server))
	t.Cleanup(web.Close)
	return &rest.Config{Host: web.URL, QPS: -1}
}

func asItIs(h http.Handler) http.Handler { return h }

func agentOf(t *testing.T, config *rest.Config, installation string, epoch int64) *fence.Fence {
	t.Helper()
	f, err := fence.New(fence.Config{Cluster: "edge", Namespace: "default", Kubernetes: config, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	f.Welcome(installation, epoch)
	return f
}

func TestTheNewestSessionFencesOffOlderOnes(t *testing.T) {
	config := cluster(t, asItIs)
	older, newer := agentOf(t, config, "one", 5), agentOf(t, config, "one", 7)
	for _, step := range []struct {
		what  string
		check func() error
		fails bool
	}{
		{"the older session begins", func() error { return older.Claim(t.Context()) }, false},
		{"it goes on", func() error { return older.Check(t.Context()) }, false},
		{"the newer one begins", func() error { return newer.Claim(t.Context()) }, false},
		{"the older one is fenced off", func() error { return older.Check(t.Context()) }, true},
		{"the newer one goes on", func() error { return newer.Check(t.Context()) }, false},
		{"a restarted agent with an older session is fenced off", func() error { return agentOf(t, config, "one", 6).Claim(t.Context()) }, true},
		{"one with a session that is newer still is not", func() error { return agentOf(t, config, "one", 8).Claim(t.Context()) }, false},
		{"now the newer one is", func() error { return newer.Check(t.Context()) }, true},
	} {
		err := step.check()
		if _, superseded := errors.AsType[*fence.SupersededError](err); superseded != step.fails || err != nil && !superseded {
			t.Fatalf("%s: %v", step.what, err)
		}
	}
}

// The epochs of two installations are those of two clusters of etcd.
func TestInstallationsDoNotFenceEachOtherOff(t *testing.T) {
	config := cluster(t, asItIs)
	one, two := agentOf(t, config, "one", 5), agentOf(t, config, "two", 9000)
	for _, f := range []*fence.Fence{one, two, one} {
		if err := f.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAgentsThatBeginAtOnceAgreeOnTheNewest(t *testing.T) {
	config := cluster(t, asItIs)
	const agents = 5
	failures := make([]error, agents)
	var all sync.WaitGroup
	for i := range agents {
		f := agentOf(t, config, "one", int64(i+1))
		all.Go(func() { failures[i] = f.Claim(t.Context()) })
	}
	all.Wait()
	if failures[agents-1] != nil {
		t.Errorf("the newest session was not recorded: %v", failures[agents-1])
	}
	var superseded *fence.SupersededError
	if err := agentOf(t, config, "one", 1).Check(t.Context()); !errors.As(err, &superseded) || superseded.Newest != agents {
		t.Errorf("got %v, want that session %d is newer", err, agents)
	}
}

func TestWithoutARecordOnlyObjectsFence(t *testing.T) {
	forbidden := cluster(t, func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403}`))
		})
	})
	for what, f := range map[string]*fence.Fence{
		"no permission":           agentOf(t, forbidden, "one", 5),
		"an older control plane":  agentOf(t, cluster(t, asItIs), "", 5),
		"a namespace that is not": elsewhere(t, cluster(t, asItIs)),
	} {
		if err := f.Check(t.Context()); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func elsewhere(t *testing.T, config *rest.Config) *fence.Fence {
	t.Helper()
	f, err := fence.New(fence.Config{Cluster: "edge", Namespace: "missing", Kubernetes: config, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	f.Welcome("one", 5)
	return f
}

// An agent that cannot ask must not act.
func TestAnAPIServerThatFailsAllowsNothing(t *testing.T) {
	broken := cluster(t, func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no etcd", http.StatusInternalServerError) })
	})
	if err := agentOf(t, broken, "one", 5).Check(t.Context()); err == nil || !strings.Contains(err.Error(), "no etcd") {
		t.Errorf("got %v", err)
	}
}
