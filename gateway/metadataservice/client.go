// Package metadataservice is a client of the Metadata Service of Confluent Platform
// (MDS), as far as users log in there.
package metadataservice

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"time"
)

const (
	// Timeout bounds a request and its response.
	Timeout = 30 * time.Second
	// maxResponse is the size of a response that is read, in bytes. A token has a few
	// kilobytes.
	maxResponse = 1 << 20
)

// The errors of Send, for what the service does not do.
var (
	// ErrUnavailable is the error if there is no response in time.
	ErrUnavailable = errors.New("the Metadata Service does not respond")
	// ErrResponse is the error for a response that is none of the service.
	ErrResponse = errors.New("the response of the Metadata Service is not usable")
)

// Client sends requests to a Metadata Service.
type Client struct {
	base *url.URL
	http *http.Client
}

// New makes a client for the service at a URL. caFile verifies its certificate; empty
// means the CAs of the system. Its errors begin with the flag that is wrong.
func New(address, caFile string) (*Client, error) {
	base, err := url.Parse(address)
	if err != nil || base.Scheme != "https" && base.Scheme != "http" || base.Host == "" || base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, errors.New("--mds-url: must be an http or https URL without user, query and fragment")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile != "" {
		if base.Scheme != "https" {
			return nil, errors.New("--mds-ca: needs an https URL in --mds-url")
		}
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, fmt.Errorf("--mds-ca: %w", err)
		}
		transport.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--mds-ca: %s does not contain a PEM certificate", caFile)
		}
	}
	return &Client{base: base, http: &http.Client{
		Transport: transport, Timeout: Timeout,
		// The credentials of users go to the service and nowhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Plain is true if credentials are sent without TLS.
func (c *Client) Plain() bool { return c.base.Scheme == "http" }

// Response is what the service responded.
type Response struct {
	Status int
	// Body is JSON, or empty if the service responded with something else.
	Body []byte
	// RetryAfter is the header of that name.
	RetryAfter string
}

// requestHeaders are those of a request that the service gets.
var requestHeaders = []string{"Accept", "Authorization", "Content-Type"}

// Send sends a request to a path of the service, with some of the headers.
func (c *Client) Send(ctx context.Context, method, path string, header http.Header, body []byte) (*Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.base.JoinPath(path).String(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("request to the Metadata Service: %w", err)
	}
	for _, name := range requestHeaders {
		if values := header.Values(name); len(values) > 0 {
			request.Header[name] = values
		}
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxResponse+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: read it: %w", ErrUnavailable, err)
	case len(text) > maxResponse:
		return nil, fmt.Errorf("%w: it is larger than %d bytes", ErrResponse, maxResponse)
	}
	out := &Response{Status: response.StatusCode, RetryAfter: response.Header.Get("Retry-After")}
	if kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type")); err == nil && kind == "application/json" {
		out.Body = text
	}
	failed := out.Status >= http.StatusBadRequest && out.Status < http.StatusInternalServerError
	if out.Status < http.StatusOK || out.Status >= http.StatusMultipleChoices && out.Status < http.StatusBadRequest || len(out.Body) == 0 && !failed {
		return nil, fmt.Errorf("%w: %s, %q", ErrResponse, response.Status, response.Header.Get("Content-Type"))
	}
	return out, nil
}

// Close closes the connections that are idle.
func (c *Client) Close() { c.http.CloseIdleConnections() }
