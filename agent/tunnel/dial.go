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

// dialTimeout bounds how long a connection to Flink may take to come about.
const dialTimeout = 5 * time.Second

// newTransport makes what carries requests to Flink, and nothing but that: it
// asks no proxy, upgrades nothing, and leaves encodings to the client.
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                  nil,
		DialContext:            dial,
		DisableCompression:     true,
		MaxResponseHeaderBytes: 64 << 10,
		MaxConnsPerHost:        maxFetches,
		MaxIdleConnsPerHost:    8,
		IdleConnTimeout:        30 * time.Second,
		Protocols:              onlyHTTP1(),
	}
}

func onlyHTTP1() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	return p
}

// dial connects to a server that a Resolver gave. The one of this machine is
// given by its address. What a name resolves to is in the hands of whoever runs
// the workload cluster's DNS or may write its services, and must not be this
// machine or its link, where metadata servers are.
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

// checkResolved refuses addresses that no Flink cluster has.
func checkResolved(address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("read the address %s: %w", address, err)
	}
	ip := at.Addr().Unmap()
	if ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() || ip == broadcast || awsMetadata.Contains(ip) {
		return fmt.Errorf("the name resolves to %s, which is no address of a Flink cluster", ip)
	}
	return nil
}

var (
	broadcast = netip.MustParseAddr("255.255.255.255")
	// awsMetadata is where Amazon has its metadata server on IPv6, outside of
	// the link-local range.
	awsMetadata = netip.MustParsePrefix("fd00:ec2::/32")
)
