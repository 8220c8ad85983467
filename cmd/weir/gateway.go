package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/openweir/weir/gateway"
	"github.com/openweir/weir/gateway/upstream"
)

type gatewayFlags struct {
	http       string
	control    []string
	ca         string
	serverName string
	cert, key  string
	insecure   bool
	maxBody    int64
	rest       httpFlags
	clientCA   string

	connections connectionFlags
}

func gatewayCommand(log func() *slog.Logger) *cobra.Command {
	var flags gatewayFlags
	cmd := &cobra.Command{
		Use:   "gateway",
		Short: "Run a REST gateway",
		Long:  "Runs a REST gateway in front of the control plane. Gateways are stateless; any number of them can run.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runGateway(cmd.Context(), flags, log())
		},
	}
	f := cmd.Flags()
	f.StringVar(&flags.http, "http", "127.0.0.1:8080", "address to serve REST, /healthz, /readyz and /metrics on")
	f.StringSliceVar(&flags.control, "control", []string{"127.0.0.1:9090"}, "addresses of the gRPC API of the control plane's replicas; dns:///name:port stands for every address of the name")
	f.StringVar(&flags.ca, "tls-ca", "", "PEM file with the CA certificates that verify the certificate of the control plane (default: the CAs of the system)")
	f.StringVar(&flags.serverName, "tls-server-name", "", "server name to verify in the certificate of the control plane (default: the host of --control)")
	f.StringVar(&flags.cert, "tls-cert", "", "client certificate for the control plane, with the URI SAN weir://gateway/<name>; required to pass on the certificates of users")
	f.StringVar(&flags.key, "tls-key", "", "private key of the client certificate for the control plane")
	flags.rest.add(cmd)
	flags.connections.add(cmd)
	f.StringVar(&flags.clientCA, "http-client-ca", "", "PEM file with the CA certificates that verify the client certificates of users")
	cmd.MarkFlagsRequiredTogether("tls-cert", "tls-key")
	f.BoolVar(&flags.insecure, "insecure", false, "connect to the control plane without TLS; for a single machine or a protected network")
	f.Int64Var(&flags.maxBody, "max-body-bytes", gateway.DefaultMaxBodyBytes, "maximum size of a request body, in bytes")
	cmd.MarkFlagsMutuallyExclusive("insecure", "tls-ca")
	cmd.MarkFlagsMutuallyExclusive("insecure", "tls-server-name")
	cmd.MarkFlagsMutuallyExclusive("insecure", "tls-cert")
	return cmd
}

func runGateway(ctx context.Context, flags gatewayFlags, log *slog.Logger) error {
	transport, err := flags.credentials()
	if err != nil {
		return err
	}
	var clientCAs []string
	if flags.clientCA != "" {
		if flags.rest.cert == "" || flags.cert == "" {
			return errors.New("--http-client-ca needs --http-tls-cert, as certificates come with TLS, and --tls-cert, without which the control plane does not believe the gateway")
		}
		clientCAs = []string{flags.clientCA}
	}
	secure, err := flags.rest.secure(clientCAs)
	if err != nil {
		return err
	}
	login, err := flags.rest.metadataService(log)
	if err != nil {
		return err
	}
	warnOfPlainTokens("--http", flags.http, flags.rest.cert, log)
	listener, err := listen("--http", flags.http)
	if err != nil {
		return err
	}
	defer listener.Close()
	telemetry, err := startTelemetry(ctx, "weir-gateway")
	if err != nil {
		return err
	}
	defer telemetry.stop(ctx, log)
	limited, err := flags.connections.gate("http")
	if err != nil {
		return err
	}
	conn, err := upstream.Dial(flags.control, transport)
	if err != nil {
		return fmt.Errorf("--control: %w", err)
	}
	defer conn.Close()
	handler, err := gateway.New(gateway.Config{
		Conn: conn, MetadataService: login, PassCertificates: len(clientCAs) > 0, Log: log, MaxBodyBytes: flags.maxBody, Metrics: telemetry.metrics, TracerProvider: telemetry.traces,
		Ready: func(ctx context.Context) error { return controlReady(ctx, conn) },
	})
	if err != nil {
		return err
	}
	log.Info("gateway started", "http", listener.Addr().String(), "control", strings.Join(flags.control, ","))
	return gateway.Serve(ctx, secure(limited(listener)), handler, flags.rest.allowedHosts, log)
}

// readyTimeout bounds the question whether a replica serves.
const readyTimeout = 2 * time.Second

// controlReady returns why no replica of the control plane serves; nil if one does.
func controlReady(ctx context.Context, conn *grpc.ClientConn) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	answer, err := healthv1.NewHealthClient(conn).Check(ctx, &healthv1.HealthCheckRequest{})
	if err != nil {
		return fmt.Errorf("control plane: %w", err)
	}
	if answer.GetStatus() != healthv1.HealthCheckResponse_SERVING {
		return fmt.Errorf("control plane: %s", answer.GetStatus())
	}
	return nil
}

func (f gatewayFlags) credentials() (credentials.TransportCredentials, error) {
	if f.insecure {
		return insecure.NewCredentials(), nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: f.serverName}
	if f.ca != "" {
		var err error
		if config.RootCAs, err = readCAs("--tls-ca", f.ca); err != nil {
			return nil, err
		}
	}
	if f.cert != "" {
		read := func() (*tls.Certificate, error) {
			certificate, err := tls.LoadX509KeyPair(f.cert, f.key)
			return &certificate, err
		}
		if _, err := read(); err != nil {
			return nil, fmt.Errorf("--tls-cert: %w", err)
		}
		// At each handshake, so that the certificate can be renewed in place.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return read() }
	}
	return credentials.NewTLS(config), nil
}
