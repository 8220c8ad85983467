package gateway

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// normalize removes doubled slashes, slashes at the end and unnecessary escapes
// from a path. An escaped slash stays escaped. Where nothing is to be removed it
// returns u itself. Whether a removed empty segment is in the place of a name
// can only be checked once the route is known: see route.match.
func normalize(u *url.URL) *url.URL {
	sent := sentPath(u)
	if u.RawPath == "" && !strings.Contains(sent, "//") && (sent == "/" || !strings.HasSuffix(sent, "/")) {
		return u
	}
	var plain strings.Builder
	for segment := range strings.SplitSeq(sent, "/") {
		if segment == "" {
			continue
		}
		plain.WriteByte('/')
		if u.RawPath != "" {
			if decoded, err := url.PathUnescape(segment); err == nil {
				segment = url.PathEscape(decoded)
			}
		}
		plain.WriteString(segment)
	}
	normal := *u
	if u.RawPath != "" {
		normal.RawPath = plain.String()
	} else {
		normal.Path = plain.String()
	}
	return &normal
}

// sentPath is the path as the client sent it, decoded where that is unambiguous.
func sentPath(u *url.URL) string {
	if u.RawPath != "" {
		return u.RawPath
	}
	return u.Path
}

// match checks what the mux cannot: in the path that was sent no name may be
// empty, and each value must be a name. A script whose variable is empty must
// not reach another resource; for the same reason dot segments and encoded
// slashes are never resolved: such a path is unknown. rest is what comes after
// the segments of the route, as it was sent.
func (rt *route) match(sent string, values map[string]string) (rest string, ok bool) {
	for name, value := range values {
		if name != openEnd && !isName(value) {
			return "", false
		}
	}
	for _, variable := range rt.variables {
		segment := strings.TrimLeft(sent, "/")
		if variable && len(sent)-len(segment) > 1 {
			return "", false
		}
		name, _, _ := strings.Cut(segment, "/")
		sent = segment[len(name):]
	}
	return sent, true
}

// isName reports whether a decoded segment can be the name of something.
func isName(segment string) bool {
	if segment == "" || segment == "." || segment == ".." || !utf8.ValidString(segment) {
		return false
	}
	for _, c := range segment {
		if c == '/' || c < ' ' || c == 0x7f {
			return false
		}
	}
	return true
}
