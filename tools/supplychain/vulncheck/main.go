// Command vulncheck runs govulncheck on modules and fails if one of them calls a
// function of a dependency with a known vulnerability. Vulnerabilities of the
// standard library are only reported: they are fixed by the release of Go that
// builds Weir, and not by a change of Weir.
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
	if err := check(*db, flag.Args(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "vulncheck:", err)
		os.Exit(1)
	}
}

// check reports the vulnerabilities of all modules.
func check(db string, modules []string, out io.Writer) error {
	db, err := filepath.Abs(db)
	if err != nil {
		return fmt.Errorf("find the database: %w", err)
	}
	failed := false
	for _, module := range modules {
		//nolint:gosec // the arguments are those of the caller
		scan := exec.Command("govulncheck", "-C", module, "-db", "file://"+db, "-format", "json", "./...")
		scan.Stderr = os.Stderr
		output, err := scan.Output() // with this format, it fails only if it cannot scan
		if err != nil {
			return fmt.Errorf("scan module %s: %w", module, err)
		}
		found, err := called(output)
		if err != nil {
			return fmt.Errorf("read the result for module %s: %w", module, err)
		}
		if len(found) == 0 {
			fmt.Fprintf(out, "%s: no known vulnerabilities\n", module)
		}
		for _, v := range found {
			failed = failed || !v.standardLibrary()
			fmt.Fprintf(out, "%s: %s\n", module, v)
		}
	}
	if failed {
		return errors.New("a dependency has a known vulnerability in code that is called: update it")
	}
	return nil
}

// vulnerability is one whose code is called.
type vulnerability struct{ id, module, version, fixed string }

func (v vulnerability) standardLibrary() bool { return v.module == "stdlib" }

func (v vulnerability) String() string {
	text := fmt.Sprintf("%s in %s %s", v.id, v.module, v.version)
	if v.fixed != "" {
		text += ", fixed in " + v.fixed
	}
	if v.standardLibrary() {
		text += " (not an error: build with that release of Go)"
	}
	return text
}

// called returns the vulnerabilities in the output of govulncheck whose code is
// called, each once.
func called(output []byte) ([]vulnerability, error) {
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
					Function string `json:"function"`
				} `json:"trace"`
			} `json:"finding"`
		}
		if err := decoder.Decode(&message); errors.Is(err, io.EOF) {
			return found, nil
		} else if err != nil {
			return nil, fmt.Errorf("decode: %w", err)
		}
		f := message.Finding
		if f == nil || len(f.Trace) == 0 || f.Trace[0].Function == "" {
			continue // imported or required, but not called
		}
		v := vulnerability{f.OSV, f.Trace[0].Module, f.Trace[0].Version, f.FixedVersion}
		if !slices.Contains(found, v) {
			found = append(found, v)
		}
	}
}
