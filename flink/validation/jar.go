package validation

import (
	"fmt"
	"net/netip"
	"net/url"
)

// JarURI returns what is wrong with the URI of a session job's jar: it must have
// one of the schemes and none of the hosts that the operator fetches from by
// default. The names of hosts are not resolved.
func JarURI(uri string) []Problem {
	if uri == "" {
		return nil
	}
	problem := func(format string, args ...any) []Problem {
		return []Problem{{Field: "spec.job.jarURI", Rule: fmt.Sprintf(format, args...)}}
	}
	at, err := url.Parse(uri)
	if err != nil || at.Scheme != "https" {
		return problem("must have one of the allowed schemes: https, got %q", uri)
	}
	ip, err := netip.ParseAddr(at.Hostname())
	restricted := err == nil && (ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified())
	if restricted || at.Hostname() == "localhost" {
		return problem("must not be on a restricted host, got %q", uri)
	}
	return nil
}
