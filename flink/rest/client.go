// Package rest is a client of the REST API of a Flink JobManager, of what
// the SQL driver and the sandbox's operator need of it.
package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// maxAnswer is how much of an answer is read, in bytes. Exception histories
// and the plans of large jobs are the longest.
const maxAnswer = 16 << 20

// Client talks to one JobManager.
type Client struct {
	base string
	http *http.Client
}

// New returns a client of the JobManager at a URL, such as
// http://127.0.0.1:8081.
func New(base string, client *http.Client) *Client {
	return &Client{base: strings.TrimSuffix(base, "/"), http: client}
}

// Error is an answer that is none of success.
type Error struct {
	// Code is the HTTP status.
	Code int
	// Message is Flink's, with the Java stack if it came with one.
	Message string
}

// Error returns the code and the message.
func (e *Error) Error() string { return fmt.Sprintf("Flink answered %d: %s", e.Code, e.Message) }

// NotFound tells whether Flink does not know what it was asked for.
func NotFound(err error) bool {
	var answer *Error
	return errors.As(err, &answer) && answer.Code == http.StatusNotFound
}

// do makes a request and decodes the answer, both JSON; either may be nil.
func (c *Client) do(ctx context.Context, method, path string, in, into any) error {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode the request for %s: %w", path, err)
		}
		body = bytes.NewReader(data)
	}
	return c.send(ctx, method, path, "application/json", body, into)
}

func (c *Client) send(ctx context.Context, method, path, contentType string, body io.Reader, into any) error {
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return fmt.Errorf("ask Flink for %s: %w", path, err)
	}
	if body != nil {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("ask Flink for %s: %w", path, err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read Flink's answer to %s: %w", path, err)
	}
	if response.StatusCode/100 != 2 {
		return &Error{Code: response.StatusCode, Message: message(data)}
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("read Flink's answer to %s: %w", path, err)
	}
	return nil
}

// message returns the errors that an answer lists. The first is often no more
// than "Internal server error", the next the cause with its stack.
func message(data []byte) string {
	var listed struct {
		Errors []string `json:"errors"`
	}
	if json.Unmarshal(data, &listed) != nil || len(listed.Errors) == 0 {
		return strings.TrimSpace(string(data))
	}
	return strings.Join(listed.Errors, "\n")
}

// Version is what a JobManager says it is.
type Version struct {
	Version  string `json:"flink-version"`
	Revision string `json:"flink-revision"`
}

// Version asks what the JobManager runs.
func (c *Client) Version(ctx context.Context) (Version, error) {
	var version Version
	err := c.do(ctx, http.MethodGet, "/config", nil, &version)
	return version, err
}

// Overview is what a cluster has to give.
type Overview struct {
	TaskManagers   int `json:"taskmanagers"`
	SlotsTotal     int `json:"slots-total"`
	SlotsAvailable int `json:"slots-available"`
}

// Overview asks for the cluster's TaskManagers and slots.
func (c *Client) Overview(ctx context.Context) (Overview, error) {
	var overview Overview
	err := c.do(ctx, http.MethodGet, "/overview", nil, &overview)
	return overview, err
}

// Configuration asks for the options that the JobManager was started with.
func (c *Client) Configuration(ctx context.Context) (map[string]string, error) {
	var entries []struct {
		Key   string `json:"key"`
		Value string `json:"value"`
	}
	err := c.do(ctx, http.MethodGet, "/jobmanager/config", nil, &entries)
	options := make(map[string]string, len(entries))
	for _, entry := range entries {
		options[entry.Key] = entry.Value
	}
	return options, err
}
