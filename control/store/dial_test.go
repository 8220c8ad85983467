package store_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/internal/await"
)

func TestDialOverTLS(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	serverCert, serverKey := ours.issue(t, "server")
	clientCert, clientKey := ours.issue(t, "client")
	strangerCert, strangerKey := theirs.issue(t, "stranger")
	endpoint := startTLSEtcd(t, transport.TLSInfo{
		CertFile: serverCert, KeyFile: serverKey, TrustedCAFile: ours.file, ClientCertAuth: true,
	})
	for name, test := range map[string]struct {
		config store.DialConfig
		works  bool
	}{
		"a certificate of the authority":     {store.DialConfig{CAFile: ours.file, CertFile: clientCert, KeyFile: clientKey}, true},
		"no certificate":                     {store.DialConfig{CAFile: ours.file}, false},
		"a certificate of another authority": {store.DialConfig{CAFile: ours.file, CertFile: strangerCert, KeyFile: strangerKey}, false},
		"a server of another authority":      {store.DialConfig{CAFile: theirs.file, CertFile: clientCert, KeyFile: clientKey}, false},
	} {
		t.Run(name, func(t *testing.T) {
			test.config.Endpoints = []string{endpoint}
			client, err := store.Dial(test.config)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			if !test.works {
				s := store.New(client, "/tls", slog.New(slog.DiscardHandler))
				store.NewCollection[*wrapperspb.StringValue](s, "things")
				ctx, stop := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- s.Run(ctx) }()
				defer func() {
					stop()
					if err := <-ended; err != nil {
						t.Errorf("the store ended with %v", err)
					}
				}()
				if _, err := s.View(within(t, time.Second)); !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("the error is %v, want ErrUnavailable", err)
				}
				return
			}
			_, c := startStore(t, client)
			create(t, c, "a")
		})
	}
}

func TestDialRefusesWhatCannotWork(t *testing.T) {
	authority := newAuthority(t)
	cert, key := authority.issue(t, "client")
	endpoints := []string{"127.0.0.1:1"}
	for name, test := range map[string]struct {
		config store.DialConfig
		want   string
	}{
		"no endpoint":                  {store.DialConfig{}, "endpoint"},
		"a certificate without key":    {store.DialConfig{Endpoints: endpoints, CertFile: cert}, "go together"},
		"a key without certificate":    {store.DialConfig{Endpoints: endpoints, KeyFile: key}, "go together"},
		"a CA file that is not there":  {store.DialConfig{Endpoints: endpoints, CAFile: "/nowhere"}, "/nowhere"},
		"a CA file without any":        {store.DialConfig{Endpoints: endpoints, CAFile: key}, "no certificate"},
		"a certificate of another key": {store.DialConfig{Endpoints: endpoints, CertFile: cert, KeyFile: authority.key(t)}, "client certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			client, err := store.Dial(test.config)
			if err == nil {
				client.Close()
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("the error is %v, want one about %q", err, test.want)
			}
		})
	}
}

func startTLSEtcd(t *testing.T, info transport.TLSInfo) (endpoint string) {
	t.Helper()
	listen := url.URL{Scheme: "https", Host: "127.0.0.1:0"}
	config := embed.NewConfig()
	config.Name, config.Dir, config.UnsafeNoFsync = "tls", t.TempDir(), true
	config.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.NewNop())
	config.ListenPeerUrls, config.AdvertisePeerUrls = nil, []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{listen}, []url.URL{listen}
	config.ClientTLSInfo = info
	server, err := embed.StartEtcd(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	await.Closed(t, "etcd to be ready", server.Server.ReadyNotify())
	return "https://" + server.Clients[0].Addr().String()
}

// authority signs certificates.
type authority struct {
	file        string // its certificate
	certificate *x509.Certificate
	private     *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{file: filepath.Join(t.TempDir(), "ca.pem"), private: newKey(t)}
	a.certificate = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.sign(t, a.certificate, &a.private.PublicKey, a.file)
	return a
}

func (a *authority) issue(t *testing.T, name string) (certFile, keyFile string) {
	t.Helper()
	dir, key := t.TempDir(), newKey(t)
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	a.sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, &key.PublicKey, certFile)
	writeKey(t, key, keyFile)
	return certFile, keyFile
}

// key writes the authority's own key to a file.
func (a *authority) key(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "key.pem")
	writeKey(t, a.private, file)
	return file
}

func (a *authority) sign(t *testing.T, certificate *x509.Certificate, public *ecdsa.PublicKey, file string) {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, certificate, a.certificate, public, a.private)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, file, "CERTIFICATE", der)
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func writeKey(t *testing.T, key *ecdsa.PrivateKey, file string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, file, "PRIVATE KEY", der)
}

func writePEM(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
