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

// harnesses are packages of helpers for tests, which may import what tests may.
var harnesses = []string{"control/access/accesstest", "control/store/storetest", "control/manifest/manifesttest"}

// pure are packages of functions without effects, with those beneath them except
// impure ones: a REST client and a harness for tests.
var (
	pure = []string{
		"openjson", "flink", "control/contract", "control/validate", "control/flinkspec", "control/manifest", "control/query", "control/sql",
	}
	impure = []string{"flink/rest", "control/manifest/manifesttest"}
)

const resources = "control/resource"

// kinds are the packages of the kinds of resources, under control/resource. Each
// may import those of the lines above its own. A kind that is not listed, such as
// a new one, may import every kind that is, and none of these may import it.
var kinds = [][]string{
	{"agentidentity"},
	{"agenttoken"},
	{"cluster"},
	{"environment"},
	{"policy", "serviceaccount"},
	{"secret"},
	{"catalog"},
	{"savepoint"},
	{"computepool"},
	{"statement", "application"},
	{"savepoint/savepointrpc", "flinkwebui", "information", "deletion", "orphan", "rolebinding", "auditlog"},
}

// knowKinds are the packages of control outside control/resource that may import
// packages of kinds. Package control puts all of them together.
var knowKinds = map[string][]string{
	"control/fleet":  {"agentidentity", "agenttoken", "cluster", "environment"},
	"control/leader": {},
}

// listed is the part of the output of `go list` that the tests need.
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

// in is true if an import path is the folder of this module or beneath it.
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
		allowedInTests := slices.Concat(allowed, testLayers[layer], []string{"internal"})
		if slices.Contains(harnesses, p.path()) {
			allowed = allowedInTests
		}
		check(p.Imports, allowed)
		check(slices.Concat(p.TestImports, p.XTestImports), allowedInTests)
	}
}

// TestImportsOfPurePackages: no store, no network, no files, no clients.
func TestImportsOfPurePackages(t *testing.T) {
	forbidden := []string{
		"go.etcd.io", "net", "os", "database/sql", "log", "log/slog", "k8s.io/client-go",
		"google.golang.org/grpc", "github.com/grpc-ecosystem",
	}
	harmless := []string{"net/netip", "net/url", "google.golang.org/grpc/codes", "google.golang.org/grpc/status"}
	others := []string{"gen", "control/apierror"}
	for _, p := range packages(t) {
		isPure := func(path string) bool {
			within := func(folder string) bool { return in(path, folder) }
			return slices.ContainsFunc(pure, within) && !slices.ContainsFunc(impure, within)
		}
		if !isPure(p.ImportPath) {
			continue
		}
		for _, path := range p.Imports {
			switch {
			case slices.Contains(harmless, path):
			case strings.HasPrefix(path, module):
				if !isPure(path) && !slices.ContainsFunc(others, func(folder string) bool { return in(path, folder) }) {
					t.Errorf("%s imports %s; a pure package may import only %v and pure packages", p.path(), path, others)
				}
			case slices.ContainsFunc(forbidden, func(folder string) bool { return beneath(path, folder) }):
				t.Errorf("%s imports %s; a pure package has no effects", p.path(), path)
			}
		}
	}
}

// kindOf is the package of a kind that an import path belongs to, and the line of
// kinds that lists it: len(kinds) if none does.
func kindOf(path string) (kind string, line int, ok bool) {
	path, ok = strings.CutPrefix(path, module+resources+"/")
	if !ok {
		return "", 0, false
	}
	kind, line = path, len(kinds)
	if first, _, _ := strings.Cut(path, "/"); !slices.ContainsFunc(kinds, func(listed []string) bool { return slices.Contains(listed, path) }) {
		kind = first
	}
	if i := slices.IndexFunc(kinds, func(listed []string) bool { return slices.Contains(listed, kind) }); i >= 0 {
		line = i
	}
	return kind, line, true
}

// TestImportsOfKinds: kinds import each other in one direction, and outside of
// control/resource only package control knows all of them.
func TestImportsOfKinds(t *testing.T) {
	all := packages(t)
	for _, kind := range slices.Concat(kinds...) {
		if !slices.ContainsFunc(all, func(p listed) bool { return p.path() == resources+"/"+kind }) {
			t.Errorf("there is no package %s/%s; the list of kinds names it", resources, kind)
		}
	}
	for _, p := range all {
		if p.path() == "control" {
			continue
		}
		from, fromLine, isKind := kindOf(p.ImportPath)
		for _, path := range p.Imports {
			to, toLine, importsKind := kindOf(path)
			switch {
			case isKind && importsKind:
				if to != from && toLine >= fromLine {
					t.Errorf("%s imports %s; a kind may import only those above it in %v", p.path(), path, kinds)
				}
			case importsKind && in(p.ImportPath, "control"):
				if allowed := knowKinds[p.path()]; !slices.Contains(allowed, to) {
					t.Errorf("%s imports %s; of the kinds it may import only %v", p.path(), path, allowed)
				}
			}
		}
	}
}

// TestImportsOfStore: the store knows nothing of what is stored in it.
func TestImportsOfStore(t *testing.T) {
	for _, p := range packages(t) {
		if !in(p.ImportPath, "control/store") {
			continue
		}
		for _, path := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			if in(path, "control") && !in(path, "control/store") {
				t.Errorf("%s imports %s; control/store may import no other package of control", p.path(), path)
			}
		}
	}
}
