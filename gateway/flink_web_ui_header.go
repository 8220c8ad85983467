package gateway

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// webUIRequestHeader are the only headers of a client that are passed to Flink.
var webUIRequestHeader = []string{
	"Accept", "Accept-Encoding", "Accept-Language", "If-Modified-Since", "If-None-Match", "If-Range", "Range",
}

func webUIRequestHeaders(h http.Header) []*cmfv1.FlinkWebUIHeader {
	var out []*cmfv1.FlinkWebUIHeader
	for _, name := range webUIRequestHeader {
		if values := h[name]; len(values) > 0 {
			out = append(out, &cmfv1.FlinkWebUIHeader{Name: name, Value: validUTF8(joined(values))})
		}
	}
	return out
}

// validUTF8 replaces what cannot be sent in a message to the control plane. HTTP
// permits any bytes.
func validUTF8(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

// webUIResponseHeader are the only headers of Flink that are passed to a client,
// beside Location. The body is passed on unchanged, so those that describe it
// are right.
var webUIResponseHeader = []string{
	"Accept-Ranges", "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Length", "Content-Range",
	"Content-Type", "Etag", "Last-Modified", "Retry-After",
}

// The policy has browsers trust nothing that a Flink cluster serves: who runs a
// job there can make it serve anything. A sandbox without
// allow-same-origin gives a page an origin of its own, in which it has no
// cookies, can read nothing of Weir's API and, as Weir refuses what pages of
// other origins want changed, change nothing either. What it loads and reads is
// of its own web UI.
const webUIPolicy = "sandbox allow-scripts allow-downloads allow-popups; default-src %s 'unsafe-inline' 'unsafe-eval' data: blob:; " +
	"object-src 'none'; base-uri 'self'; form-action 'none'; frame-ancestors 'self'"

// guardWebUI sets the headers that confine the web UI at a path.
func guardWebUI(h http.Header, r *http.Request, path string) {
	h["Content-Security-Policy"] = []string{fmt.Sprintf(webUIPolicy, webUISource(r, path))}
	h["Referrer-Policy"] = []string{"no-referrer"}
	h["Vary"] = []string{"Accept-Encoding, Origin"}
	if r.Header.Get("Origin") == "null" {
		// A sandboxed page's own scripts and requests are of another origin than
		// itself, and Flink's web UI makes its requests with credentials.
		h["Access-Control-Allow-Origin"] = []string{"null"}
		h["Access-Control-Allow-Credentials"] = []string{"true"}
		if r.Method == http.MethodOptions {
			// It requests logs with a Cache-Control, which takes a preflight request.
			h["Access-Control-Allow-Headers"] = []string{"Cache-Control"}
		}
	}
}

// cliHeader is set by the command line client, which serves one web UI at the
// root of an origin that only it knows.
const cliHeader = "X-Confluent-Cli-Version"

// plainHost is a name or an IPv4 address, perhaps with a port; policies cannot
// name others.
var plainHost = regexp.MustCompile(`^[A-Za-z0-9.-]+(:[0-9]+)?$`)

// webUISource is what a browser sees the web UI at a path as, in the terms of a
// policy.
func webUISource(r *http.Request, path string) string {
	host := r.Host
	if forwarded, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Host"), ","); forwarded != "" {
		host = strings.TrimSpace(forwarded)
	}
	if r.Header.Get(cliHeader) != "" || !plainHost.MatchString(host) {
		return "'self'"
	}
	escaped := (&url.URL{Path: path}).EscapedPath()
	return host + strings.NewReplacer(";", "%3B", ",", "%2C", "'", "%27").Replace(escaped) + "/"
}

// beginWebUI sends Flink's status and headers, or 502 where they cannot be
// passed on. from is the path that was requested of Flink. It reports whether a
// body may follow.
func beginWebUI(rw *responseWriter, head *cmfv1.FlinkWebUIHead, from string) bool {
	status := int(head.GetStatus())
	if status < 200 || status > 599 {
		rw.fail(http.StatusBadGateway, "Flink's response has no valid status.")
		return false
	}
	h := rw.Header()
	h["Content-Type"] = []string{"application/octet-stream"} // unless Flink sends another
	for _, line := range head.GetHeaders() {
		name := http.CanonicalHeaderKey(line.GetName())
		if name == "Location" {
			location, ok := relativeTo(from, line.GetValue())
			if !ok {
				rw.fail(http.StatusBadGateway, "Flink's response redirects to a path outside of its web UI.")
				return false
			}
			h["Location"] = []string{location}
			continue
		}
		if slices.Contains(webUIResponseHeader, name) && !strings.ContainsAny(line.GetValue(), "\r\n\x00") {
			h[name] = []string{line.GetValue()}
		}
	}
	if status == http.StatusNoContent || status == http.StatusNotModified {
		delete(h, "Content-Type")
		delete(h, "Content-Length")
	}
	h["Cache-Control"] = revalidate
	rw.WriteHeader(status)
	return true
}
