// Command vulncheck runs govulncheck on modules and fails if one of them calls a
// function of a dependency with a known vulnerability. Vulnerabilities of the
// standard library are only reported: they are fixed by the release of Go that
// builds Weir, and not by a change of Weir.
//
// Whether a function is called is found out only for a module that imports a
// vulnerable package of a dependency: the call graph takes minutes, the list of
// imports seconds, and what is not imported is not called.
//
// Usage: vulncheck -db DIRECTORY MODULE...
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	db := flag.String("db", "", "directory of the vulnerability database")
	flag.Parse()
	if err := run(*db, flag.Args(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "vulncheck:", err)
		os.Exit(1)
	}
}

func run(db string, modules []string, out io.Writer) error {
	db, err := filepath.Abs(db)
	if err != nil {
		return fmt.Errorf("find the database: %w", err)
	}
	return check(govulncheck(db), modules, out)
}

// level is how deep a scan looks, as govulncheck names it.
type level string

const (
	imported level = "package"
	called   level = "symbol"
)

// scan returns what govulncheck writes of a module.
type scan func(module string, l level) ([]byte, error)

func govulncheck(db string) scan {
	return func(module string, l level) ([]byte, error) {
		//nolint:gosec // the arguments are those of the caller
		command := exec.Command("govulncheck", "-C", module, "-db", "file://"+db, "-scan", string(l), "-format", "json", "./...")
		command.Stderr = os.Stderr
		return command.Output() // with this format, it fails only if it cannot scan
	}
}

// check reports the vulnerabilities of all modules.
func check(s scan, modules []string, out io.Writer) error {
	failed := false
	for _, module := range modules {
		found, err := affecting(s, module)
		if err != nil {
			return fmt.Errorf("scan module %s: %w", module, err)
		}
		if len(found) == 0 {
			fmt.Fprintf(out, "%s: no known vulnerabilities\n", module)
		}
		for _, v := range found {
			failed = failed || v.ofDependency()
			fmt.Fprintf(out, "%s: %s\n", module, v)
		}
	}
	if failed {
		return errors.New("a dependency has a known vulnerability in code that is called: update it")
	}
	return nil
}

// affecting returns the vulnerabilities of dependencies that the module calls,
// and those of the standard library that it calls or at least imports.
func affecting(s scan, module string) ([]vulnerability, error) {
	found, err := vulnerabilities(s, module, imported)
	if err != nil || !slices.ContainsFunc(found, vulnerability.ofDependency) {
		return found, err
	}
	return vulnerabilities(s, module, called)
}

func vulnerabilities(s scan, module string, l level) ([]vulnerability, error) {
	output, err := s(module, l)
	if err != nil {
		return nil, fmt.Errorf("run govulncheck: %w", err)
	}
	return decode(output, l)
}

// vulnerability is one whose code is imported or called.
type vulnerability struct{ id, module, version, fixed string }

func (v vulnerability) ofDependency() bool { return v.module != "stdlib" }

func (v vulnerability) String() string {
	text := fmt.Sprintf("%s in %s %s", v.id, v.module, v.version)
	if v.fixed != "" {
		text += ", fixed in " + v.fixed
	}
	if !v.ofDependency() {
		text += " (not an error: build with that release of Go)"
	}
	return text
}

// decode returns the vulnerabilities in the output of govulncheck whose code is
// imported, or called, each once. govulncheck writes a vulnerability at every
// level at which it finds it: that of a required module names no package, that
// of an imported package no function.
func decode(output []byte, l level) ([]vulnerability, error) {
	var found []vulnerability
	decoder := json.NewDecoder(strings.NewReader(string(output)))
	for {
		var message struct {
			Finding *struct {
				OSV          string `json:"osv"`
				FixedVersion string `json:"fixed_version"`
				Trace        []struct {
					Module   string `json:"module"`
					Version  string `json:"version"`
					Package  string `json:"package"`
					Function string `json:"function"`
				} `json:"trace"`
			} `json:"finding"`
		}
		if err := decoder.Decode(&message); errors.Is(err, io.EOF) {
			return found, nil
		} else if err != nil {
			return nil, fmt.Errorf("decode the output of govulncheck: %w", err)
		}
		f := message.Finding
		if f == nil || len(f.Trace) == 0 {
			continue
		}
		place := f.Trace[0]
		if l == imported && place.Package == "" || l == called && place.Function == "" {
			continue
		}
		v := vulnerability{f.OSV, place.Module, place.Version, f.FixedVersion}
		if !slices.Contains(found, v) {
			found = append(found, v)
		}
	}
}
