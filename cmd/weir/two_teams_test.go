package main

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/openweir/weir/control/audit"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/internal/await"
	"github.com/openweir/weir/sandbox/apiserver"
)

// user is a caller with a token of its own, over REST and gRPC.
type user struct {
	url, token string
	http       *http.Client
	grpc       *grpc.ClientConn
}

// rest is the status and the body of a request below /cmf/api/v1.
func (u *user) rest(t *testing.T, method, path, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, u.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+u.token)
	request.Header.Set("Content-Type", "application/json")
	response, err := u.http.Do(request)
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

func (u *user) mustREST(t *testing.T, method, path, body string) string {
	t.Helper()
	code, text := u.rest(t, method, path, body)
	if code >= http.StatusMultipleChoices {
		t.Fatalf("%s %s: %d %s", method, path, code, text)
	}
	return text
}

func (u *user) context(t *testing.T) context.Context {
	return metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+u.token)
}

// secured is an installation behind TLS whose callers have tokens of an issuer.
type secured struct {
	ca, agents, keyset, audit string
	users                     func(name string) *user
}

// startSecured runs `weir control` with TLS, OpenID Connect, a keyset, and admin as
// the administrator of the installation.
func startSecured(t *testing.T) *secured {
	t.Helper()
	authority, issuer := newSigner(t), newSigner(t)
	idp := issuer.provider(t)
	auth := write(t, []byte("issuers:\n  - url: "+idp.URL+"\n    audiences: [weir]\n    caFile: "+writePEM(t, "CERTIFICATE", idp.Certificate().Raw)+"\n"))
	bindings := write(t, []byte("roleBindings:\n  - {principal: User:admin, role: SystemAdmin}\n"))
	certificate, key := authority.files(t, "")
	s := &secured{ca: authority.file(t), agents: ownAddress(t), keyset: filepath.Join(t.TempDir(), "keyset.json"), audit: filepath.Join(t.TempDir(), "audit.jsonl")}
	if out, err := command("keyset", "new", s.keyset).CombinedOutput(); err != nil {
		t.Fatalf("weir keyset new: %v: %s", err, out)
	}
	rest, api := ownAddress(t), ownAddress(t)
	start(t, "control", "--auth", auth, "--role-bindings", bindings, "--etcd-dir", t.TempDir(), "--keyset", s.keyset, "--admin", "", "--agents", s.agents,
		"--audit", s.audit, "--audit-required",
		"--http", rest, "--http-tls-cert", certificate, "--http-tls-key", key, "--grpc", api, "--tls-cert", certificate, "--tls-key", key)
	client, config := authority.client(t, "", "")
	conn, err := grpc.NewClient(api, grpc.WithTransportCredentials(credentials.NewTLS(config)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	s.users = func(name string) *user {
		return &user{url: "https://" + rest + "/cmf/api/v1", token: issuer.tokenOf(t, idp.URL, name), http: client, grpc: conn}
	}
	await.Until(t, "the control plane serves", func() bool {
		response, err := client.Get("https://" + rest + "/readyz")
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	return s
}

// startAgent runs `weir agent`, which joins with a token, for a cluster with some
// namespaces.
func (s *secured) startAgent(t *testing.T, cluster, token string, namespaces ...string) *process {
	t.Helper()
	api, err := apiserver.New(apiserver.Config{Namespaces: namespaces})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(api)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	kubeconfig := write(t, []byte(`{"apiVersion":"v1","kind":"Config","current-context":"c","contexts":[{"name":"c","context":{"cluster":"c","user":"u"}}],`+
		`"users":[{"name":"u"}],"clusters":[{"name":"c","cluster":{"server":"`+server.URL+`"}}]}`))
	return start(t, "agent", "--cluster", cluster, "--control", s.agents, "--tls-ca", s.ca, "--kubeconfig", kubeconfig,
		"--join-token-file", write(t, []byte(token)), "--identity-dir", t.TempDir())
}

func clusterState(t *testing.T, admin *user, cluster string) string {
	t.Helper()
	code, text := admin.rest(t, http.MethodGet, "/kubernetes-clusters/"+cluster, "")
	if code != http.StatusOK {
		return http.StatusText(code)
	}
	var found struct{ Status struct{ State string } }
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		t.Fatal(err)
	}
	return found.Status.State
}

const clicks = `{"apiVersion":"cmf.confluent.io/v1","kind":"FlinkApplication","metadata":{"name":"clicks"},"spec":{
	"image":"confluentinc/cp-flink:1.19.1-cp1","flinkVersion":"v1_19","serviceAccount":"flink",
	"job":{"jarURI":"local:///opt/flink/examples/streaming/StateMachineExample.jar","state":"running","parallelism":1,"upgradeMode":"stateless"},
	"jobManager":{"resource":{"memory":"1024m","cpu":1}},"taskManager":{"resource":{"memory":"1024m","cpu":1}}}}`

// TestTwoTeamsOnOneInstallation: an administrator, two users who manage the
// applications of one environment each, and an agent that joined by token. Each may
// do what its role says and nothing else, and the agent is out once it is banned.
func TestTwoTeamsOnOneInstallation(t *testing.T) {
	installation := startSecured(t)
	admin, alice, bob, nobody := installation.users("admin"), installation.users("alice"), installation.users("bob"), installation.users("eve")

	var joining struct{ Status struct{ Token string } }
	created := admin.mustREST(t, http.MethodPost, "/agent-tokens", `{"metadata":{"name":"shared"},"spec":{"kubernetesClusterName":"shared"}}`)
	if err := json.Unmarshal([]byte(created), &joining); err != nil {
		t.Fatal(err)
	}
	agent := installation.startAgent(t, "shared", joining.Status.Token, "orders", "billing")
	await.Until(t, "the agent has joined", func() bool { return clusterState(t, admin, "shared") == "CONNECTED" })

	for environment, owner := range map[string]string{"orders": "alice", "billing": "bob"} {
		admin.mustREST(t, http.MethodPost, "/environments", `{"name":"`+environment+`","kubernetesNamespace":"`+environment+`","kubernetesClusterName":"shared"}`)
		admin.mustREST(t, http.MethodPost, "/role-bindings", `{"metadata":{"name":"`+environment+`-developers"},"spec":{"principal":"User:`+owner+
			`","role":"DeveloperManage","environment":"`+environment+`","resources":[{"resourceType":"FlinkApplication","name":"*"}]}}`)
		await.Until(t, owner+" has the role", func() bool {
			code, _ := installation.users(owner).rest(t, http.MethodGet, "/environments/"+environment+"/applications", "")
			return code == http.StatusOK
		})
	}

	for _, test := range []struct {
		name    string
		user    *user
		allowed string // the environment whose applications the user manages
	}{
		{"alice", alice, "orders"}, {"bob", bob, "billing"}, {"the administrator, who has no role in environments", admin, ""}, {"who has no role", nobody, ""},
	} {
		for _, environment := range []string{"orders", "billing", "absent"} {
			wantREST, wantGRPC := http.StatusForbidden, codes.PermissionDenied
			if environment == test.allowed {
				wantREST, wantGRPC = http.StatusOK, codes.OK
			}
			applications := "/environments/" + environment + "/applications"
			for _, call := range []struct{ method, path, body string }{
				{http.MethodPost, applications, clicks},
				{http.MethodGet, applications, ""},
				{http.MethodGet, applications + "/clicks", ""},
				{http.MethodPost, applications + "/clicks" + "/suspend", ""},
				{http.MethodDelete, applications + "/clicks", ""},
			} {
				code, text := test.user.rest(t, call.method, call.path, call.body)
				if allowed := code < http.StatusMultipleChoices; allowed != (wantREST == http.StatusOK) || !allowed && code != wantREST {
					t.Errorf("%s: %s %s: %d %s", test.name, call.method, call.path, code, text)
				}
			}
			_, err := cmfv1.NewApplicationServiceClient(test.user.grpc).ListApplications(test.user.context(t), &cmfv1.ListApplicationsRequest{EnvName: environment})
			if status.Code(err) != wantGRPC {
				t.Errorf("%s: ListApplications in %s over gRPC: %v, want %s", test.name, environment, err, wantGRPC)
			}
		}
		if test.user != admin {
			for _, listed := range []string{"/environments", "/kubernetes-clusters", "/secrets", "/agent-tokens", "/agent-bans"} {
				if code, text := test.user.rest(t, http.MethodGet, listed, ""); code != http.StatusForbidden {
					t.Errorf("%s: GET %s: %d %s", test.name, listed, code, text)
				}
			}
			if code, text := test.user.rest(t, http.MethodPost, "/agent-bans", `{"kubernetesClusterName":"shared"}`); code != http.StatusForbidden {
				t.Errorf("%s bans the agent: %d %s", test.name, code, text)
			}
		}
	}

	admin.mustREST(t, http.MethodPost, "/agent-bans", `{"kubernetesClusterName":"shared","reason":"the key is lost"}`)
	await.Until(t, "the agent is refused", func() bool {
		return clusterState(t, admin, "shared") != "CONNECTED" && strings.Contains(agent.printed.String(), "The agents of the cluster are banned.")
	})

	// The audit log tells the story.
	if out, err := command("audit", "verify", installation.audit).CombinedOutput(); err != nil {
		t.Errorf("weir audit verify: %v: %s", err, out)
	}
	story := map[string]bool{}
	for line := range strings.Lines(string(mustRead(t, installation.audit))) {
		var record audit.Record
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatalf("a line of the audit log: %v: %s", err, line)
		}
		if record.Phase == audit.Outcome {
			story[record.Caller+" "+path.Base(record.Method)+" "+record.Resource.Environment+": "+record.Result.Code] = true
		}
	}
	for _, told := range []string{
		"User:admin CreateAgentToken : OK", "User:admin CreateRoleBinding : OK", "User:alice CreateOrUpdateApplication orders: OK",
		"User:alice DeleteApplication orders: OK", "User:alice CreateOrUpdateApplication billing: PermissionDenied",
		"User:bob BanAgent : PermissionDenied", "User:admin BanAgent : OK",
	} {
		if !story[told] {
			t.Errorf("the audit log does not say %q, but %v", told, slices.Sorted(maps.Keys(story)))
		}
	}
	// Only its administrator reads it.
	if code, text := admin.rest(t, http.MethodGet, "/audit-records?caller=User:bob", ""); code != http.StatusOK || !strings.Contains(text, "PermissionDenied") {
		t.Errorf("the audit log for the administrator: %d %s", code, text)
	}
	if code, text := alice.rest(t, http.MethodGet, "/audit-records", ""); code != http.StatusForbidden {
		t.Errorf("the audit log for a member of a team: %d %s", code, text)
	}
}
