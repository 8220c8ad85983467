package main

import (
	"crypto/x509"
	"fmt"
	"os"
)

// readCAs reads the CA certificates of the PEM file that a flag names.
func readCAs(flag, path string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: %s does not contain a PEM certificate", flag, path)
	}
	return pool, nil
}
