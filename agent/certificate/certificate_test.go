package certificate

import (
	"bytes"
	"context"
	"crypto"
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
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"k8s.io/client-go/rest"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	"github.com/openweir/weir/internal/await"
	"github.com/openweir/weir/sandbox/apiserver"
)

// plane issues certificates, and loses responses on request.
type plane struct {
	agentv1.UnimplementedFleetServiceServer
	t        *testing.T
	key      *ecdsa.PrivateKey
	lifetime time.Duration
	conn     string

	mu   sync.Mutex
	used map[string][]byte // public keys by token
	lose bool
}

func startPlane(t *testing.T, lifetime time.Duration) *plane {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &plane{t: t, key: key, lifetime: lifetime, conn: listener.Addr().String(), used: map[string][]byte{}}
	server := grpc.NewServer()
	agentv1.RegisterFleetServiceServer(server, p)
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() {
		server.Stop()
		serving.Wait()
	})
	return p
}

func (p *plane) Join(_ context.Context, req *agentv1.JoinRequest) (*agentv1.JoinResponse, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	request, err := x509.ParseCertificateRequest(req.GetCertificateRequest())
	if err != nil {
		return nil, err
	}
	if used := p.used[req.GetToken()]; used != nil && !bytes.Equal(used, request.RawSubjectPublicKeyInfo) {
		return nil, status.Error(codes.Unauthenticated, "the join token was used already")
	}
	p.used[req.GetToken()] = request.RawSubjectPublicKeyInfo
	if p.lose {
		p.lose = false
		return nil, status.Error(codes.Unavailable, "the response is lost")
	}
	certificate, err := p.issue(request.PublicKey)
	return &agentv1.JoinResponse{Certificate: certificate}, err
}

func (p *plane) Renew(_ context.Context, req *agentv1.RenewRequest) (*agentv1.RenewResponse, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	request, err := x509.ParseCertificateRequest(req.GetCertificateRequest())
	if err != nil {
		return nil, err
	}
	certificate, err := p.issue(request.PublicKey)
	return &agentv1.RenewResponse{Certificate: certificate}, err
}

func (p *plane) issue(public crypto.PublicKey) ([]byte, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "agent"},
		NotBefore: time.Now(), NotAfter: time.Now().Add(p.lifetime),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, p.key)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), err
}

// certificate is that of an agent which finds the token.
func (p *plane) certificate(store Store, token *string) *Certificate {
	return New(Config{
		Cluster: "edge", Store: store, Token: func() (string, error) { return *token, nil }, Log: slog.New(slog.DiscardHandler),
		Dial: func(*tls.Certificate) (*grpc.ClientConn, error) {
			return grpc.NewClient(p.conn, grpc.WithTransportCredentials(insecure.NewCredentials()))
		},
	})
}

// stores are empty ones of every kind.
func stores(t *testing.T) map[string]Store {
	t.Helper()
	api, err := apiserver.New(apiserver.Config{Namespaces: []string{"default"}})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(api)
	t.Cleanup(web.Close)
	secret, err := NewSecret(&rest.Config{Host: web.URL}, "default", "edge")
	if err != nil {
		t.Fatal(err)
	}
	return map[string]Store{"directory": Directory(t.TempDir() + "/identity"), "Secret": secret}
}

func TestStoresKeepWhatWasSaved(t *testing.T) {
	for name, store := range stores(t) {
		t.Run(name, func(t *testing.T) {
			for _, want := range []Kept{{}, {Key: []byte("key"), TokenHash: []byte{1}}, {Key: []byte("other"), Certificate: []byte("certificate"), TokenHash: []byte{2}}} {
				if want.Key != nil {
					if err := store.Save(t.Context(), want); err != nil {
						t.Fatal(err)
					}
				}
				got, err := store.Load(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if difference := cmp.Diff(string(want.Key)+string(want.Certificate)+string(want.TokenHash), string(got.Key)+string(got.Certificate)+string(got.TokenHash)); difference != "" {
					t.Errorf("want -, got +:\n%s", difference)
				}
			}
		})
	}
}

// TestATokenIsUsedOnce: restarts of the agent use the certificate, a lost response
// does not cost the token, and another token leads to another certificate.
func TestATokenIsUsedOnce(t *testing.T) {
	for name, store := range stores(t) {
		t.Run(name, func(t *testing.T) {
			p := startPlane(t, time.Hour)
			token := "first"
			p.lose = true
			if _, err := p.certificate(store, &token).Current(t.Context()); status.Code(err) != codes.Unavailable {
				t.Fatalf("got %v, want the loss of the response", err)
			}
			current := func() *tls.Certificate {
				t.Helper()
				c, err := p.certificate(store, &token).Current(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				return c
			}
			joined := current()
			if again := current(); !again.Leaf.Equal(joined.Leaf) {
				t.Error("the certificate was issued again")
			}
			token = "" // the file was removed
			if again := current(); !again.Leaf.Equal(joined.Leaf) {
				t.Error("the certificate was issued again")
			}
			token = "second"
			if another := current(); another.Leaf.Equal(joined.Leaf) {
				t.Error("the agent did not join with its new token")
			}
			p.used["third"] = []byte("another agent's")
			token = "third"
			before := current()
			if !before.Leaf.Equal(current().Leaf) {
				t.Error("an unusable token cost the agent its certificate")
			}
		})
	}
}

func TestCertificatesAreRenewed(t *testing.T) {
	p := startPlane(t, 2*time.Second)
	token, store := "once", Directory(t.TempDir())
	c := p.certificate(store, &token)
	joined, err := c.Current(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	renewed, ended := make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(ended)
		c.Run(ctx, func() {
			select {
			case renewed <- struct{}{}:
			default:
			}
		})
	}()
	await.Receive(t, "a renewal", renewed)
	stop()
	<-ended
	now, err := c.Current(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !now.Leaf.NotAfter.After(joined.Leaf.NotAfter) || now.PrivateKey.(*ecdsa.PrivateKey).Equal(joined.PrivateKey) {
		t.Error("the certificate was not renewed for a new key")
	}
}
