package store

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
)

// DialConfig says how to reach an etcd that runs elsewhere.
type DialConfig struct {
	// Endpoints are URLs or host:port pairs of the members.
	Endpoints []string
	// CAFile holds the PEM certificates of whoever signs the servers'. With it,
	// or with CertFile, connections are TLS; with neither, the endpoints decide.
	CAFile string
	// CertFile and KeyFile hold the PEM certificate and key of the client. They
	// are read again for every connection, so that they can be renewed.
	CertFile, KeyFile string
	// Username and Password log in to an etcd that has authentication on.
	Username, Password string
}

const (
	dialTimeout      = 5 * time.Second
	keepAliveTime    = 10 * time.Second // etcd refuses pings more often than each 5 s
	keepAliveTimeout = 5 * time.Second
)

// reconnect tries often enough that etcd's return is noticed within seconds, where
// gRPC by itself goes on to wait for minutes.
var reconnect = grpc.ConnectParams{
	Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 3 * time.Second},
	MinConnectTimeout: dialTimeout,
}

// Dial makes a client of an etcd that runs elsewhere. It connects in the
// background; only a configuration that cannot work is an error, and, with a
// username, a login that fails.
func Dial(config DialConfig) (*clientv3.Client, error) {
	secure, err := config.tls()
	if err != nil {
		return nil, fmt.Errorf("dial etcd: %w", err)
	}
	client, err := clientv3.New(clientv3.Config{
		Endpoints:            config.Endpoints,
		TLS:                  secure,
		Username:             config.Username,
		Password:             config.Password,
		DialTimeout:          dialTimeout,
		DialKeepAliveTime:    keepAliveTime,
		DialKeepAliveTimeout: keepAliveTimeout,
		DialOptions:          []grpc.DialOption{grpc.WithConnectParams(reconnect)},
		Logger:               zap.NewNop(), // what matters of it comes back as errors
	})
	if err != nil {
		return nil, fmt.Errorf("dial etcd at %v: %w", config.Endpoints, err)
	}
	return client, nil
}

func (config DialConfig) tls() (*tls.Config, error) {
	if (config.CertFile == "") != (config.KeyFile == "") {
		return nil, errors.New("a client certificate and its key go together")
	}
	if config.CAFile == "" && config.CertFile == "" {
		return nil, nil
	}
	secure := &tls.Config{MinVersion: tls.VersionTLS12}
	if config.CAFile != "" {
		pem, err := os.ReadFile(config.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read the CA certificates: %w", err)
		}
		secure.RootCAs = x509.NewCertPool()
		if !secure.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", config.CAFile)
		}
	}
	if config.CertFile != "" {
		load := func() (*tls.Certificate, error) {
			certificate, err := tls.LoadX509KeyPair(config.CertFile, config.KeyFile)
			if err != nil {
				return nil, fmt.Errorf("load the client certificate: %w", err)
			}
			return &certificate, nil
		}
		if _, err := load(); err != nil {
			return nil, err
		}
		secure.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() }
	}
	return secure, nil
}
