package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"

	"github.com/spf13/cobra"

	"github.com/openweir/weir/control"
	"github.com/openweir/weir/gateway/metadataservice"
)

// httpFlags are those of commands that serve REST.
type httpFlags struct {
	cert, key     string
	allowedHosts  []string
	mdsURL, mdsCA string
}

func (f *httpFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.cert, "http-tls-cert", "", "certificate to serve REST with; if not set, REST is served without TLS")
	flags.StringVar(&f.key, "http-tls-key", "", "private key of the certificate")
	cmd.MarkFlagsRequiredTogether("http-tls-cert", "http-tls-key")
	addAllowedHosts(cmd, &f.allowedHosts)
	flags.StringVar(&f.mdsURL, "mds-url", "", "URL of the Metadata Service of Confluent Platform that users log in at, through REST (confluent login); see docs/security.md")
	flags.StringVar(&f.mdsCA, "mds-ca", "", "PEM file with the CA certificates that verify the certificate of the Metadata Service (default: the CAs of the system)")
}

// metadataService is where users log in; nil if they cannot.
func (f httpFlags) metadataService(log *slog.Logger) (*metadataservice.Client, error) {
	if f.mdsURL == "" {
		if f.mdsCA != "" {
			return nil, errors.New("--mds-ca needs --mds-url")
		}
		return nil, nil
	}
	client, err := metadataservice.New(f.mdsURL, f.mdsCA)
	if err == nil && client.Plain() {
		log.Warn("passwords of users are sent to the Metadata Service without TLS", "flag", "--mds-url", "url", f.mdsURL)
	}
	return client, err
}

func addAllowedHosts(cmd *cobra.Command, hosts *[]string) {
	cmd.Flags().StringSliceVar(hosts, "allowed-hosts", nil, "names that requests of REST may be addressed to, besides IP addresses and localhost "+
		"(default: any, but only loopback addresses and localhost if REST is served on a loopback address)")
}

// secure checks the files and returns what makes a listener serve TLS, if there are
// any. Clients may authenticate with certificates that the CAs in clientCAs have
// signed.
func (f httpFlags) secure(clientCAs []string) (func(net.Listener) net.Listener, error) {
	if f.cert == "" {
		return func(l net.Listener) net.Listener { return l }, nil
	}
	files := &control.TLSFiles{Cert: f.cert, Key: f.key, ClientCAs: clientCAs}
	if err := files.Check(); err != nil {
		return nil, fmt.Errorf("--http-tls-cert: %w", err)
	}
	config := files.ServerConfig("h2", "http/1.1")
	return func(l net.Listener) net.Listener { return tls.NewListener(l, config) }, nil
}

// warnOfPlainTokens warns of an address of callers with tokens, which others on the
// network can read: one that is not of this machine alone, and without a certificate.
func warnOfPlainTokens(flag, address, certificate string, log *slog.Logger) {
	if address != "" && certificate == "" && !isLoopback(address) {
		log.Warn("bearer tokens are accepted without TLS on an address that is not a loopback address: "+
			"others on the network can read and use them", "flag", flag, "address", address)
	}
}

// isLoopback is true for an address to listen on that only this machine reaches.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback() || host == "localhost"
}
