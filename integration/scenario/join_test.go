package scenario

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/openweir/weir/integration/weir"
)

// An agent with the rights of its chart exchanges a join token for a certificate, which
// it keeps in a Secret and connects with from then on, until it is banned.
func TestAnAgentJoinsByToken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keyset := filepath.Join(dir, "keyset.json")
	if out, err := exec.CommandContext(t.Context(), programs.weir, "keyset", "new", keyset).CombinedOutput(); err != nil {
		t.Fatalf("weir keyset new: %v: %s", err, out)
	}
	servers := newAuthority(t, "servers")
	pair, err := servers.Server("weir")
	if err != nil {
		t.Fatal(err)
	}
	certificate, key := writePair(t, dir, "control", pair)
	authority := writeFile(t, dir, "servers-ca.pem", servers.PEM)
	p := startPlaneWith(t, dir, weir.ServerTLS{Certificate: certificate, Key: key}, authority, "--keyset="+keyset)

	s := newSite(p, east, "joined-k8s-cluster")
	s.confine()
	token := p.object(http.MethodPost, "/v1/agent-tokens",
		`{"metadata":{"name":"joined"},"spec":{"kubernetesClusterName":"joined-k8s-cluster"}}`, http.StatusOK)
	s.config.TLS = weir.ClientTLS{Authority: authority}
	s.config.JoinToken = writeFile(t, dir, "join-token", []byte(token.String("status", "token")))
	s.config.Flags = []string{"--fence-namespace=" + s.release.Namespace} // that of the pod, if it were in one
	s.startAgent()
	s.awaitState("CONNECTED")
	s.createEnvironment("test").run("joined")

	secrets := s.Client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "secrets"}).Namespace(s.release.Namespace)
	kept, err := secrets.Get(t.Context(), "weir-agent-joined-k8s-cluster", metav1.GetOptions{})
	if err != nil {
		t.Fatalf("the Secret with the certificate: %v", err)
	}
	data, _ := kept.Object["data"].(map[string]any)
	for _, name := range []string{"tls.crt", "tls.key"} {
		if data[name] == nil {
			t.Errorf("the Secret has no %s", name)
		}
	}

	// The token has been used, so the agent can only come back by its certificate.
	s.agent.Kill()
	s.awaitState("DISCONNECTED")
	s.startAgent()
	s.awaitState("CONNECTED")

	p.object(http.MethodPost, "/v1/agent-bans", `{"kubernetesClusterName":"joined-k8s-cluster","reason":"the key is lost"}`, http.StatusOK)
	s.awaitState("DISCONNECTED")
	p.await("the agent to be told why", func(context.Context) error {
		log, err := os.ReadFile(s.agent.Log())
		if err == nil && !strings.Contains(string(log), "banned") {
			err = errors.New("its log does not say that it is banned")
		}
		return err
	})
}
