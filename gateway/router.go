package gateway

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// endpoint answers one method of one path.
type endpoint struct {
	pattern string
	serve   func(*exchange, *http.Request)
}

// node is one step of the tree of known paths.
type node struct {
	literals map[string]*node
	variable *node // any name
	open     bool  // whatever comes after it is the endpoint's to read
	methods  map[string]endpoint
	allow    string // the Allow header
}

// openEnd is a last segment of a pattern that stands for any number of them.
const openEnd = "{path...}"

// add makes an endpoint known. GET answers HEAD too.
func (n *node) add(method string, e endpoint) error {
	for _, segment := range strings.Split(strings.TrimPrefix(e.pattern, "/"), "/") {
		if segment == openEnd {
			n.open = true
			break
		}
		n = n.child(segment)
	}
	if _, taken := n.methods[method]; taken {
		return fmt.Errorf("%s %s is served twice", method, e.pattern)
	}
	if n.methods == nil {
		n.methods = map[string]endpoint{}
	}
	n.methods[method] = e
	if method == http.MethodGet {
		n.methods[http.MethodHead] = e
	}
	n.allow = strings.Join(slices.Sorted(maps.Keys(n.methods)), ", ") + ", " + http.MethodOptions
	return nil
}

func (n *node) child(segment string) *node {
	if strings.HasPrefix(segment, "{") {
		if n.variable == nil {
			n.variable = &node{}
		}
		return n.variable
	}
	if n.literals == nil {
		n.literals = map[string]*node{}
	}
	if n.literals[segment] == nil {
		n.literals[segment] = &node{}
	}
	return n.literals[segment]
}

// find looks a path up. clean is the path in its plainest spelling, decoded,
// with a slash before each segment and nowhere else. rest is what comes after a
// node with an open end, as it was sent.
//
// Doubled slashes before a fixed part of a path and slashes at its end are
// forgiven. An empty segment never stands for a name, nor is it skipped where
// a name must be: a script whose variable is empty must not reach another
// resource. For the same reason dot segments and encoded slashes are unknown
// paths, never resolved.
func (n *node) find(u *url.URL) (found *node, clean, rest string) {
	rest, encoded := u.Path, false
	if u.RawPath != "" {
		rest, encoded = u.RawPath, true
	}
	if !strings.HasPrefix(rest, "/") {
		return nil, "", ""
	}
	var plainest strings.Builder
	plainest.Grow(len(rest))
	skipped := false
	for rest != "" && !n.open {
		segment, _, _ := strings.Cut(rest[1:], "/")
		rest = rest[1+len(segment):]
		if segment == "" {
			skipped = true
			continue
		}
		if encoded {
			var err error
			if segment, err = url.PathUnescape(segment); err != nil {
				return nil, "", ""
			}
		}
		next := n.literals[segment]
		if next == nil {
			if n.variable == nil || skipped || !isName(segment) {
				return nil, "", ""
			}
			next = n.variable
		}
		n, skipped = next, false
		plainest.WriteByte('/')
		plainest.WriteString(segment)
	}
	if n.methods == nil {
		return nil, "", ""
	}
	return n, plainest.String(), rest
}

// isName reports whether a decoded segment can be the name of something.
func isName(segment string) bool {
	if segment == "." || segment == ".." || !utf8.ValidString(segment) {
		return false
	}
	for _, c := range segment {
		if c == '/' || c < ' ' || c == 0x7f {
			return false
		}
	}
	return true
}
