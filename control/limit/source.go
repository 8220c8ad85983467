package limit

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	"google.golang.org/grpc/peer"

	"github.com/openweir/weir/control/access"
)

// Authenticate limits how often callers of one address may fail to authenticate. Once
// they have reached the limit, only credentials that are known already are accepted from
// the address, so that verifying others costs nothing; callers who have authenticated
// before are not affected.
func (l *Limiter) Authenticate(authenticate access.Authenticate) access.Authenticate {
	if l.config.FailuresPerSecond == 0 {
		return authenticate
	}
	return func(ctx context.Context) (*access.Principal, error) {
		source := sourceOf(ctx)
		wait := l.failures(source, 0)
		if wait > 0 {
			ctx = access.WithoutVerifying(ctx)
		}
		principal, err := authenticate(ctx)
		if err == nil || errors.Is(err, access.ErrWouldWait) {
			return principal, err
		}
		if wait == 0 {
			wait = l.failures(source, 1)
		}
		if wait > 0 {
			return nil, l.refuse(failuresPerSecond, wait, "More than %d requests per second of the address %s are not authenticated.", l.config.FailuresPerSecond, source)
		}
		return nil, err
	}
}

// failures takes n failures of an address, or returns how long that takes. 0 failures
// take as long as one, and leave it there.
func (l *Limiter) failures(source string, n int) (wait time.Duration) {
	now := time.Now()
	l.sources.mu.Lock()
	defer l.sources.mu.Unlock()
	if n == 0 {
		known := l.sources.byKey[source]
		if known == nil || known.requests.TokensAt(now) >= 1 {
			return 0
		}
		return time.Duration(float64(time.Second) * (1 - known.requests.TokensAt(now)) / float64(known.requests.Limit()))
	}
	return take(l.sources.get(source, now).requests, n, now)
}

// sourceOf is the address of the caller without its port. A network of IPv6 is one
// address, as a machine usually has one.
func sourceOf(ctx context.Context) string {
	p, ok := peer.FromContext(ctx)
	if !ok || p.Addr == nil {
		return ""
	}
	return source(p.Addr)
}

// networkBits is the size of the network of IPv6 that one machine has at least.
const networkBits = 64

func source(address net.Addr) string {
	port, err := netip.ParseAddrPort(address.String())
	if err != nil {
		return address.String()
	}
	ip := port.Addr().Unmap().WithZone("")
	if ip.Is6() {
		network, _ := ip.Prefix(networkBits) // which cannot fail
		return network.String()
	}
	return ip.String()
}
