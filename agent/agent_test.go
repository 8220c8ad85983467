package agent

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/types/known/durationpb"
	"k8s.io/client-go/rest"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	"github.com/openweir/weir/internal/await"
	"github.com/openweir/weir/sandbox/apiserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const deployment = `{"apiVersion":"flink.apache.org/v1beta1","kind":"FlinkDeployment",` +
	`"metadata":{"name":"app","namespace":"default"},"spec":{"image":"flink:2.2","flinkVersion":"v2_2"}}`

func ref() *agentv1.ObjectRef {
	return &agentv1.ObjectRef{ApiVersion: "flink.apache.org/v1beta1", Kind: "FlinkDeployment", Namespace: "default", Name: "app"}
}

// fleet welcomes every agent, sends it one FlinkDeployment, and records what the
// agent sends and its identity.
type fleet struct {
	agentv1.UnimplementedFleetServiceServer
	messages chan *agentv1.ConnectRequest
	token    chan string
	uris     chan []*url.URL
}

func (f *fleet) Connect(stream grpc.BidiStreamingServer[agentv1.ConnectRequest, agentv1.ConnectResponse]) error {
	md, _ := metadata.FromIncomingContext(stream.Context())
	f.token <- first(md.Get("authorization"))
	var uris []*url.URL
	if p, ok := peer.FromContext(stream.Context()); ok {
		if info, ok := p.AuthInfo.(credentials.TLSInfo); ok && len(info.State.PeerCertificates) > 0 {
			uris = info.State.PeerCertificates[0].URIs
		}
	}
	f.uris <- uris
	for welcomed := false; ; welcomed = true {
		m, err := stream.Recv()
		if err != nil {
			return err
		}
		f.messages <- m
		if welcomed {
			continue
		}
		for _, r := range []*agentv1.ConnectResponse{
			{Message: &agentv1.ConnectResponse_Welcome{Welcome: &agentv1.Welcome{Epoch: 1, NextHeartbeat: durationpb.New(time.Hour)}}},
			{Message: &agentv1.ConnectResponse_Apply{Apply: &agentv1.Apply{Ref: ref(), OwnerUid: "u1", Generation: 1, Hash: "h", Manifest: deployment}}},
			{Message: &agentv1.ConnectResponse_Synced{Synced: &agentv1.Synced{Sent: 1}}},
		} {
			if err := stream.Send(r); err != nil {
				return err
			}
		}
	}
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// serve runs a control plane until the test ends.
func serve(t *testing.T, options ...grpc.ServerOption) (*fleet, string) {
	t.Helper()
	f := &fleet{messages: make(chan *agentv1.ConnectRequest, 100), token: make(chan string, 100), uris: make(chan []*url.URL, 100)}
	return f, listen(t, f, options...)
}

// listen serves agents until the test ends, and returns its address.
func listen(t *testing.T, f agentv1.FleetServiceServer, options ...grpc.ServerOption) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(options...)
	agentv1.RegisterFleetServiceServer(server, f)
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() {
		server.Stop()
		serving.Wait()
	})
	return listener.Addr().String()
}

// kubernetes runs an API server until the test ends.
func kubernetes(t *testing.T) *rest.Config {
	t.Helper()
	server, err := apiserver.New(apiserver.Config{Namespaces: []string{"default"}})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	t.Cleanup(web.CloseClientConnections)
	return &rest.Config{Host: web.URL}
}

// run runs an agent until the test ends.
func run(t *testing.T, config Config, adjust ...func(*Agent)) {
	t.Helper()
	config.Cluster, config.Version, config.Labels, config.Simulated = "edge", "1.2.3", map[string]string{"region": "eu"}, true
	config.Log = slog.New(slog.DiscardHandler)
	a, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range adjust {
		f(a)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := await.Receive(t, "the agent to end", ended); err != nil {
			t.Errorf("the agent ended with %v", err)
		}
	})
}

// awaitApplied waits for the agent to send Hello, to apply the object and
// to report its status.
func awaitApplied(t *testing.T, f *fleet) {
	t.Helper()
	hello := await.Receive(t, "Hello", f.messages).GetHello()
	if hello.GetCluster() != "edge" || hello.GetAgentVersion() != "1.2.3" || hello.GetProcessId() == "" || hello.GetLabels()["region"] != "eu" || !hello.GetSimulated() {
		t.Fatalf("the agent's first message is %v", hello)
	}
	var acked, reported bool
	for !acked || !reported {
		m := await.Receive(t, "a message of the agent", f.messages)
		acked = acked || m.GetAck().GetOutcome() == agentv1.Outcome_OUTCOME_APPLIED
		reported = reported || m.GetStatus().GetOwnerUid() == "u1"
	}
}

func TestAnAgentWithAToken(t *testing.T) {
	f, address := serve(t)
	run(t, Config{ControlPlane: address, Identity: Identity{Token: "bootstrap", Insecure: true}, Kubernetes: kubernetes(t)})
	if got := await.Receive(t, "a connection", f.token); got != "Bearer bootstrap" {
		t.Errorf("the agent's authorization is %q", got)
	}
	awaitApplied(t, f)
}

func TestAnAgentWithACertificate(t *testing.T) {
	dir := t.TempDir()
	ca := newAuthority(t)
	ca.issue(t, filepath.Join(dir, "agent"), &x509.Certificate{
		URIs:        []*url.URL{{Scheme: "weir", Host: "cluster", Path: "/edge"}},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	ca.issue(t, filepath.Join(dir, "server"), &x509.Certificate{
		DNSNames:    []string{"weir.example"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	write(t, filepath.Join(dir, "ca.pem"), "CERTIFICATE", ca.cert.Raw)
	serverCert, err := tls.LoadX509KeyPair(filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	f, address := serve(t, grpc.Creds(credentials.NewTLS(&tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{serverCert},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool,
	})))
	run(t, Config{ControlPlane: address, Kubernetes: kubernetes(t), Identity: Identity{
		CertFile: filepath.Join(dir, "agent.pem"), KeyFile: filepath.Join(dir, "agent.key"),
		CAFile: filepath.Join(dir, "ca.pem"), ServerName: "weir.example",
	}})
	uris := await.Receive(t, "a connection", f.uris)
	if len(uris) != 1 || uris[0].String() != "weir://cluster/edge" {
		t.Errorf("the agent's certificate is for %v", uris)
	}
	awaitApplied(t, f)
}

// authority issues certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return authority{cert, key}
}

// issue writes a certificate to path.pem and its key to path.key.
func (a authority) issue(t *testing.T, path string, template *x509.Certificate) {
	t.Helper()
	key := newKey(t)
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = a.cert.NotBefore, a.cert.NotAfter
	raw, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path+".pem", "CERTIFICATE", raw)
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path+".key", "PRIVATE KEY", encoded)
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func write(t *testing.T, path, kind string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600); err != nil {
		t.Fatal(err)
	}
}
