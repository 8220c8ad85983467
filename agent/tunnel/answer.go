package tunnel

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// responseHeaders are all that leaves the workload cluster, beside
// Content-Length and Location. What speaks of the connection, sets cookies or
// tells browsers whom to trust is not among them.
var responseHeaders = []string{
	"Accept-Ranges", "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Range", "Content-Type",
	"Etag", "Last-Modified", "Retry-After",
}

// headOf is what is told of Flink's answer before its body.
func headOf(response *http.Response) (*cmfv1.FlinkWebUIHead, error) {
	if response.StatusCode < 200 || response.StatusCode > 599 {
		return nil, refuse(agentv1.TunnelFailure_TUNNEL_FAILURE_BAD_ANSWER, "Flink answered with status %d.", response.StatusCode)
	}
	head := &cmfv1.FlinkWebUIHead{Status: int32(response.StatusCode)}
	add := func(name, value string) {
		if h := (&cmfv1.FlinkWebUIHeader{Name: name, Value: value}); plainValue(h) {
			head.Headers = append(head.Headers, h)
		}
	}
	for _, name := range responseHeaders {
		// Of a header that is there twice the last one counts.
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

// locationOf is where a redirect leads, as a path of the same server with its
// query; empty where the answer is none. A redirect to elsewhere is an error.
func locationOf(response *http.Response) (string, error) {
	if !slices.Contains(redirects, response.StatusCode) {
		return "", nil
	}
	elsewhere := refuse(agentv1.TunnelFailure_TUNNEL_FAILURE_BAD_ANSWER, "Flink answered with a redirect that leads out of its web UI.")
	asked := response.Request.URL
	to, err := asked.Parse(response.Header.Get("Location"))
	if err != nil || to.Scheme != asked.Scheme || to.Host != asked.Host || to.User != nil || to.Opaque != "" {
		return "", elsewhere
	}
	path := (&url.URL{Path: to.Path, RawPath: to.RawPath}).EscapedPath()
	if path == "" {
		path = "/"
	}
	if checkPath(path) != nil || !plainQuery.MatchString(to.RawQuery) {
		return "", elsewhere
	}
	if to.RawQuery != "" {
		path += "?" + to.RawQuery
	}
	return path, nil
}
