package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Session is a session at a gateway. Its operations run one at a time.
type Session struct {
	client *Client
	Handle string
}

func (s *Session) path(rest string) string { return "/v2/sessions/" + url.PathEscape(s.Handle) + rest }

// At returns the same session with another client, since the address of a gateway
// may change.
func (s *Session) At(c *Client) *Session { return &Session{client: c, Handle: s.Handle} }

// Heartbeat keeps the session from expiring.
func (s *Session) Heartbeat(ctx context.Context) error {
	if err := s.client.call(ctx, http.MethodPost, s.path("/heartbeat"), struct{}{}, nil); err != nil {
		return fmt.Errorf("keep the session at the SQL gateway alive: %w", err)
	}
	return nil
}

// Close closes the session with all its operations, and cancels the jobs of its
// queries. Those of INSERTs keep running.
func (s *Session) Close(ctx context.Context) error {
	if err := s.client.call(ctx, http.MethodDelete, s.path(""), nil, nil); err != nil {
		return fmt.Errorf("close the session at the SQL gateway: %w", err)
	}
	return nil
}

// Execute starts a statement, with Flink options for this statement only.
func (s *Session) Execute(ctx context.Context, statement string, options map[string]string) (*Operation, error) {
	var out struct{ OperationHandle string }
	body := map[string]any{"statement": statement}
	if len(options) > 0 {
		body["executionConfig"] = options
	}
	if err := s.client.call(ctx, http.MethodPost, s.path("/statements"), body, &out); err != nil {
		return nil, err
	}
	return &Operation{session: s, Handle: out.OperationHandle}, nil
}

// Operation is the execution of a statement in a session.
type Operation struct {
	session *Session
	Handle  string
}

// At returns the same operation with another client.
func (o *Operation) At(c *Client) *Operation {
	return &Operation{session: o.session.At(c), Handle: o.Handle}
}

// Close closes the operation, and cancels the job of a query.
func (o *Operation) Close(ctx context.Context) error {
	return o.session.client.call(ctx, http.MethodDelete, o.path("/close"), nil, nil)
}

func (o *Operation) path(rest string) string {
	return o.session.path("/operations/" + url.PathEscape(o.Handle) + rest)
}

// Format is the format of cells.
type Format string

const (
	// JSON preserves arrays, maps and rows.
	JSON Format = "JSON"
	// PlainText casts every cell to a string.
	PlainText Format = "PLAIN_TEXT"
)

// Page is a page of an operation's result.
type Page struct {
	// Ready is false while the statement is still being planned or submitted.
	// All but Next is absent then.
	Ready bool
	// JobID is the id of the job that produces the rows; empty if there is none.
	JobID   string
	IsQuery bool
	Columns []Column
	Rows    []Row
	// Next is the token of the next page.
	Next int64
	// Last is true if there is no next page.
	Last bool
}

// Row is a row with its kind of change.
type Row struct {
	// Kind is INSERT, UPDATE_BEFORE, UPDATE_AFTER or DELETE.
	Kind   string            `json:"kind"`
	Fields []json.RawMessage `json:"fields"`
}

// Column is a column of a result.
type Column struct {
	Name        string   `json:"name"`
	LogicalType DataType `json:"logicalType"`
}

// Fetch returns the page of a token; the first one is 0. The gateway keeps that
// page and the one before, so that a page can be fetched again after the response
// was lost.
func (o *Operation) Fetch(ctx context.Context, token int64, format Format) (*Page, error) {
	var out struct {
		ResultType    string
		IsQueryResult bool
		JobID         string
		Results       struct {
			Columns []Column
			Data    []Row
		}
		NextResultURI string `json:"nextResultUri"`
	}
	path := o.path("/result/" + strconv.FormatInt(token, 10) + "?rowFormat=" + string(format))
	if err := o.session.client.call(ctx, http.MethodGet, path, nil, &out); err != nil {
		return nil, err
	}
	page := &Page{
		Ready: out.ResultType != "NOT_READY", Last: out.ResultType == "EOS", JobID: out.JobID, IsQuery: out.IsQueryResult,
		Columns: out.Results.Columns, Rows: out.Results.Data, Next: token,
	}
	if page.Last || !page.Ready {
		return page, nil
	}
	next, err := tokenIn(out.NextResultURI)
	if err != nil {
		return nil, err
	}
	page.Next = next
	return page, nil
}

// tokenIn parses the token at the end of the URI of a page.
func tokenIn(uri string) (int64, error) {
	path, _, _ := strings.Cut(uri, "?")
	token, err := strconv.ParseInt(path[strings.LastIndex(path, "/")+1:], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("the SQL gateway returned the URI %q for the next page, which contains no token", uri)
	}
	return token, nil
}

// Text returns a cell in format PlainText; empty for null.
func Text(cell json.RawMessage) string {
	var text string
	if json.Unmarshal(cell, &text) != nil {
		return string(cell) // booleans are not quoted
	}
	return text
}
