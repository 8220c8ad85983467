package scenario

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openweir/weir/integration/pki"
	"github.com/openweir/weir/integration/weir"
)

// With TLS, an agent is who its certificate says, and nobody else.
func TestAgentsAreIdentifiedByTheirCertificates(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	servers, agents, strangers := newAuthority(t, "servers"), newAuthority(t, "agents"), newAuthority(t, "strangers")
	pair, err := servers.Server("weir")
	if err != nil {
		t.Fatal(err)
	}
	certificate, key := writePair(t, dir, "control", pair)
	authority := writeFile(t, dir, "servers-ca.pem", servers.PEM)
	p := startPlaneWith(t, dir, weir.ServerTLS{
		Certificate: certificate, Key: key, AgentAuthority: writeFile(t, dir, "agents-ca.pem", agents.PEM),
	}, authority)

	s := newSite(p, east, "default-k8s-cluster")
	s.confine()

	refused := []struct {
		name string
		by   *pki.Authority
		of   string
		says string
	}{
		{"of another cluster", agents, "weir://cluster/another-k8s-cluster", "PermissionDenied"},
		{"of another authority", strangers, "weir://cluster/default-k8s-cluster", "Unauthenticated"},
	}
	for _, c := range refused {
		s.config.Name = "agent " + c.name
		s.config.TLS = clientTLS(t, dir, authority, c.by, c.of)
		s.startAgent()
		p.await("the agent with a certificate "+c.name+" to be refused", func(context.Context) error {
			log, err := os.ReadFile(s.agent.Log())
			if err == nil && !strings.Contains(string(log), c.says) {
				err = fmt.Errorf("its log does not say %q", c.says)
			}
			return err
		})
		s.agent.Kill()
	}
	p.object(http.MethodGet, "/v1/kubernetes-clusters/"+s.name, "", http.StatusNotFound)

	s.config.Name = "agent"
	s.config.TLS = clientTLS(t, dir, authority, agents, "weir://cluster/default-k8s-cluster")
	s.startAgent()
	s.awaitState("CONNECTED")
	s.createEnvironment("test").run("over-tls")
}

func newAuthority(t *testing.T, name string) *pki.Authority {
	t.Helper()
	authority, err := pki.NewAuthority(name)
	if err != nil {
		t.Fatal(err)
	}
	return authority
}

// clientTLS makes a certificate for an agent that is called by a URI.
func clientTLS(t *testing.T, dir, authority string, by *pki.Authority, uri string) weir.ClientTLS {
	t.Helper()
	name, err := url.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := by.Client(pki.Subject{CommonName: "agent", URIs: []*url.URL{name}})
	if err != nil {
		t.Fatal(err)
	}
	certificate, key := writePair(t, dir, "agent", pair)
	return weir.ClientTLS{Authority: authority, Certificate: certificate, Key: key}
}

func writePair(t *testing.T, dir, name string, pair pki.Pair) (certificate, key string) {
	t.Helper()
	return writeFile(t, dir, name+".pem", pair.Certificate), writeFile(t, dir, name+".key", pair.Key)
}

func writeFile(t *testing.T, dir, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
