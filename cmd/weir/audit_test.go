package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/openweir/weir/internal/await"
)

// TestTheAuditLogIsReadAndFollowed: with the commands, and over REST.
func TestTheAuditLogIsReadAndFollowed(t *testing.T) {
	log := filepath.Join(t.TempDir(), "audit.jsonl")
	d := &dev{rest: ownAddress(t), grpc: ownAddress(t)}
	admin := ownAddress(t)
	d.process = start(t, "control", "--auth", "none", "--replica", "weir-0", "--audit", log, "--etcd-dir", filepath.Join(t.TempDir(), "etcd"),
		"--insecure-agent-token-file", tokenFile(t), "--grpc", d.grpc, "--agents", ownAddress(t), "--http", d.rest, "--admin", admin)
	await.Until(t, "the control plane is ready", func() bool { return get("http://"+admin+"/readyz") != "" })
	bind := func(name string) {
		t.Helper()
		code, body := d.call(t, http.MethodPost, "/cmf/api/v1/role-bindings", "application/json",
			`{"metadata":{"name":"`+name+`"},"spec":{"principal":"User:alice","role":"ClusterAdmin"}}`)
		if code != http.StatusOK {
			t.Fatalf("bind %s: %d %s", name, code, body)
		}
	}
	bind("alice")
	decoded := func(text string) (all []map[string]any) {
		t.Helper()
		for line := range strings.Lines(text) {
			var record map[string]any
			if err := json.Unmarshal([]byte(line), &record); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			if record["previousSpecDigest"] == nil { // null in the file
				delete(record, "previousSpecDigest")
			}
			if record["previousSpecDigest"] == "" { // and empty in the API
				delete(record, "previousSpecDigest")
			}
			if text, ok := record["time"].(string); ok { // with three, six or nine digits in the API
				record["time"] = strings.TrimSuffix(strings.TrimRight(strings.TrimSuffix(text, "Z"), "0"), ".")
			}
			if record["previous"] == "" {
				delete(record, "previous")
			}
			if record["phase"] == "opened" {
				delete(record, "code")
			}
			all = append(all, record)
		}
		return all
	}
	out, err := command("audit", "read", "--control", d.grpc).Output()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := decoded(string(out)), decoded(string(text)); len(got) != 3 || !reflect.DeepEqual(got, want) {
		t.Errorf("weir audit read printed\n%v, the file has\n%v", got, want)
	}
	code, body := d.call(t, http.MethodGet, "/cmf/api/v1/audit-records?method=CreateRoleBinding&size=1&cursor=weir-0:1", "", "")
	if code != http.StatusOK || !strings.Contains(body, `"sequence":2,`) || !strings.Contains(body, `"cursor":"weir-0:2"`) || strings.Contains(body, `"end"`) {
		t.Errorf("over REST: %d %s", code, body)
	}
	for path, want := range map[string]int{
		"?cursor=weir-1:2": http.StatusConflict, "?cursor=x": http.StatusBadRequest, "?size=0": http.StatusBadRequest, "?watch=true&since=today": http.StatusBadRequest,
	} {
		if code, body := d.call(t, http.MethodGet, "/cmf/api/v1/audit-records"+path, "", ""); code != want {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}

	follow := start(t, "audit", "follow", "--control", d.grpc, "--method", "CreateRoleBinding", "--after", "weir-0:2")
	watch := openStream(t, t.Context(), "http://"+d.rest+"/cmf/api/v1/audit-records?watch=true&resourceVersion=weir-0:3&resourceName=robert")
	followed := func(sequence string) bool {
		return strings.Contains(follow.printed.String(), `"sequence":`+sequence+`,`)
	}
	await.Until(t, "the outcome of the first change", func() bool { return followed("3") })
	bind("robert")
	await.Until(t, "the second change", func() bool { return followed("4") && followed("5") })
	if followed("2") {
		t.Error("the record of the cursor is printed")
	}
	lines := make([]byte, 0, 8192)
	for slices.Index(lines, '}') < 0 || !strings.Contains(string(lines), `"resourceVersion":"weir-0:5"`) {
		chunk := make([]byte, 4096)
		n, err := watch.Body.Read(chunk)
		if lines = append(lines, chunk[:n]...); err != nil {
			t.Fatalf("the watch ended after %s: %v", lines, err)
		}
	}
	if !strings.HasPrefix(string(lines), `{"type":"BOOKMARK","resourceVersion":"weir-0:3"}`+"\n"+`{"type":"ADDED","object":{"sequence":4,`) {
		t.Errorf("the watch is %s", lines)
	}
}
