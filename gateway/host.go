package gateway

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// checkHost refuses requests that are addressed to another host than a listener
// serves. A page of any origin can make its own name resolve to the address of the
// listener (DNS rebinding), and would then be of the same origin as the API.
//
// IP addresses and localhost are not names that somebody else can own. A loopback
// listener is addressed by those of the machine itself, and by the names given; any
// other by every name if none are given.
func checkHost(listener net.Addr, names []string, next http.Handler) http.Handler {
	address, err := netip.ParseAddrPort(listener.String())
	loopback := err != nil || address.Addr().Unmap().IsLoopback()
	if !loopback && len(names) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := hostname(r.Host)
		if !isLocal(host, !loopback) && !slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, host) }) {
			h := w.Header()
			h.Set("Content-Type", formatJSON.contentType)
			h["Cache-Control"] = noStore
			w.WriteHeader(http.StatusMisdirectedRequest)
			_, _ = w.Write(appendErrors(nil, []string{fmt.Sprintf("The host %q is not served here; see --allowed-hosts.", host)}))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isLocal is true for hosts that nobody can make resolve to an address of their choice.
// Browsers always send a host; probes may send none.
func isLocal(host string, anyAddress bool) bool {
	if address, err := netip.ParseAddr(host); err == nil {
		return anyAddress || address.Unmap().IsLoopback()
	}
	return host == "" || strings.EqualFold(host, "localhost")
}

// hostname is a host without its port, its brackets and the dot at its end.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.TrimSuffix(host, ".")
}
