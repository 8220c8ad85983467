// Package gateway is a client of version 2 of the REST API of Flink's SQL Gateway,
// which Flink 1.17 and later have.
package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxResponse is the maximum size of a response, in bytes. A page has at most 5000
// rows.
const maxResponse = 64 << 20

// Client is a client of one gateway.
type Client struct {
	base *url.URL
	http *http.Client
}

// New returns a client of the gateway at base.
func New(base *url.URL, client *http.Client) *Client { return &Client{base: base, http: client} }

// Version returns the Flink version of the gateway.
func (c *Client) Version(ctx context.Context) (string, error) {
	var out struct{ Version string }
	if err := c.call(ctx, http.MethodGet, "/v2/info", nil, &out); err != nil {
		return "", fmt.Errorf("get the version of the SQL gateway: %w", err)
	}
	return out.Version, nil
}

// OpenSession opens a session with Flink options.
func (c *Client) OpenSession(ctx context.Context, name string, properties map[string]string) (*Session, error) {
	var out struct{ SessionHandle string }
	body := map[string]any{"sessionName": name, "properties": properties}
	if err := c.call(ctx, http.MethodPost, "/v2/sessions", body, &out); err != nil {
		return nil, fmt.Errorf("open a session at the SQL gateway: %w", err)
	}
	return &Session{client: c, Handle: out.SessionHandle}, nil
}

// call sends a request with an optional JSON body, and decodes the response into
// out unless that is nil. A failure of Flink is an *Error.
func (c *Client) call(ctx context.Context, method, path string, body, out any) error {
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("encode the request: %w", err)
		}
		reader = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.base.String(), "/")+path, reader)
	if err != nil {
		return fmt.Errorf("create the request: %w", err)
	}
	request.Header.Set("Accept", "application/json")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.http.Do(request)
	if err != nil {
		return err // it names the method and the URL
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxResponse))
	if err != nil {
		return fmt.Errorf("read the response: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		failure := &Error{Status: response.StatusCode}
		var body struct{ Errors []string }
		if json.Unmarshal(text, &body) == nil {
			failure.Messages = body.Errors
		}
		return failure
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("read the response: %w", err)
	}
	return nil
}
