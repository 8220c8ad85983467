package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// call sends one request with a body of JSON, if any, and returns the body of
// the answer. A status other than want is an error.
func call(ctx context.Context, client *http.Client, method, url, body string, want int) ([]byte, error) {
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	request, err := http.NewRequestWithContext(ctx, method, url, content)
	if err != nil {
		return nil, err
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, url, err)
	}
	if response.StatusCode != want {
		return nil, fmt.Errorf("%s %s: %s: %s", method, url, response.Status, bytes.TrimSpace(answer))
	}
	return answer, nil
}
