package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openweir/weir/internal/logbuffer"
)

// TestFilesAreCheckedBeforeEtcdStarts: the error names the flag of the file, and nothing
// has been written.
func TestFilesAreCheckedBeforeEtcdStarts(t *testing.T) {
	certificate, key := selfSigned(t, t.TempDir())
	broken := write(t, []byte("roleBindings: {"))
	absent := filepath.Join(t.TempDir(), "absent")
	auth := func(text string) string { return write(t, []byte(text)) }
	tls := []string{"--tls-cert", certificate, "--tls-key", key}
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"no certificate":     {[]string{"--tls-cert", absent, "--tls-key", key}, "--tls-cert: tls: load certificate: open " + absent},
		"no key":             {[]string{"--tls-cert", certificate, "--tls-key", absent}, "--tls-cert: tls: load certificate: open " + absent},
		"a broken one":       {[]string{"--tls-cert", broken, "--tls-key", key}, "--tls-cert: tls: load certificate: "},
		"no CA of agents":    {append([]string{"--agent-ca", absent}, tls...), "--agent-ca: open " + absent},
		"a broken CA":        {append([]string{"--agent-ca", broken}, tls...), "--agent-ca: " + broken + " does not contain a PEM certificate"},
		"no REST key":        {append([]string{"--http-tls-cert", certificate, "--http-tls-key", absent}, tls...), "--http-tls-cert: tls: load certificate: open " + absent},
		"no bindings":        {append([]string{"--role-bindings", absent}, tls...), "--role-bindings: read role bindings: open " + absent},
		"broken bindings":    {append([]string{"--role-bindings", broken}, tls...), "--role-bindings: " + broken + ": is not YAML: "},
		"no keyset":          {append([]string{"--keyset", absent}, tls...), "--keyset " + absent + ": "},
		"broken keyset":      {append([]string{"--keyset", broken}, tls...), "--keyset " + broken + ": "},
		"no static tokens":   {append([]string{"--insecure-agent-token-file", absent}, tls...), "--insecure-agent-token-file: "},
		"no configuration":   {append([]string{"--auth", absent}, tls...), "--auth: read the configuration of authentication: open " + absent},
		"no CA in it":        {append([]string{"--auth", auth("certificates: {caFile: " + absent + "}")}, tls...), "certificates: caFile: open " + absent},
		"no public key file": {append([]string{"--auth", auth("publicKeys: [{issuer: Confluent, keyFile: " + absent + "}]")}, tls...), "publicKeys[0]: keyFile: open " + absent},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "etcd")
			args := append([]string{"control", "--etcd-dir", dir}, test.args...)
			if !strings.Contains(strings.Join(args, " "), "--auth") {
				args = append(args, "--auth", "none")
			}
			out, err := command(args...).CombinedOutput()
			if err == nil || !strings.Contains(string(out), test.want) {
				t.Errorf("got %v, %q, want an error with %q", err, out, test.want)
			}
			if _, err := os.Stat(dir); !os.IsNotExist(err) {
				t.Errorf("etcd has been started: %v", err)
			}
		})
	}
}

func TestPlainTokensAreWarnedOf(t *testing.T) {
	for address, want := range map[string]bool{
		"": false, "127.0.0.1:8080": false, "127.1.2.3:0": false, "[::1]:8080": false, "localhost:8080": false,
		":8080": true, "0.0.0.0:8080": true, "[::]:8080": true, "10.0.0.1:8080": true, "weir.example.com:8080": true,
	} {
		for certificate, warned := range map[string]bool{"": want, "tls.crt": false} {
			var out logbuffer.Buffer
			warnOfPlainTokens("--http", address, certificate, slog.New(slog.NewTextHandler(&out, nil)))
			if got := strings.Contains(out.String(), "level=WARN"); got != warned || warned && !strings.Contains(out.String(), "flag=--http") {
				t.Errorf("%q with the certificate %q: %q", address, certificate, out.String())
			}
		}
	}
}
