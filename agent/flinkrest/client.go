// Package flinkrest is a client of the REST API of a Flink JobManager, for
// what an agent needs of it: to find, follow, stop and cancel jobs.
package flinkrest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// ErrNotFound says that the JobManager does not know what was asked for.
var ErrNotFound = errors.New("not known to the JobManager")

// maxAnswer bounds how much of an answer is read, in bytes. Plans of large jobs
// have some hundred KiB.
const maxAnswer = 32 << 20

// Client talks to one JobManager.
type Client struct {
	base *url.URL
	http *http.Client
}

// New makes a client for the REST API at base.
func New(base *url.URL, client *http.Client) *Client { return &Client{base: base, http: client} }

// Error is an answer of Flink's that is none that was hoped for.
type Error struct {
	// Status is the HTTP status code.
	Status int
	// Messages are Flink's, which may hold stack traces.
	Messages []string
}

// Error gives the first line of the last message, which says most.
func (e *Error) Error() string {
	if len(e.Messages) == 0 {
		return fmt.Sprintf("HTTP status %d", e.Status)
	}
	line, _, _ := strings.Cut(strings.TrimSpace(e.Messages[len(e.Messages)-1]), "\n")
	return line
}

// Is makes a 404 ErrNotFound.
func (e *Error) Is(target error) bool {
	return target == ErrNotFound && e.Status == http.StatusNotFound
}

// call sends a request with a JSON body, if there is one, and reads the answer
// into out, if that is not nil.
func (c *Client) call(ctx context.Context, method, path string, body, out any) error {
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("write the request %s %s: %w", method, path, err)
		}
		reader = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.base.String(), "/")+path, reader)
	if err != nil {
		return fmt.Errorf("make the request %s %s: %w", method, path, err)
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
		return fmt.Errorf("read the answer to %s %s: %w", method, path, err)
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		failure := &Error{Status: response.StatusCode}
		var told struct{ Errors []string }
		if json.Unmarshal(text, &told) == nil {
			failure.Messages = told.Errors
		}
		return fmt.Errorf("%s %s: %w", method, path, failure)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("read the answer to %s %s: %w", method, path, err)
	}
	return nil
}
