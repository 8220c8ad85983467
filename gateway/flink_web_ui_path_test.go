package gateway

import (
	"net/url"
	"strings"
	"testing"
)

// FuzzWebUIPath: what gets through is a plain path that no server and no client
// reads in another way, and stays beneath the web UI.
func FuzzWebUIPath(f *testing.F) {
	for _, seed := range []string{"/", "/jobs/overview", "//a", "/a%2Fb", "/%2e%2e/", "/..%252f", "/a;b", `/a\b`, "/%", "/%00"} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, rest string, encoded bool) {
		if !strings.HasPrefix(rest, "/") {
			return
		}
		path, ok := webUIPath(rest, encoded)
		if !ok {
			return
		}
		if !strings.HasPrefix(path, "/") || strings.Contains(path, "//") || strings.ContainsAny(path, "%?#\\; \r\n\x00\"<>") {
			t.Errorf("%q became %q", rest, path)
		}
		base := &url.URL{Scheme: "http", Host: "weir", Path: "/ui/"}
		if resolved, err := base.Parse("." + path); err != nil || resolved.Path != "/ui"+path || resolved.Host != "weir" {
			t.Errorf("%q became %q, which leads to %v, %v", rest, path, resolved, err)
		}
		if again, ok := webUIPath(path, true); !ok || again != path {
			t.Errorf("%q became %q, and that %q", rest, path, again)
		}
		if location, ok := relativeTo("/a/b", path); !ok {
			t.Errorf("%q leads nowhere", path)
		} else if resolved, err := base.Parse("a/" + location); err != nil || resolved.Path != "/ui"+path {
			t.Errorf("%q became %q, which leads to %v, %v", path, location, resolved, err)
		}
	})
}
