package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"k8s.io/client-go/rest"

	"github.com/openweir/weir/agent"
	"github.com/openweir/weir/agent/link"
	"github.com/openweir/weir/control"
	"github.com/openweir/weir/control/access"
	"github.com/openweir/weir/control/seal"
	"github.com/openweir/weir/control/store/storetest"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/internal/await"
	"github.com/openweir/weir/sandbox/apiserver"
)

// selfSigned writes a certificate of 127.0.0.1 and its key.
func selfSigned(t *testing.T, dir string) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "weir"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	certificate, key = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	for path, block := range map[string]*pem.Block{certificate: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: encoded}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certificate, key
}

// TestAnAgentJoinsRenewsAndIsBanned: with the real agent and the real control plane.
func TestAnAgentJoinsRenewsAndIsBanned(t *testing.T) {
	dir := t.TempDir()
	certificate, key := selfSigned(t, dir)
	keyset, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := seal.Parse(keyset)
	if err != nil {
		t.Fatal(err)
	}
	api, err := apiserver.New(apiserver.Config{Namespaces: []string{"default"}})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(api)
	defer func() {
		web.CloseClientConnections()
		web.Close()
	}()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	replica, err := control.New(control.Config{
		Etcd: storetest.Etcd(t), ListenAgents: func() (net.Listener, error) { return listener, nil },
		AgentTLS: &control.TLSFiles{Cert: certificate, Key: key}, AgentCertificateLifetime: 12 * time.Second,
		Replica: "replica-1", Authenticate: access.AllowAnonymous, Keys: keys, Heartbeat: time.Minute, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	conn := localConn(replica, log)
	var running sync.WaitGroup
	ctx, stop := context.WithCancel(context.Background())
	defer func() {
		stop()
		running.Wait()
		conn.Close()
	}()
	running.Go(func() {
		if err := replica.Run(ctx); err != nil {
			t.Errorf("control plane: %v", err)
		}
	})
	await.Closed(t, "the state", replica.Loaded())
	created, err := cmfv1.NewAgentTokenServiceClient(conn).CreateAgentToken(ctx, &cmfv1.CreateAgentTokenRequest{Token: &cmfv1.AgentToken{
		Metadata: &cmfv1.ObjectMeta{Name: "edge-token"},
		Spec:     &cmfv1.AgentTokenSpec{KubernetesClusterName: "edge", Lifetime: durationpb.New(time.Minute)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	tokenFile := filepath.Join(dir, "token")
	if err := os.WriteFile(tokenFile, []byte(created.GetStatus().GetToken()), 0o600); err != nil {
		t.Fatal(err)
	}

	a, err := agent.New(agent.Config{
		ControlPlane: listener.Addr().String(), Cluster: "edge", Kubernetes: &rest.Config{Host: web.URL},
		Identity: agent.Identity{JoinTokenFile: tokenFile, CAFile: certificate}, Log: log,
		Timing: agent.Timing{Backoff: link.Backoff{Base: 10 * time.Millisecond, Max: 50 * time.Millisecond, RefusedMin: 10 * time.Millisecond, RefusedMax: 50 * time.Millisecond}},
	})
	if err != nil {
		t.Fatal(err)
	}
	running.Go(func() {
		if err := a.Run(ctx); err != nil {
			t.Errorf("agent: %v", err)
		}
	})
	ready := func() bool { return a.Ready(ctx) == nil }
	await.Until(t, "the agent is connected", ready)
	// Longer than the life of the first certificate.
	since := time.Now()
	await.Until(t, "the agent is connected with a renewed certificate", func() bool { return time.Since(since) > 13*time.Second && ready() })

	_, err = cmfv1.NewAgentIdentityServiceClient(conn).BanAgent(ctx, &cmfv1.BanAgentRequest{
		Ban: &cmfv1.AgentBan{Subject: &cmfv1.AgentBan_KubernetesClusterName{KubernetesClusterName: "edge"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	await.Until(t, "the agent is disconnected", func() bool { return !ready() })
}
