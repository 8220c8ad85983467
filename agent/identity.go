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
	// JoinTokenFile is the file that contains the token that the agent exchanges for a
	// client certificate.
	JoinTokenFile string
	// Directory keeps that certificate; a Secret on the workload cluster if empty.
	Directory string
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
	joins := i.JoinTokenFile != ""
	if !hasToken && !hasCert && !joins {
		wrong("identity: a join token, a token or a client certificate is required")
	}
	if joins && (hasToken || hasCert) {
		wrong("identity: a join token cannot be combined with a token or a client certificate")
	}
	if i.Directory != "" && !joins {
		wrong("identity: a directory is for the certificate that the agent joins for, and requires a join token")
	}
	if i.Insecure && (hasCert || joins || i.CAFile != "" || i.ServerName != "") {
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

// dialOptions returns the credentials for one connection. joined is the certificate
// that the agent has joined for; nil if it has not.
func (i Identity) dialOptions(joined *tls.Certificate) ([]grpc.DialOption, error) {
	transport := insecure.NewCredentials()
	if !i.Insecure {
		config, err := i.tls()
		if err != nil {
			return nil, err
		}
		if joined != nil {
			config.Certificates = []tls.Certificate{*joined}
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
	return readToken(i.TokenFile)
}

// joinToken returns the join token; empty if its file has been removed, which it may
// be once the agent has joined.
func (i Identity) joinToken() (string, error) {
	token, err := readToken(i.JoinTokenFile)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	return token, err
}

func readToken(file string) (string, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	token := strings.TrimSpace(string(content))
	if token == "" {
		return "", fmt.Errorf("read the token: %s is empty", file)
	}
	if err := usableInHeader(token); err != nil {
		return "", fmt.Errorf("read the token from %s: %w", file, err)
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
