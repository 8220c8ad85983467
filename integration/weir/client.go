package weir

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Client speaks to the REST API.
type Client struct {
	// Base is the address, such as "http://127.0.0.1:8080".
	Base string
	// Token is the bearer token to present; empty for none.
	Token string
}

// Answer is what the API answers.
type Answer struct {
	// Status is the HTTP status code.
	Status int
	Header http.Header
	// Body is the body as it came.
	Body []byte
}

// Do sends a request to a path below /cmf/api. A body that begins with "{" is
// sent as JSON, any other as YAML.
func (c Client) Do(ctx context.Context, method, path, body string) (Answer, error) {
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.Base+"/cmf/api"+path, content)
	if err != nil {
		return Answer{}, err
	}
	if c.Token != "" {
		request.Header.Set("Authorization", "Bearer "+c.Token)
	}
	switch {
	case strings.HasPrefix(body, "{"):
		request.Header.Set("Content-Type", "application/json")
	case body != "":
		request.Header.Set("Content-Type", "application/yaml")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return Answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return Answer{}, fmt.Errorf("%s %s: %w", method, path, err)
	}
	return Answer{Status: response.StatusCode, Header: response.Header, Body: answer}, nil
}

// Object sends a request and decodes the answer, which must have the status.
func (c Client) Object(ctx context.Context, method, path, body string, status int) (Object, error) {
	answer, err := c.Do(ctx, method, path, body)
	if err != nil {
		return nil, err
	}
	if answer.Status != status {
		return nil, fmt.Errorf("%s %s: status %d, want %d: %s", method, path, answer.Status, status, bytes.TrimSpace(answer.Body))
	}
	var object Object
	if len(answer.Body) > 0 {
		if err := json.Unmarshal(answer.Body, &object); err != nil {
			return nil, fmt.Errorf("%s %s: read the answer %q: %w", method, path, answer.Body, err)
		}
	}
	return object, nil
}

// Object is a JSON object.
type Object map[string]any

// At is the value at a path of keys, or nil if there is none.
func (o Object) At(keys ...string) any {
	var at any = map[string]any(o)
	for _, key := range keys {
		object, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = object[key]
	}
	return at
}

// String is the string at a path of keys, or "" if there is none.
func (o Object) String(keys ...string) string {
	s, _ := o.At(keys...).(string)
	return s
}

// Items are the items of a page.
func (o Object) Items() []Object {
	list, _ := o.At("items").([]any)
	items := make([]Object, 0, len(list))
	for _, item := range list {
		if object, ok := item.(map[string]any); ok {
			items = append(items, object)
		}
	}
	return items
}
