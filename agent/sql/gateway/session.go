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

// At is the same session by another client, as gateways may come to have
// another address.
func (s *Session) At(c *Client) *Session { return &Session{client: c, Handle: s.Handle} }

// Heartbeat keeps the session from expiring.
func (s *Session) Heartbeat(ctx context.Context) error {
	if err := s.client.call(ctx, http.MethodPost, s.path("/heartbeat"), struct{}{}, nil); err != nil {
		return fmt.Errorf("keep the session at the SQL gateway: %w", err)
	}
	return nil
}

// Close ends the session with all its operations, and cancels the jobs of its
// queries. Those of INSERTs go on.
func (s *Session) Close(ctx context.Context) error {
	if err := s.client.call(ctx, http.MethodDelete, s.path(""), nil, nil); err != nil {
		return fmt.Errorf("close the session at the SQL gateway: %w", err)
	}
	return nil
}

// Execute begins to run a statement, with options of Flink for it alone.
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

// Operation is a statement that runs, or ran, in a session.
type Operation struct {
	session *Session
	Handle  string
}

// At is the same operation by another client.
func (o *Operation) At(c *Client) *Operation {
	return &Operation{session: o.session.At(c), Handle: o.Handle}
}

// Close forgets the operation, and cancels the job of a query.
func (o *Operation) Close(ctx context.Context) error {
	return o.session.client.call(ctx, http.MethodDelete, o.path("/close"), nil, nil)
}

func (o *Operation) path(rest string) string {
	return o.session.path("/operations/" + url.PathEscape(o.Handle) + rest)
}

// Format is how the gateway writes the cells of rows.
type Format string

const (
	// JSON keeps arrays, maps and rows apart from text.
	JSON Format = "JSON"
	// PlainText is every cell cast to a string.
	PlainText Format = "PLAIN_TEXT"
)

// Page is a page of an operation's result.
type Page struct {
	// Ready is false while the statement is still being planned or submitted.
	// All but Next is absent then.
	Ready bool
	// JobID is the id of the job that makes the rows; empty where there is none.
	JobID   string
	IsQuery bool
	Columns []Column
	Rows    []Row
	// Next is the token of the next page.
	Next int64
	// Last tells that there is no next page.
	Last bool
}

// Row is a row with its place in the changelog.
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

// Fetch asks for the page of a token; the first one is 0. The gateway keeps
// that page and the one before, so that an answer that was lost can be asked
// for again, once.
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

// tokenIn reads the token that the URI of a page ends in.
func tokenIn(uri string) (int64, error) {
	path, _, _ := strings.Cut(uri, "?")
	token, err := strconv.ParseInt(path[strings.LastIndex(path, "/")+1:], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("the SQL gateway names the next page as %q, which has no token", uri)
	}
	return token, nil
}

// Text is a cell in the format PlainText; empty for null.
func Text(cell json.RawMessage) string {
	var text string
	if json.Unmarshal(cell, &text) != nil {
		return string(cell) // booleans come as they are
	}
	return text
}
