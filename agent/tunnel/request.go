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

// plainPath matches the paths of Flink's REST API. It allows no escapes: Flink
// decodes a path twice and truncates it at a question mark in between, so an
// escaped character may mean another path to Flink than to this check. It allows
// no empty segments either.
var plainPath = regexp.MustCompile(`^(/[A-Za-z0-9._~!$'()*,=:@-]+)*/?$`)

// plainQuery matches a query without characters that end it early.
var plainQuery = regexp.MustCompile(`^[!"$-~]*$`)

// Limits of requests, in bytes.
const (
	maxPath  = 4 << 10
	maxQuery = 8 << 10
	// maxHeader bounds the value of a forwarded header.
	maxHeader = 4 << 10
)

// requestHeaders are the only headers that are forwarded to Flink.
var requestHeaders = []string{
	"Accept", "Accept-Encoding", "Accept-Language", "If-Modified-Since", "If-None-Match", "If-Range", "Range",
}

// checkRequest checks a request against the rules of the protocol.
func checkRequest(m *agentv1.TunnelRequest) error {
	switch m.GetMethod() {
	case http.MethodGet, http.MethodHead:
	default:
		return refuse(agentv1.TunnelFailure_TUNNEL_FAILURE_INVALID, "Method %s is not supported; use GET or HEAD.", m.GetMethod())
	}
	if err := checkPath(m.GetPath()); err != nil {
		return err
	}
	if query := m.GetQuery(); len(query) > maxQuery || !plainQuery.MatchString(query) {
		return refuse(agentv1.TunnelFailure_TUNNEL_FAILURE_INVALID,
			"The query must consist of printable ASCII characters other than #, and of at most %d bytes.", maxQuery)
	}
	if m.GetWindow() <= 0 {
		return refuse(agentv1.TunnelFailure_TUNNEL_FAILURE_INVALID, "The window must be at least one byte.")
	}
	return nil
}

func checkPath(path string) error {
	if path == "" || len(path) > maxPath || !plainPath.MatchString(path) {
		return refuse(agentv1.TunnelFailure_TUNNEL_FAILURE_INVALID,
			"The path must start with a slash and must not contain empty segments, escapes or characters other than letters, digits and ._~!$'()*,=:@-.")
	}
	segments := strings.Split(strings.Trim(path, "/"), "/")
	if slices.ContainsFunc(segments, func(s string) bool { return s == "." || s == ".." }) {
		return refuse(agentv1.TunnelFailure_TUNNEL_FAILURE_INVALID, "The path must not contain dot segments.")
	}
	if hasSideEffect(segments) {
		return refuse(agentv1.TunnelFailure_TUNNEL_FAILURE_FORBIDDEN, "The web UI is read-only here, and a GET of %s has side effects in Flink.", path)
	}
	return nil
}

var restVersion = regexp.MustCompile(`^[vV][0-9]+$`)

// hasSideEffect reports whether a GET of a path has side effects in Flink: it
// cancels or stops a job, for the sake of YARN's proxy, or runs the main method of
// a jar with the arguments of the query, to show its plan.
func hasSideEffect(segments []string) bool {
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

// newRequest builds the request to Flink. HEAD becomes GET, since Flink does not
// support HEAD.
func newRequest(ctx context.Context, base *url.URL, m *agentv1.TunnelRequest) (*http.Request, error) {
	// Not http.NewRequest, which parses the path as a URL.
	request := &http.Request{
		Method: http.MethodGet,
		URL:    &url.URL{Scheme: base.Scheme, Host: base.Host, Path: m.GetPath(), RawPath: m.GetPath(), RawQuery: m.GetQuery()},
		Host:   base.Host,
		// An empty value suppresses the default User-Agent.
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
			return nil, refuse(agentv1.TunnelFailure_TUNNEL_FAILURE_INVALID, "Header %s must consist of printable ASCII characters, and of at most %d bytes.", name, maxHeader)
		}
		request.Header.Add(name, h.GetValue())
	}
	return request.WithContext(ctx), nil
}

// plainValue reports whether a header can be forwarded unchanged.
func plainValue(h *cmfv1.FlinkWebUIHeader) bool {
	return len(h.GetValue()) <= maxHeader &&
		!strings.ContainsFunc(h.GetValue(), func(c rune) bool { return c < ' ' || c > '~' })
}
