package tunnel

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// responseHeaders are the only headers that leave the workload cluster, together
// with Content-Length and Location. Headers about the connection, cookies and
// security policies are not among them.
var responseHeaders = []string{
	"Accept-Ranges", "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Range", "Content-Type",
	"Etag", "Last-Modified", "Retry-After",
}

// headOf returns the status and headers of a response to forward.
func headOf(response *http.Response) (*cmfv1.FlinkWebUIHead, error) {
	if response.StatusCode < 200 || response.StatusCode > 599 {
		return nil, refuse(agentv1.TunnelFailure_TUNNEL_FAILURE_BAD_ANSWER, "Flink responded with status %d.", response.StatusCode)
	}
	head := &cmfv1.FlinkWebUIHead{Status: int32(response.StatusCode)}
	add := func(name, value string) {
		if h := (&cmfv1.FlinkWebUIHeader{Name: name, Value: value}); plainValue(h) {
			head.Headers = append(head.Headers, h)
		}
	}
	for _, name := range responseHeaders {
		// The last value of a repeated header counts.
		if values := response.Header[name]; len(values) > 0 {
			add(name, values[len(values)-1])
		}
	}
	if response.ContentLength >= 0 && hasBody(response.StatusCode) {
		add("Content-Length", strconv.FormatInt(response.ContentLength, 10))
	}
	location, err := locationOf(response)
	if err != nil {
		return nil, err
	}
	if location != "" {
		add("Location", location)
	}
	return head, nil
}

func hasBody(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}

var redirects = []int{
	http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect,
}

// locationOf returns the target of a redirect as a path of the same server with
// its query; empty if the response is not a redirect. A redirect to another
// server is an error.
func locationOf(response *http.Response) (string, error) {
	if !slices.Contains(redirects, response.StatusCode) {
		return "", nil
	}
	outside := refuse(agentv1.TunnelFailure_TUNNEL_FAILURE_BAD_ANSWER, "Flink responded with a redirect to a location outside its web UI.")
	requested := response.Request.URL
	to, err := requested.Parse(response.Header.Get("Location"))
	if err != nil || to.Scheme != requested.Scheme || to.Host != requested.Host || to.User != nil || to.Opaque != "" {
		return "", outside
	}
	path := (&url.URL{Path: to.Path, RawPath: to.RawPath}).EscapedPath()
	if path == "" {
		path = "/"
	}
	if checkPath(path) != nil || !plainQuery.MatchString(to.RawQuery) {
		return "", outside
	}
	if to.RawQuery != "" {
		path += "?" + to.RawQuery
	}
	return path, nil
}
