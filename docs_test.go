package weir_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDocumentationLinksResolve checks the links within the repository, except for
// what looks like one in code.
func TestDocumentationLinksResolve(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#]+)(#[^)]*)?\)`)
	code := regexp.MustCompile("(?ms)^```.*?^```$")
	sourceFiles(t, func(path string, text []byte) {
		if filepath.Ext(path) != ".md" {
			return
		}
		for _, match := range link.FindAllSubmatch(code.ReplaceAll(text, nil), -1) {
			target := string(match[1])
			if strings.Contains(target, "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), target)); err != nil {
				t.Errorf("%s links to %s: %v", path, target, err)
			}
		}
	})
}

// TestDecisionsAreListed: a page that the index leaves out is never found.
func TestDecisionsAreListed(t *testing.T) {
	index, err := os.ReadFile("docs/decisions/README.md")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob("docs/decisions/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("list the decisions: %v, %v", pages, err)
	}
	for _, page := range pages {
		name := filepath.Base(page)
		if name != "README.md" && !bytes.Contains(index, []byte("("+name+")")) {
			t.Errorf("docs/decisions/README.md does not list %s", name)
		}
	}
}
