package kafka

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
)

// Names of properties behind "ssl.".
const (
	sslTrusted        = "ssl.truststore.certificates"
	sslTrustFile      = "ssl.truststore.location"
	sslChain          = "ssl.keystore.certificate.chain"
	sslKey            = "ssl.keystore.key"
	sslKeyFile        = "ssl.keystore.location"
	sslIdentification = "ssl.endpoint.identification.algorithm"
)

// tlsConfig reads the ssl properties that have the prefix, such as
// "schema.registry.". Certificates have to be given as PEM within the
// properties: files that they name are those of Flink's machines, and a user
// has no business with files of this one.
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
		// The error would quote nothing of the key, but need not be told either.
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

// verifyChain checks all of a server's certificate but the name in it.
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
