package authentication

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	jose "github.com/go-jose/go-jose/v4"
)

// maxDocument bounds what an issuer responds with, in bytes.
const maxDocument = 1 << 20

// discovery finds the keys of an issuer as OpenID Connect Discovery describes.
type discovery struct {
	issuer string
	client *http.Client
}

func newDiscovery(issuer, caFile string) (*discovery, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if caFile != "" {
		pool, err := readCAs(caFile)
		if err != nil {
			return nil, fmt.Errorf("caFile: %w", err)
		}
		transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}
	}
	return &discovery{issuer: issuer, client: &http.Client{Transport: transport}}, nil
}

// keys fetches the keys that the issuer signs with now.
func (d *discovery) keys(ctx context.Context) ([]jose.JSONWebKey, error) {
	defer d.client.CloseIdleConnections() // the next fetch is minutes away
	var document struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	at := strings.TrimSuffix(d.issuer, "/") + "/.well-known/openid-configuration"
	if err := d.get(ctx, at, &document); err != nil {
		return nil, err
	}
	if document.Issuer != d.issuer {
		return nil, fmt.Errorf("%s is of the issuer %q, want %q", at, document.Issuer, d.issuer)
	}
	if u, err := url.Parse(document.Keys); err != nil || u.Scheme != "https" {
		return nil, fmt.Errorf("%s has the jwks_uri %q, want an https URL", at, document.Keys)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := d.get(ctx, document.Keys, &set); err != nil {
		return nil, err
	}
	return signingKeys(set.Keys), nil
}

func (d *discovery) get(ctx context.Context, at string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return fmt.Errorf("fetch %s: %w", at, err)
	}
	response, err := d.client.Do(request)
	if err != nil {
		return fmt.Errorf("fetch %s: %w", at, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("fetch %s: %s", at, response.Status)
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxDocument)).Decode(into); err != nil {
		return fmt.Errorf("read %s: %w", at, err)
	}
	return nil
}

// signingKeys are the keys of a set that sign tokens. Others are passed over, as
// RFC 7517 asks: a set may have keys for encryption and of kinds yet to come.
func signingKeys(set []json.RawMessage) []jose.JSONWebKey {
	var out []jose.JSONWebKey
	for _, text := range set {
		var key jose.JSONWebKey
		if json.Unmarshal(text, &key) == nil && key.Use != "enc" && checkKey(key.Key) == nil {
			out = append(out, key)
		}
	}
	return out
}
