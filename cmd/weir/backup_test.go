package main

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openweir/weir/internal/await"
)

// installation is a control plane with an embedded etcd.
type installation struct {
	*process
	rest, dir string
}

// startControl starts a control plane on a directory, with a keyset and tokens beside it.
func startControl(t *testing.T, dir, keyset string) *installation {
	t.Helper()
	tokens := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(tokens, []byte("token cluster\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	i := &installation{rest: "http://" + ownAddress(t) + "/cmf/api/v1", dir: dir}
	i.process = start(t, "control", "--grpc", ownAddress(t), "--http", strings.TrimSuffix(strings.TrimPrefix(i.rest, "http://"), "/cmf/api/v1"),
		"--admin", "", "--etcd-dir", dir, "--agents", ownAddress(t), "--insecure-agent-token-file", tokens, "--keyset", keyset)
	await.Until(t, "the control plane serves", func() bool {
		response, err := http.Get(i.rest + "/secrets")
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	return i
}

func (i *installation) createSecret(t *testing.T, name, value string) {
	t.Helper()
	body := `{"metadata":{"name":"` + name + `"},"spec":{"data":{"password":"` + value + `"}}}`
	response, err := http.Post(i.rest+"/secrets", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if text, _ := io.ReadAll(response.Body); response.StatusCode != http.StatusOK && response.StatusCode != http.StatusCreated {
		t.Fatalf("create secret: %s: %s", response.Status, text)
	}
}

// secrets is the list of secrets as text.
func (i *installation) secrets(t *testing.T) string {
	t.Helper()
	response, err := http.Get(i.rest + "/secrets")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func weir(args ...string) (string, error) {
	out, err := command(args...).CombinedOutput()
	return string(out), err
}

func TestABackupOfARunningControlPlaneIsRestored(t *testing.T) {
	keyset := filepath.Join(t.TempDir(), "keyset")
	if out, err := weir("keyset", "new", keyset); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	first := startControl(t, filepath.Join(t.TempDir(), "data"), keyset)
	first.createSecret(t, "before", "confidential-text")

	file := filepath.Join(t.TempDir(), "backup")
	out, err := weir("backup", "--etcd-dir", first.dir, "--out", file)
	if err != nil || !strings.Contains(out, "SHA-256 of the content") {
		t.Fatalf("backup: %v: %s", err, out)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(content, []byte("confidential-text")) {
		t.Error("the backup has a secret that is not encrypted")
	}
	if stat, err := os.Stat(file); err != nil || stat.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, %v", stat.Mode(), err)
	}
	first.createSecret(t, "after", "text")
	if out, err := weir("backup", "--etcd-dir", first.dir, "--out", file); err == nil || !strings.Contains(out, "the file exists already") {
		t.Errorf("a second backup to the same file: %v: %s", err, out)
	}
	if out, err := weir("restore", file, "--data-dir", first.dir); err == nil || !strings.Contains(out, "the directory is not empty") {
		t.Errorf("restore to the directory in use: %v: %s", err, out)
	}
	if err := first.signalled(t, os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if out, err := weir("backup", "--etcd-dir", first.dir, "--out", file+"-2"); err == nil || !strings.Contains(out, "no control plane runs with this directory") {
		t.Errorf("backup without a control plane: %v: %s", err, out)
	}

	damaged := bytes.Clone(content)
	damaged[len(damaged)/2] ^= 1
	if err := os.WriteFile(file+"-damaged", damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "restored")
	if out, err := weir("restore", file+"-damaged", "--data-dir", dir); err == nil || !strings.Contains(out, "the file is damaged") {
		t.Errorf("restore of a damaged file: %v: %s", err, out)
	}
	if out, err := weir("restore", file, "--data-dir", dir); err != nil || !strings.Contains(out, "Start the control plane with --etcd-dir "+dir) {
		t.Fatalf("restore: %v: %s", err, out)
	}
	secrets := startControl(t, dir, keyset).secrets(t)
	if !strings.Contains(secrets, `"before"`) || strings.Contains(secrets, `"after"`) {
		t.Errorf("restored: %s", secrets)
	}
}
