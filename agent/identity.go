package agent

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// Identity authenticates the agent: by a token, or by a client certificate whose
// URI SAN is weir://cluster/<name>. Files are read again for every connection, so
// they may be renewed while the agent runs.
type Identity struct {
	// Token is sent as "authorization: Bearer <token>".
	Token string
	// TokenFile is the file that contains the token instead.
	TokenFile string
	// CertFile and KeyFile hold the client certificate and its key, as PEM.
	CertFile, KeyFile string
	// CAFile holds the certificate authorities, as PEM, that the control plane's
	// certificate is verified with; those of the system if empty.
	CAFile string
	// ServerName is the name that the control plane's certificate must have; the
	// dialed host if empty.
	ServerName string
	// Insecure disables TLS. A token is then sent in the clear, so use it on one
	// machine only.
	Insecure bool
}

func (i Identity) problems() []error {
	var problems []error
	wrong := func(message string) { problems = append(problems, errors.New(message)) }

	hasToken, hasCert := i.Token != "" || i.TokenFile != "", i.CertFile != "" || i.KeyFile != ""
	if i.Token != "" && i.TokenFile != "" {
		wrong("identity: a token and a token file are mutually exclusive")
	}
	if (i.CertFile == "") != (i.KeyFile == "") {
		wrong("identity: a client certificate requires its key, and the key its certificate")
	}
	if !hasToken && !hasCert {
		wrong("identity: a token or a client certificate is required")
	}
	if i.Insecure && (hasCert || i.CAFile != "" || i.ServerName != "") {
		wrong("identity: certificates and a server name cannot be used with an insecure connection")
	}
	if err := usableInHeader(i.Token); err != nil {
		wrong("identity: " + err.Error())
	}
	return problems
}

// usableInHeader checks that the token can be sent in a header.
func usableInHeader(token string) error {
	for _, r := range token {
		if r <= ' ' || r > '~' {
			return errors.New("the token contains characters other than printable ASCII")
		}
	}
	return nil
}

// dialOptions returns the credentials for one connection.
func (i Identity) dialOptions() ([]grpc.DialOption, error) {
	transport := insecure.NewCredentials()
	if !i.Insecure {
		config, err := i.tls()
		if err != nil {
			return nil, err
		}
		transport = credentials.NewTLS(config)
	}
	options := []grpc.DialOption{grpc.WithTransportCredentials(transport)}

	token, err := i.token()
	if err != nil {
		return nil, err
	}
	if token != "" {
		options = append(options, grpc.WithPerRPCCredentials(bearer{token: token, insecure: i.Insecure}))
	}
	return options, nil
}

func (i Identity) tls() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS13, ServerName: i.ServerName}
	if i.CAFile != "" {
		pem, err := os.ReadFile(i.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read the CA certificates: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read the CA certificates: %s contains none", i.CAFile)
		}
	}
	if i.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(i.CertFile, i.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("read the client certificate: %w", err)
		}
		config.Certificates = []tls.Certificate{cert}
	}
	return config, nil
}

func (i Identity) token() (string, error) {
	if i.TokenFile == "" {
		return i.Token, nil
	}
	content, err := os.ReadFile(i.TokenFile)
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	token := strings.TrimSpace(string(content))
	if token == "" {
		return "", fmt.Errorf("read the token: %s is empty", i.TokenFile)
	}
	if err := usableInHeader(token); err != nil {
		return "", fmt.Errorf("read the token from %s: %w", i.TokenFile, err)
	}
	return token, nil
}

// bearer sends a token with every call.
type bearer struct {
	token    string
	insecure bool
}

// GetRequestMetadata implements credentials.PerRPCCredentials.
func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + b.token}, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials.
func (b bearer) RequireTransportSecurity() bool { return !b.insecure }
