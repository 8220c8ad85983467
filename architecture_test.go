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

// parts are what the program is put together from, in cmd only.
var parts = []string{"gateway", "control", "agent"}

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

// direct are the imports of the package and of its tests.
func (p listed) direct() []string {
	return slices.Concat(p.Imports, p.TestImports, p.XTestImports)
}

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

// TestImportsPointOneWay: cmd → gateway, control, agent → openjson → gen. The
// parts meet in the leaves only. As every package is checked, so is every chain
// of imports.
func TestImportsPointOneWay(t *testing.T) {
	forbidden := map[string][]string{
		"gen":      {"openjson", "gateway", "control", "agent", "cmd"},
		"openjson": {"gateway", "control", "agent", "cmd"},
		"gateway":  {"control", "agent", "cmd"},
		"agent":    {"control", "gateway", "cmd"},
		"control":  {"gateway", "agent", "cmd"},
	}
	for _, p := range packages(t) {
		for from, targets := range forbidden {
			if !in(p.ImportPath, from) {
				continue
			}
			for _, path := range p.direct() {
				if slices.ContainsFunc(targets, func(target string) bool { return in(path, target) }) {
					t.Errorf("%s imports %s; %s must not import any of %v", p.path(), path, from, targets)
				}
			}
		}
	}
}

// TestImportsOfAllPartsInCommandOnly: nothing else knows more than one part.
func TestImportsOfAllPartsInCommandOnly(t *testing.T) {
	for _, p := range packages(t) {
		if in(p.ImportPath, "cmd") {
			continue
		}
		known := map[string]bool{}
		for _, path := range p.Imports {
			for _, part := range parts {
				if in(path, part) {
					known[part] = true
				}
			}
		}
		if len(known) > 1 {
			t.Errorf("%s imports %d of %v; only cmd puts them together", p.path(), len(known), parts)
		}
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
