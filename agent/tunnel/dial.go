package tunnel

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// dialTimeout bounds the time to connect to Flink.
const dialTimeout = 5 * time.Second

// newTransport returns the transport for requests to Flink. It uses no proxy,
// upgrades no connection and does not decode bodies.
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                  nil,
		DialContext:            dial,
		DisableCompression:     true,
		MaxResponseHeaderBytes: 64 << 10,
		MaxConnsPerHost:        maxFetches,
		MaxIdleConnsPerHost:    8,
		IdleConnTimeout:        30 * time.Second,
		Protocols:              http1(),
	}
}

func http1() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	return p
}

// dial connects to a server that a Resolver returned. Local servers are given by
// address. The address of a name is controlled by those who may write DNS records
// or services of the workload cluster. It must not be a loopback or link-local
// address, where metadata servers are.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("split the address %s: %w", address, err)
	}
	dialer := &net.Dialer{Timeout: dialTimeout}
	if _, err := netip.ParseAddr(host); err != nil {
		dialer.Control = func(_, resolved string, _ syscall.RawConn) error { return checkResolved(resolved) }
	}
	return dialer.DialContext(ctx, network, address)
}

// checkResolved rejects addresses that no Flink cluster can have.
func checkResolved(address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("parse the address %s: %w", address, err)
	}
	ip := at.Addr().Unmap()
	if ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() || ip == broadcast || awsMetadata.Contains(ip) {
		return fmt.Errorf("the name resolves to %s, which cannot be the address of a Flink cluster", ip)
	}
	return nil
}

var (
	broadcast = netip.MustParseAddr("255.255.255.255")
	// awsMetadata contains the IPv6 address of the metadata server of AWS, which is
	// outside the link-local range.
	awsMetadata = netip.MustParsePrefix("fd00:ec2::/32")
)
