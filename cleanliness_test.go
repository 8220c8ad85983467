package weir_test

import (
	"bytes"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// sourceFiles calls back with every file of the source tree.
func sourceFiles(t *testing.T, visit func(path string, text []byte)) {
	t.Helper()
	skipped := []string{".git", ".build", "bin"}
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains(skipped, path):
			return filepath.SkipDir
		case !entry.Type().IsRegular() || path == ".git" || filepath.Base(path) == "go.sum":
			return nil
		}
		text, err := os.ReadFile(path)
		if err == nil && !bytes.ContainsRune(text, 0) {
			visit(path, text)
		}
		return err
	})
	if err != nil {
		t.Fatalf("read the source tree: %v", err)
	}
}

// proxyHosts are the hosts that this machine gets modules from.
func proxyHosts(t *testing.T) []string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOPROXY").Output()
	if err != nil {
		t.Fatalf("ask for GOPROXY: %v", err)
	}
	var hosts []string
	for entry := range strings.FieldsFuncSeq(strings.TrimSpace(string(out)), func(r rune) bool { return r == ',' || r == '|' }) {
		if u, err := url.Parse(entry); err == nil && u.Hostname() != "" {
			hosts = append(hosts, u.Hostname())
		}
	}
	return hosts
}

// TestSourceContainsNoMachineSpecificNames: the tree is the same wherever it was written. The
// needles are put together here so that this file holds none of them.
func TestSourceContainsNoMachineSpecificNames(t *testing.T) {
	needles := append(proxyHosts(t),
		"/"+"work/", "/"+"root/", "../"+"shared",
		"proxy."+"golang.org", "sum."+"golang.org", "registry."+"npmjs.org", "pypi"+".org",
	)
	sourceFiles(t, func(path string, text []byte) {
		for _, needle := range needles {
			if bytes.Contains(text, []byte(needle)) {
				t.Errorf("%s mentions %q", path, needle)
			}
		}
	})
}

// TestSourceContainsNoOpenTasks: what is left to do is not written into the source.
func TestSourceContainsNoOpenTasks(t *testing.T) {
	marks := regexp.MustCompile(`\b(` + "TO" + "DO|FIX" + "ME|X" + `XX)\b`)
	sourceFiles(t, func(path string, text []byte) {
		if mark := marks.Find(text); mark != nil {
			t.Errorf("%s says %s", path, mark)
		}
	})
}
