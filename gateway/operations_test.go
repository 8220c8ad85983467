package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/openweir/weir/gateway"
)

func TestHealthAndReadiness(t *testing.T) {
	var notReady error
	var warnings []string
	s := start(t, newControl(), func(c *gateway.Config) {
		c.Ready = func(context.Context) error { return notReady }
		c.Warnings = func() []string { return warnings }
	})
	s.do(t, "GET", "/healthz", "").expect(t, 200, "ok\n")
	s.do(t, "GET", "/readyz", "").expect(t, 200, "ok\n")
	s.do(t, "GET", "/readyz?verbose", "").expect(t, 200, "[+]control plane ok\nreadyz check passed\n")
	s.do(t, "GET", "//readyz/?verbose", "").expect(t, 200, "[+]control plane ok\nreadyz check passed\n")
	warnings = []string{"etcd has no space"}
	s.do(t, "GET", "/readyz", "").expect(t, 200, "ok\n")
	s.do(t, "GET", "/readyz?verbose", "").expect(t, 200, "[+]control plane ok\n[!]etcd has no space\nreadyz check passed\n")
	notReady = errors.New("etcd has no leader")
	s.do(t, "GET", "/healthz", "").expect(t, 200, "ok\n")
	s.do(t, "GET", "/readyz", "").expect(t, 503, errorBody("Not ready."))
	s.do(t, "GET", "/readyz?verbose", "").expect(t, 503, errorBody("Not ready: etcd has no leader."))
}

func TestMetricsAreServedIfConfigured(t *testing.T) {
	start(t, newControl()).do(t, "GET", "/metrics", "").expect(t, 404, errorBody("Resource not found: [metrics]"))
	s := start(t, newControl(), func(c *gateway.Config) {
		c.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "up 1\n") })
	})
	s.do(t, "GET", "/metrics", "").expect(t, 200, "up 1\n")
}

func TestTheOpenAPIDocumentIsServed(t *testing.T) {
	s := start(t, newControl())
	type document struct {
		Paths map[string]any `json:"paths" yaml:"paths"`
	}
	var asJSON, negotiated, asYAML document
	for path, into := range map[string]*document{"/openapi.json": &asJSON, "/openapi": &negotiated} {
		got := s.do(t, "GET", path, "")
		if err := json.Unmarshal([]byte(got.body), into); err != nil || got.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %v, %s", path, err, got.header.Get("Content-Type"))
		}
	}
	got := s.do(t, "GET", "/openapi", "", "Accept: application/yaml")
	if err := yaml.Unmarshal([]byte(got.body), &asYAML); err != nil || got.header.Get("Content-Type") != "application/yaml" {
		t.Errorf("%v, %s", err, got.header.Get("Content-Type"))
	}
	for name, d := range map[string]document{"JSON": asJSON, "negotiated": negotiated, "YAML": asYAML} {
		if len(d.Paths) < 30 {
			t.Errorf("%s has %d paths", name, len(d.Paths))
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	_, err := gateway.New(gateway.Config{MaxBodyBytes: -1, Timeout: -1, OpenAPI: []byte("{")})
	if err == nil {
		t.Fatal("an empty configuration was taken")
	}
	for _, what := range []string{"Conn is required", "Log is required", "MaxBodyBytes", "Timeout", "OpenAPI"} {
		if !strings.Contains(err.Error(), what) {
			t.Errorf("%q does not name %s", err, what)
		}
	}
}
