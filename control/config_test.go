package control_test

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/openweir/weir/control"
	applications "github.com/openweir/weir/control/resource/application"
)

func TestAllConfigurationErrorsAreReported(t *testing.T) {
	_, err := control.New(control.Config{
		Heartbeat: time.Millisecond,
		Limits:    applications.Limits{Events: 1},
		TLS:       &control.TLSFiles{Cert: "/nowhere/server.crt", Key: "/nowhere/server.key"},
	})
	if err == nil {
		t.Fatal("was accepted")
	}
	equal(t, "error", strings.Split(`configuration of the control plane: etcd: a client is required
replica: a name is required
authenticate: is required
log: is required
heartbeat: must be at least 1s, got 1ms
limits: at least one event and one instance of each application must be kept
tls: load certificate: open /nowhere/server.crt: no such file or directory`, "\n"), strings.Split(err.Error(), "\n"))
}

func TestClientCAWithoutACertificateIsRejected(t *testing.T) {
	own := newAuthority(t).issue(t, func(*x509.Certificate) {})
	files := &control.TLSFiles{
		Cert: writeFile(t, "server.crt", own.certificate), Key: writeFile(t, "server.key", own.key),
		ClientCAs: []string{writeFile(t, "agents.crt", []byte("no PEM"))},
	}
	_, err := control.New(control.Config{TLS: files})
	if want := "tls: " + files.ClientCAs[0] + " holds no PEM certificate"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q among the errors", err, want)
	}
}
