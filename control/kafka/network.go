package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
)

// Network says which servers may be connected to. Users choose the addresses, and
// brokers name further ones.
type Network struct {
	// KubernetesService is the address of the Kubernetes API server that pods have in
	// KUBERNETES_SERVICE_HOST; empty outside of a pod. Within a pod, names are looked
	// up without search domains, which would lead to services of the cluster.
	KubernetesService string

	addresses []netip.Prefix
	names     []string
}

// metadataServices are addresses of the metadata services of clouds that are not link-local.
var metadataServices = []netip.Prefix{
	netip.MustParsePrefix("fd00:ec2::/32"), netip.MustParsePrefix("100.100.100.200/32"),
	netip.MustParsePrefix("168.63.129.16/32"), netip.MustParsePrefix("192.0.0.192/32"),
}

// reserved are addresses that no server has.
var reserved = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("240.0.0.0/4")}

// embedding are networks whose addresses lead to an IPv4 address in their last four
// bytes.
var embedding = []netip.Prefix{netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("::/96")}

// Allow permits what is refused otherwise: an address, a network in CIDR notation, a
// host name, or all names that end with what follows a leading dot.
func (n *Network) Allow(entries ...string) error {
	for _, entry := range entries {
		if prefix, err := netip.ParsePrefix(entry); err == nil {
			n.addresses = append(n.addresses, prefix.Masked())
		} else if address, err := netip.ParseAddr(entry); err == nil {
			n.addresses = append(n.addresses, netip.PrefixFrom(address, address.BitLen()))
		} else if entry == "" || strings.ContainsAny(entry, ":/ ") {
			return fmt.Errorf("%q is not an address, a network or a host name", entry)
		} else {
			n.names = append(n.names, strings.ToLower(strings.TrimSuffix(entry, ".")))
		}
	}
	return nil
}

// errNotConnected hides whether a server is unreachable, refuses connections, or may
// not be connected to: the difference would map the network for users.
var errNotConnected = errors.New("the server cannot be reached, or --kafka-allow does not permit its address")

// dial connects to a server. It is for every connection that users cause.
func (n *Network) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, errNotConnected
	}
	named := n.allowsName(host)
	if _, err := netip.ParseAddr(host); err != nil && !named {
		if isClusterName(host) {
			return nil, errNotConnected
		}
		if n.KubernetesService != "" && !strings.HasSuffix(host, ".") {
			host += "."
		}
	}
	// Control sees the address that is connected to, so that a name which leads
	// elsewhere by then is no way around.
	dialer := net.Dialer{Timeout: dialTimeout, Control: func(_, address string, _ syscall.RawConn) error { return n.check(address) }}
	conn, err := dialer.DialContext(ctx, network, net.JoinHostPort(host, port))
	if err != nil {
		return nil, errNotConnected
	}
	return conn, nil
}

// dialTLS connects to a server with TLS.
func (n *Network) dialTLS(config *tls.Config) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := n.dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		config := config.Clone()
		if config.ServerName == "" {
			config.ServerName, _, _ = net.SplitHostPort(address)
		}
		secured := tls.Client(conn, config)
		if err := secured.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, errNoTLS
		}
		return secured, nil
	}
}

func (n *Network) allowsName(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return slices.ContainsFunc(n.names, func(allowed string) bool {
		return host == allowed || strings.HasPrefix(allowed, ".") && strings.HasSuffix(host, allowed)
	})
}

// isClusterName is true for names of services and pods of a Kubernetes cluster.
func isClusterName(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return strings.HasSuffix(host, ".svc") || strings.Contains(host, ".svc.") || strings.HasSuffix(host, ".cluster.local") || strings.Contains(host, ".pod.")
}

// check refuses an address with a port that must not be connected to.
func (n *Network) check(address string) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return errNotConnected
	}
	ip := to.Addr().WithZone("").Unmap()
	within := func(prefixes []netip.Prefix) bool {
		return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(ip) })
	}
	if within(n.addresses) {
		return nil
	}
	if ip.Is6() && !ip.IsLoopback() && !ip.IsUnspecified() && within(embedding) {
		bytes := ip.As16()
		ip = netip.AddrFrom4([4]byte(bytes[12:]))
	}
	service, err := netip.ParseAddr(n.KubernetesService)
	switch {
	case err == nil && ip == service.Unmap(),
		ip.IsLoopback(), ip.IsUnspecified(), ip.IsLinkLocalUnicast(), ip.IsMulticast(), within(metadataServices), within(reserved):
		return errNotConnected
	default:
		return nil
	}
}
