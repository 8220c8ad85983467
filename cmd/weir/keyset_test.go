package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestKeysetIsRotated: with the commands that docs/decisions/secrets.md names.
func TestKeysetIsRotated(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keyset.json")
	run := func(wantFailure string, args ...string) []string {
		t.Helper()
		out, err := command(append([]string{"keyset"}, args...)...).CombinedOutput()
		if (err != nil) != (wantFailure != "") || !strings.Contains(string(out), wantFailure) {
			t.Fatalf("weir keyset %s: %v: %s", strings.Join(args, " "), err, out)
		}
		return strings.Fields(string(out)) // id, role, id, role …
	}
	run("", "new", file)
	run("file exists", "new", file)
	first := run("", "list", file)
	added := run("", "add", file)
	if len(first) != 2 || len(added) != 4 || added[0] != first[0] || added[1] != "primary" || added[3] != "decrypts" {
		t.Fatalf("keys before %v, after adding one %v", first, added)
	}
	run("must be an id", "promote", file, "x")
	run("keyset "+file+": change keyset", "promote", file, "7")
	run("change keyset", "drop", file, added[0])
	broken := write(t, []byte("{"))
	for _, args := range [][]string{{"list", broken}, {"add", broken}, {"promote", broken, "7"}} {
		run("keyset "+broken+": parse keyset: ", args...)
	}
	promoted := run("", "promote", file, added[2])
	if promoted[1] != "decrypts" || promoted[3] != "primary" {
		t.Errorf("keys after the promotion: %v", promoted)
	}
	if dropped := run("", "drop", file, added[0]); len(dropped) != 2 || dropped[0] != added[2] || dropped[1] != "primary" {
		t.Errorf("keys after the old one was dropped: %v", dropped)
	}
}
