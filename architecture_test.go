package weir_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/openweir/weir/"

// layers are the folders of the module and what their packages may import of
// the others. Only cmd knows more than one of gateway, control, agent and
// sandbox.
var layers = map[string][]string{
	"gen":      {},
	"openjson": {"gen"},
	"flink":    {"gen", "openjson"},
	"gateway":  {"gen", "openjson", "flink"},
	"control":  {"gen", "openjson", "flink"},
	"agent":    {"gen", "openjson", "flink"},
	"sandbox":  {"gen", "openjson", "flink"},
	"cmd":      {"gen", "openjson", "flink", "gateway", "control", "agent", "sandbox"},
}

// testLayers are what tests may import beyond that. Those of the agent run
// against the API server of the sandbox.
var testLayers = map[string][]string{"agent": {"sandbox"}}

// pure are packages of functions without effects.
var pure = []string{"openjson", "control/contract", "control/rules", "control/render", "control/query", "control/sql"}

// listed is what `go list` tells of a package.
type listed struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func (p listed) path() string { return strings.TrimPrefix(p.ImportPath, module) }

func packages(t *testing.T) []listed {
	t.Helper()
	command := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	out, err := command.Output()
	if err != nil {
		t.Fatalf("list the packages: %v", err)
	}
	var all []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		switch err := decoder.Decode(&p); {
		case errors.Is(err, io.EOF):
			return all
		case err != nil:
			t.Fatalf("read the list of packages: %v", err)
		}
		all = append(all, p)
	}
}

// in tells whether an import path is the folder of this module or beneath it.
func in(path, folder string) bool {
	path, ours := strings.CutPrefix(path, module)
	return ours && beneath(path, folder)
}

func beneath(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, folder+"/")
}

// TestImportsPointOneWay: cmd → gateway, control, agent, sandbox → flink →
// openjson → gen. As every package is checked, so is every chain of imports.
func TestImportsPointOneWay(t *testing.T) {
	for _, p := range packages(t) {
		layer, _, _ := strings.Cut(p.path(), "/")
		allowed, known := layers[layer]
		if !known {
			continue // examples and what only tests use
		}
		check := func(imports, allowed []string) {
			for _, path := range imports {
				if strings.HasPrefix(path, module) && !in(path, layer) &&
					!slices.ContainsFunc(allowed, func(folder string) bool { return in(path, folder) }) {
					t.Errorf("%s imports %s; %s may import only %v", p.path(), path, layer, allowed)
				}
			}
		}
		check(p.Imports, allowed)
		check(slices.Concat(p.TestImports, p.XTestImports), slices.Concat(allowed, testLayers[layer], []string{"internal"}))
	}
}

// TestImportsOfPurePackages: no store, no network, no files, no clients.
func TestImportsOfPurePackages(t *testing.T) {
	forbidden := []string{
		"go.etcd.io", "net", "os", "database/sql", "log", "log/slog", "k8s.io/client-go",
		"google.golang.org/grpc", "github.com/grpc-ecosystem",
	}
	harmless := []string{"net/netip", "net/url", "google.golang.org/grpc/codes", "google.golang.org/grpc/status"}
	meets := append([]string{"gen", "control/apierror"}, pure...)
	for _, p := range packages(t) {
		if !slices.ContainsFunc(pure, func(folder string) bool { return in(p.ImportPath, folder) }) {
			continue
		}
		for _, path := range p.Imports {
			switch {
			case slices.Contains(harmless, path):
			case strings.HasPrefix(path, module):
				if !slices.ContainsFunc(meets, func(folder string) bool { return in(path, folder) }) {
					t.Errorf("%s imports %s; a pure package knows only %v", p.path(), path, meets)
				}
			case slices.ContainsFunc(forbidden, func(folder string) bool { return beneath(path, folder) }):
				t.Errorf("%s imports %s; a pure package has no effects", p.path(), path)
			}
		}
	}
}
