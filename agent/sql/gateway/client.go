// Package gateway is a client of the REST API of Flink's SQL Gateway, in its
// version 2, which every Flink since 1.17 has.
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

// maxAnswer bounds how much of an answer is read, in bytes. A page of rows has
// at most 5000 of them.
const maxAnswer = 64 << 20

// Client talks to one gateway.
type Client struct {
	base *url.URL
	http *http.Client
}

// New makes a client for the gateway at base.
func New(base *url.URL, client *http.Client) *Client { return &Client{base: base, http: client} }

// Version is the release of Flink that the gateway is of.
func (c *Client) Version(ctx context.Context) (string, error) {
	var out struct{ Version string }
	if err := c.call(ctx, http.MethodGet, "/v2/info", nil, &out); err != nil {
		return "", fmt.Errorf("ask the SQL gateway who it is: %w", err)
	}
	return out.Version, nil
}

// OpenSession begins a session with options of Flink.
func (c *Client) OpenSession(ctx context.Context, name string, properties map[string]string) (*Session, error) {
	var out struct{ SessionHandle string }
	body := map[string]any{"sessionName": name, "properties": properties}
	if err := c.call(ctx, http.MethodPost, "/v2/sessions", body, &out); err != nil {
		return nil, fmt.Errorf("open a session at the SQL gateway: %w", err)
	}
	return &Session{client: c, Handle: out.SessionHandle}, nil
}

// call sends a request with a JSON body, if there is one, and reads the answer
// into out, if that is not nil. What Flink failed with is an *Error.
func (c *Client) call(ctx context.Context, method, path string, body, out any) error {
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("write the request: %w", err)
		}
		reader = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.base.String(), "/")+path, reader)
	if err != nil {
		return fmt.Errorf("make the request: %w", err)
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
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		failure := &Error{Status: response.StatusCode}
		var told struct{ Errors []string }
		if json.Unmarshal(text, &told) == nil {
			failure.Messages = told.Errors
		}
		return failure
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return nil
}
