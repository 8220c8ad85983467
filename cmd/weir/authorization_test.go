package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/openweir/weir/control"
	"github.com/openweir/weir/control/access"
	"github.com/openweir/weir/control/store/storetest"
	"github.com/openweir/weir/gateway"
	"github.com/openweir/weir/internal/await"
)

// startRestricted runs a control plane and its gateway, whose callers are who
// they say they are. Role bindings are those of a file.
func startRestricted(t *testing.T, bindings string) (url string) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	file := filepath.Join(t.TempDir(), "role-bindings.yaml")
	if err := os.WriteFile(file, []byte(bindings), 0o600); err != nil {
		t.Fatal(err)
	}
	replica, err := control.New(control.Config{
		Etcd: storetest.Etcd(t), Replica: "replica-1", RoleBindings: file, Log: log,
		Authenticate: func(ctx context.Context) (*access.Principal, error) {
			return &access.Principal{Name: "User:" + strings.Join(metadata.ValueFromIncomingContext(ctx, "authorization"), "")}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	conn := localConn(replica, log)
	handler, err := gateway.New(gateway.Config{Conn: conn, Log: log, Ready: replica.Ready})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- replica.Run(ctx) }()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		conn.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the control plane ended with %v", err)
		}
	})
	await.Closed(t, "the control plane loading the state", replica.Loaded())
	await.Until(t, "the role bindings are loaded", func() bool {
		code, _ := callREST(t, "admin", http.MethodGet, server.URL+"/cmf/api/v1/environments", "")
		return code == http.StatusOK
	})
	return server.URL
}

func callREST(t *testing.T, user, method, url, body string) (code int, answer string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", user)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// open are the methods that every authenticated caller may call.
var open = map[protoreflect.Name]bool{
	"GetSystemInformation": true, "GetC3LicenseInformation": true, "ListRoleBindings": true, "GetRoleBinding": true,
	"UpdateRoleBinding": true, "DeleteRoleBinding": true,
}

// routes are the REST operations, by the method of each.
func routes() map[protoreflect.Name]*annotations.HttpRule {
	all := map[protoreflect.Name]*annotations.HttpRule{}
	protoregistry.GlobalFiles.RangeFilesByPackage("cmf.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				if rule, ok := proto.GetExtension(methods.Get(j).Options(), annotations.E_Http).(*annotations.HttpRule); ok && rule != nil {
					all[methods.Get(j).Name()] = rule
				}
			}
		}
		return true
	})
	return all
}

var parameter = regexp.MustCompile(`\{[a-z_]+\}`)

// TestEveryRESTOperationIsAuthorized: an administrator is never refused, and who has
// no role always is, except where every caller is allowed.
func TestEveryRESTOperationIsAuthorized(t *testing.T) {
	url := startRestricted(t, `
roleBindings:
  - {principal: "User:admin", role: SystemAdmin}
  - {principal: "User:admin", role: SystemAdmin, environment: one1}
`)
	const body = `{"metadata":{"name":"one1"},"spec":{"principal":"User:eve","role":"SystemAdmin"}}`
	for name, rule := range routes() {
		path, method := rule.GetGet(), http.MethodGet
		for verb, of := range map[string]string{http.MethodPost: rule.GetPost(), http.MethodPut: rule.GetPut(), http.MethodDelete: rule.GetDelete()} {
			if of != "" {
				path, method = of, verb
			}
		}
		path = parameter.ReplaceAllString(path, "one1")
		body := body
		switch name {
		case "CreateAgentToken":
			body = `{"metadata":{"name":"one1"},"spec":{"kubernetesClusterName":"one1"}}`
		case "CreatePolicy", "UpdatePolicy":
			body = `{"metadata":{"name":"one1"},"spec":{"kinds":["FlinkDeployment"],"validations":[{"expression":"true"}]}}`
		case "CreateMachineToken", "CreateServiceAccountAllowlistEntry":
			body = `{"metadata":{"name":"one1"}}`
		case "BanAgent":
			body = `{"kubernetesClusterName":"one1"}`
		}
		if code, answer := callREST(t, "admin", method, url+path, body); code == http.StatusForbidden {
			t.Errorf("%s as an administrator: %s %s: %d %s", name, method, path, code, answer)
		}
		code, answer := callREST(t, "nobody", method, url+path, body)
		if (code == http.StatusForbidden) == open[name] {
			t.Errorf("%s without a role: %s %s: %d %s", name, method, path, code, answer)
		}
		var refusal struct {
			Errors []struct{ Message string }
		}
		if err := json.Unmarshal([]byte(answer), &refusal); !open[name] && (err != nil || len(refusal.Errors) != 1 || !strings.HasPrefix(refusal.Errors[0].Message, "User:nobody may not ")) {
			t.Errorf("%s: the body is %s", name, answer)
		}
	}
	for _, path := range []string{
		"/cmf/api/v1/environments?watch=true", "/cmf/api/v1/environments/one1/applications?watch=true",
		"/cmf/api/v1/environments/one1/applications/one1/flink-web-ui/overview", "/cmf/api/v1/environments/one1/statements/one1/flink-web-ui/overview",
	} {
		if code, answer := callREST(t, "nobody", http.MethodGet, url+path, ""); code != http.StatusForbidden {
			t.Errorf("%s without a role: %d %s", path, code, answer)
		}
	}
}
