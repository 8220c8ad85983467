package tunnel

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// plainPath is what a path of Flink's REST API consists of. There are no
// escapes in it: Flink decodes a path twice and cuts it at a question mark in
// between, so that an escaped character may mean another path to it than to
// whoever looked at it before. Nor are there empty segments.
var plainPath = regexp.MustCompile(`^(/[A-Za-z0-9._~!$'()*,=:@-]+)*/?$`)

// plainQuery is a query without anything that ends it early.
var plainQuery = regexp.MustCompile(`^[!"$-~]*$`)

// Limits of requests, in bytes.
const (
	maxPath  = 4 << 10
	maxQuery = 8 << 10
	// maxHeader bounds a header that is passed on.
	maxHeader = 4 << 10
)

// requestHeaders are all that reaches Flink.
var requestHeaders = []string{
	"Accept", "Accept-Encoding", "Accept-Language", "If-Modified-Since", "If-None-Match", "If-Range", "Range",
}

// checkRequest holds a request to the rules of the protocol.
func checkRequest(m *agentv1.TunnelRequest) error {
	switch m.GetMethod() {
	case http.MethodGet, http.MethodHead:
	default:
		return refuse(agentv1.TunnelFailure_TUNNEL_FAILURE_INVALID, "Method %s cannot be tunnelled; GET and HEAD can.", m.GetMethod())
	}
	if err := checkPath(m.GetPath()); err != nil {
		return err
	}
	if query := m.GetQuery(); len(query) > maxQuery || !plainQuery.MatchString(query) {
		return refuse(agentv1.TunnelFailure_TUNNEL_FAILURE_INVALID,
			"The query must be of printable ASCII characters other than #, and of at most %d bytes.", maxQuery)
	}
	if m.GetWindow() <= 0 {
		return refuse(agentv1.TunnelFailure_TUNNEL_FAILURE_INVALID, "The window must be of at least one byte.")
	}
	return nil
}

func checkPath(path string) error {
	if path == "" || len(path) > maxPath || !plainPath.MatchString(path) {
		return refuse(agentv1.TunnelFailure_TUNNEL_FAILURE_INVALID,
			"The path must begin with a slash and have no empty segments, escapes or characters other than letters, digits and ._~!$'()*,=:@-.")
	}
	segments := strings.Split(strings.Trim(path, "/"), "/")
	if slices.ContainsFunc(segments, func(s string) bool { return s == "." || s == ".." }) {
		return refuse(agentv1.TunnelFailure_TUNNEL_FAILURE_INVALID, "The path must have no dot segments.")
	}
	if acts(segments) {
		return refuse(agentv1.TunnelFailure_TUNNEL_FAILURE_FORBIDDEN, "The web UI is read-only here, and Flink acts when %s is read.", path)
	}
	return nil
}

var restVersion = regexp.MustCompile(`^[vV][0-9]+$`)

// acts tells whether Flink does more than answer when it is asked for a path by
// GET: it cancels or stops a job, which it lets YARN's proxy do so, or runs the
// main method of a jar with the arguments of the query, to show its plan.
func acts(segments []string) bool {
	if restVersion.MatchString(segments[0]) {
		segments = segments[1:]
	}
	for i, s := range segments {
		switch strings.ToLower(s) {
		case "yarn-cancel", "yarn-stop":
			return true
		case "plan", "run":
			if i > 0 && strings.EqualFold(segments[0], "jars") {
				return true
			}
		}
	}
	return false
}

// newRequest makes the request to Flink. HEAD becomes GET: Flink knows no HEAD.
func newRequest(ctx context.Context, base *url.URL, m *agentv1.TunnelRequest) (*http.Request, error) {
	// Not http.NewRequest, which would parse what is no URL.
	request := &http.Request{
		Method: http.MethodGet,
		URL:    &url.URL{Scheme: base.Scheme, Host: base.Host, Path: m.GetPath(), RawPath: m.GetPath(), RawQuery: m.GetQuery()},
		Host:   base.Host,
		// No User-Agent, as there is one value and it is empty.
		Header:     http.Header{"User-Agent": {""}},
		Proto:      "HTTP/1.1",
		ProtoMajor: 1, ProtoMinor: 1,
	}
	for _, h := range m.GetHeaders() {
		name := http.CanonicalHeaderKey(h.GetName())
		if !slices.Contains(requestHeaders, name) {
			continue
		}
		if !plainValue(h) {
			return nil, refuse(agentv1.TunnelFailure_TUNNEL_FAILURE_INVALID, "Header %s must be of printable ASCII characters, and of at most %d bytes.", name, maxHeader)
		}
		request.Header.Add(name, h.GetValue())
	}
	return request.WithContext(ctx), nil
}

// plainValue tells whether a header can be passed on as it is.
func plainValue(h *cmfv1.FlinkWebUIHeader) bool {
	return len(h.GetValue()) <= maxHeader &&
		!strings.ContainsFunc(h.GetValue(), func(c rune) bool { return c < ' ' || c > '~' })
}
