package kafka

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
)

// Names of SSL properties.
const (
	sslTrusted        = "ssl.truststore.certificates"
	sslTrustFile      = "ssl.truststore.location"
	sslChain          = "ssl.keystore.certificate.chain"
	sslKey            = "ssl.keystore.key"
	sslKeyFile        = "ssl.keystore.location"
	sslIdentification = "ssl.endpoint.identification.algorithm"
)

// tlsConfig reads the ssl properties that have the prefix, such as
// "schema.registry.". Certificates must be given as PEM in the properties: files
// would be those of Flink's machines, and users must not read files of this one.
func tlsConfig(properties map[string]string, prefix string) (*tls.Config, error) {
	for file, instead := range map[string]string{sslTrustFile: sslTrusted, sslKeyFile: sslChain + " and " + sslKey} {
		if properties[prefix+file] != "" && properties[prefix+strings.Fields(instead)[0]] == "" {
			return nil, fmt.Errorf("%s refers to a file, which the control plane does not read: provide PEM in %s", prefix+file, instead)
		}
	}
	config := &tls.Config{MinVersion: minTLS}
	if trusted := properties[prefix+sslTrusted]; trusted != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM([]byte(trusted)) {
			return nil, fmt.Errorf("%s does not contain a PEM certificate", prefix+sslTrusted)
		}
	}
	if chain := properties[prefix+sslChain]; chain != "" {
		// The cause is left out, as it is about a private key.
		certificate, err := tls.X509KeyPair([]byte(chain), []byte(properties[prefix+sslKey]))
		if err != nil {
			return nil, fmt.Errorf("%s and %s must be a PEM certificate and its unencrypted private key", prefix+sslChain, prefix+sslKey)
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	if algorithm, given := properties[prefix+sslIdentification]; given && algorithm == "" {
		config.InsecureSkipVerify = true
		config.VerifyConnection = verifyChain(config.RootCAs)
	}
	return config, nil
}

// verifyChain verifies a server's certificate chain but not its host name.
func verifyChain(roots *x509.CertPool) func(tls.ConnectionState) error {
	return func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 {
			return errors.New("the server presented no certificate")
		}
		options := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
		for _, certificate := range state.PeerCertificates[1:] {
			options.Intermediates.AddCert(certificate)
		}
		_, err := state.PeerCertificates[0].Verify(options)
		return err
	}
}
