// Package manifesttest compares manifests with golden files.
package manifesttest

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

var update = flag.Bool("update", false, "update the golden files")

// Golden compares a manifest with the golden file of a name, in the directory
// testdata of the package under test. go test PACKAGE -update writes the files.
func Golden(t testing.TB, name string, apply *agentv1.Apply) {
	t.Helper()
	var readable bytes.Buffer
	if err := json.Indent(&readable, []byte(apply.GetManifest()), "", "  "); err != nil {
		t.Fatal(err)
	}
	readable.WriteByte('\n')
	golden := filepath.Join("testdata", name+".golden.json")
	if *update {
		if err := os.WriteFile(golden, readable.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if difference := cmp.Diff(string(want), readable.String()); difference != "" {
		t.Errorf("want -, got +:\n%s", difference)
	}
}
