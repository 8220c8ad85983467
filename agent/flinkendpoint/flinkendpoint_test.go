package flinkendpoint

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/rest"
)

// apiServer answers one path with one object.
func apiServer(t *testing.T, path, answer string) *rest.Config {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path != path {
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}`))
			return
		}
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(server.Close)
	return &rest.Config{Host: server.URL}
}

func TestRESTIsReachedThroughTheOperatorsService(t *testing.T) {
	k, err := NewKubernetes(&rest.Config{Host: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := k.REST(t.Context(), "flink", "pool-1")
	if err != nil || got.String() != "http://pool-1-rest.flink.svc:8081" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestNamesCannotSelectAnotherHost(t *testing.T) {
	k, err := NewKubernetes(&rest.Config{Host: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "evil.example/", "a b", "A", "x@y", "169.254.169.254", "-a", strings.Repeat("a", 64)} {
		if got, err := k.REST(t.Context(), "flink", name); err == nil {
			t.Errorf("deployment %q is at %s", name, got)
		}
		if got, err := k.REST(t.Context(), name, "pool"); err == nil {
			t.Errorf("namespace %q is at %s", name, got)
		}
		if got, err := k.SQLGateway(t.Context(), name, "pool"); err == nil {
			t.Errorf("the gateway of namespace %q is at %s", name, got)
		}
	}
}

func TestTheGatewayIsInTheJobManagersPod(t *testing.T) {
	pod := func(phase, ip, extra string) string {
		return `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"` + extra + `},"status":{"phase":"` + phase + `","podIP":"` + ip + `"}}`
	}
	for name, test := range map[string]struct{ pods, want string }{
		"one that runs":            {pod("Running", "10.0.0.7", ""), "http://10.0.0.7:8083"},
		"IPv6":                     {pod("Running", "fd00::7", ""), "http://[fd00::7]:8083"},
		"one that starts":          {pod("Pending", "", ""), ""},
		"one that ends":            {pod("Running", "10.0.0.7", `,"deletionTimestamp":"2026-01-01T00:00:00Z"`), ""},
		"none":                     {"", ""},
		"the one of two that runs": {pod("Failed", "10.0.0.6", "") + "," + pod("Running", "10.0.0.8", ""), "http://10.0.0.8:8083"},
	} {
		t.Run(name, func(t *testing.T) {
			k, err := NewKubernetes(apiServer(t, "/api/v1/namespaces/flink/pods", `{"kind":"PodList","apiVersion":"v1","items":[`+test.pods+`]}`))
			if err != nil {
				t.Fatal(err)
			}
			got, err := k.SQLGateway(t.Context(), "flink", "pool")
			switch {
			case test.want == "" && !errors.Is(err, ErrNotReady):
				t.Errorf("got %v, %v", got, err)
			case test.want != "" && (err != nil || got.String() != test.want):
				t.Errorf("got %v, %v, want %s", got, err, test.want)
			}
		})
	}
}

func TestLocalAcceptsOnlyLoopbackAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"http://127.0.0.1:4711":           "http://127.0.0.1:4711",
		"http://[::1]:4711/":              "http://[::1]:4711",
		"http://127.0.0.1:4711/jobs?a=b":  "http://127.0.0.1:4711",
		"http://10.0.0.1:4711":            "",
		"http://localhost:4711":           "",
		"https://127.0.0.1:4711":          "",
		"http://127.0.0.1":                "",
		"http://u:p@127.0.0.1:4711":       "",
		"http://169.254.169.254:80/token": "",
		"file:///etc/passwd":              "",
		"::":                              "",
	} {
		t.Run(text, func(t *testing.T) {
			l, err := NewLocal(apiServer(t, "/apis/flink.apache.org/v1beta1/namespaces/flink/flinkdeployments/pool",
				`{"apiVersion":"flink.apache.org/v1beta1","kind":"FlinkDeployment","metadata":{"name":"pool","namespace":"flink"},
				  "status":{"clusterInfo":{"weir-rest":"`+text+`"}}}`))
			if err != nil {
				t.Fatal(err)
			}
			got, err := l.REST(t.Context(), "flink", "pool")
			if want == "" && err == nil || want != "" && (err != nil || got.String() != want) {
				t.Errorf("got %v, %v, want %q", got, err, want)
			}
			if _, err := l.SQLGateway(t.Context(), "flink", "pool"); !errors.Is(err, ErrNotReady) {
				t.Errorf("a gateway that there is not: %v", err)
			}
			if _, err := l.REST(t.Context(), "flink", "other"); !errors.Is(err, ErrNotReady) {
				t.Errorf("a deployment that there is not: %v", err)
			}
		})
	}
}

func TestDeploymentsOfTheNamespaces(t *testing.T) {
	config := apiServer(t, "/apis/flink.apache.org/v1beta1/namespaces/flink/flinkdeployments", `{"apiVersion":"flink.apache.org/v1beta1","kind":"FlinkDeploymentList","items":[
		{"apiVersion":"flink.apache.org/v1beta1","kind":"FlinkDeployment","metadata":{"name":"pool","namespace":"flink","annotations":{"weir.dev/installation":"ours"}}},
		{"apiVersion":"flink.apache.org/v1beta1","kind":"FlinkDeployment","metadata":{"name":"theirs","namespace":"flink","annotations":{"weir.dev/installation":"other"}}},
		{"apiVersion":"flink.apache.org/v1beta1","kind":"FlinkDeployment","metadata":{"name":"bare","namespace":"flink"}}]}`)
	k, err := NewKubernetes(config, "flink", "without-any")
	if err != nil {
		t.Fatal(err)
	}
	pool, theirs, bare := Deployment{Namespace: "flink", Name: "pool"}, Deployment{Namespace: "flink", Name: "theirs"}, Deployment{Namespace: "flink", Name: "bare"}
	for installation, want := range map[string][]Deployment{"": {pool, theirs, bare}, "ours": {pool}, "third": nil} {
		got, err := k.Deployments(t.Context(), installation)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("of installation %q: %v, %v; want %v", installation, got, err, want)
		}
	}
}
