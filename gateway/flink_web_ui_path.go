package gateway

import (
	"net/url"
	"regexp"
	"strings"
)

const badWebUIPath = "The path within a web UI must have no empty segments, no dot segments, " +
	"and no characters other than letters, digits and ._~!$'()*,=:@-."

// plainSegment is what Flink's own paths are made of. None of it needs to be
// escaped in a URL, and no escape of anything else gets through: Flink decodes
// paths twice, and what looks harmless here could be another path there.
var plainSegment = regexp.MustCompile(`^[A-Za-z0-9._~!$'()*,=:@-]+$`)

// webUIPath is the path that is requested of Flink, without escapes; false where
// it is not allowed. rest begins with a slash.
func webUIPath(rest string, encoded bool) (string, bool) {
	segments := strings.Split(rest[1:], "/")
	for i, segment := range segments {
		if segment == "" && i == len(segments)-1 {
			break
		}
		if encoded {
			var err error
			if segment, err = url.PathUnescape(segment); err != nil {
				return "", false
			}
		}
		if segment == "." || segment == ".." || !plainSegment.MatchString(segment) {
			return "", false
		}
		segments[i] = segment
	}
	return "/" + strings.Join(segments, "/"), true
}

// relativeTo writes a path of Flink, with its query, so that it leads there from
// another one wherever a client has the web UI.
func relativeTo(from, location string) (string, bool) {
	path, query, _ := strings.Cut(location, "?")
	if !strings.HasPrefix(path, "/") {
		return "", false
	}
	path, ok := webUIPath(path, false)
	if !ok {
		return "", false
	}
	up := strings.Repeat("../", strings.Count(from, "/")-1)
	if up == "" {
		up = "./"
	}
	return withQuery(up+path[1:], query), true
}
