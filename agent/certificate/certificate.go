package certificate

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/grpc"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// timeout bounds each call of the control plane.
const timeout = 30 * time.Second

// Config is what a Certificate needs.
type Config struct {
	// Cluster is the workload cluster that the agent acts for.
	Cluster string
	Store   Store
	// Token returns the join token; empty if there is none any more.
	Token func() (string, error)
	// Dial connects to the control plane, with a client certificate unless it is nil.
	Dial func(*tls.Certificate) (*grpc.ClientConn, error)
	Log  *slog.Logger
}

// Certificate is the client certificate of the agent of one cluster.
type Certificate struct {
	config Config
	mu     sync.Mutex // one exchange at a time
}

// New makes a Certificate. It sends nothing yet.
func New(config Config) *Certificate { return &Certificate{config: config} }

// Current returns the certificate to authenticate with. If none is kept, if it has
// expired, or if there is another join token than the one that it was issued for, it
// joins.
func (c *Certificate) Current(ctx context.Context) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	kept, err := c.config.Store.Load(ctx)
	if err != nil {
		return nil, err
	}
	current, err := kept.pair()
	valid := err == nil && time.Now().Before(current.Leaf.NotAfter)
	token, err := c.config.Token()
	if err != nil && !valid {
		return nil, err
	}
	if token == "" || err != nil {
		if valid {
			return current, nil
		}
		return nil, errors.New("the agent has no valid certificate, and no join token (--join-token-file) to obtain one")
	}
	hash := sha256.Sum256([]byte(token))
	if valid && bytes.Equal(kept.TokenHash, hash[:]) {
		return current, nil
	}
	joined, err := c.join(ctx, kept, token, hash[:])
	if err != nil && valid {
		c.config.Log.Warn("the agent could not join with its new token; it keeps its certificate", "error", err)
		return current, nil
	}
	return joined, err
}

// join exchanges the token for a certificate.
func (c *Certificate) join(ctx context.Context, kept Kept, token string, hash []byte) (*tls.Certificate, error) {
	pending := Kept{Key: kept.Key, TokenHash: hash}
	key, err := kept.key()
	if err != nil || len(kept.Certificate) > 0 || !bytes.Equal(kept.TokenHash, hash) {
		// Not the repetition of a call whose response was lost.
		if key, pending.Key, err = newKey(); err != nil {
			return nil, err
		}
		if len(kept.Certificate) == 0 {
			if err := c.config.Store.Save(ctx, pending); err != nil {
				return nil, err
			}
		}
	}
	request, err := signingRequest(key)
	if err != nil {
		return nil, err
	}
	err = c.call(ctx, nil, func(ctx context.Context, fleet agentv1.FleetServiceClient) error {
		response, err := fleet.Join(ctx, &agentv1.JoinRequest{Token: token, Cluster: c.config.Cluster, CertificateRequest: request})
		pending.Certificate = response.GetCertificate()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("join with the token: %w", err)
	}
	c.config.Log.Info("the agent has joined: its certificate was issued")
	return c.keep(ctx, pending)
}

// Run renews the certificate at two thirds of its life until the context ends, and
// calls renewed after each renewal.
func (c *Certificate) Run(ctx context.Context, renewed func()) {
	const retry = time.Second
	delay := retry
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(delay):
		}
		kept, err := c.config.Store.Load(ctx)
		if err != nil {
			c.config.Log.Warn("certificate could not be renewed", "error", err)
			delay = time.Minute
			continue
		}
		current, err := kept.pair()
		if err != nil { // not joined yet
			delay = retry
			continue
		}
		life := current.Leaf.NotAfter.Sub(current.Leaf.NotBefore)
		if due := time.Until(current.Leaf.NotBefore.Add(life * 2 / 3)); due > 0 {
			delay = min(due, time.Hour)
			continue
		}
		if err := c.renew(ctx, kept, current); err != nil {
			// Often enough that several attempts are left, and never without a pause.
			delay = max(retry, time.Until(current.Leaf.NotAfter)/10)
			c.config.Log.Warn("certificate could not be renewed", "expires", current.Leaf.NotAfter, "retryIn", delay, "error", err)
			continue
		}
		c.config.Log.Info("certificate was renewed")
		delay = retry
		renewed()
	}
}

func (c *Certificate) renew(ctx context.Context, kept Kept, current *tls.Certificate) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	key, encoded, err := newKey()
	if err != nil {
		return err
	}
	request, err := signingRequest(key)
	if err != nil {
		return err
	}
	next := Kept{Key: encoded, TokenHash: kept.TokenHash}
	err = c.call(ctx, current, func(ctx context.Context, fleet agentv1.FleetServiceClient) error {
		response, err := fleet.Renew(ctx, &agentv1.RenewRequest{Cluster: c.config.Cluster, CertificateRequest: request})
		next.Certificate = response.GetCertificate()
		return err
	})
	if err != nil {
		return err
	}
	_, err = c.keep(ctx, next)
	return err
}

func (c *Certificate) call(ctx context.Context, identity *tls.Certificate, do func(context.Context, agentv1.FleetServiceClient) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conn, err := c.config.Dial(identity)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	return do(ctx, agentv1.NewFleetServiceClient(conn))
}

func (c *Certificate) keep(ctx context.Context, kept Kept) (*tls.Certificate, error) {
	issued, err := kept.pair()
	if err != nil {
		return nil, fmt.Errorf("the control plane issued an unusable certificate: %w", err)
	}
	return issued, c.config.Store.Save(ctx, kept)
}

func (k Kept) pair() (*tls.Certificate, error) {
	pair, err := tls.X509KeyPair(k.Certificate, k.Key)
	if err != nil {
		return nil, err
	}
	return &pair, nil
}

func (k Kept) key() (crypto.Signer, error) {
	block, _ := pem.Decode(k.Key)
	if block == nil {
		return nil, errors.New("there is no key")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("parse the key: %w", err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("the key is a %T", key)
	}
	return signer, nil
}

func newKey() (crypto.Signer, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("generate the key of the agent: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, fmt.Errorf("encode the key of the agent: %w", err)
	}
	return key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func signingRequest(key crypto.Signer) ([]byte, error) {
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return nil, fmt.Errorf("create the certificate signing request: %w", err)
	}
	return der, nil
}
