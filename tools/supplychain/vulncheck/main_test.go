package main

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// What govulncheck writes of one vulnerability, at each level.
const (
	required       = `{"finding": {"osv": "GO-1", "fixed_version": "v1.2.4", "trace": [{"module": "example.com/a", "version": "v1.2.3"}]}}`
	isImported     = required + `{"finding": {"osv": "GO-1", "fixed_version": "v1.2.4", "trace": [{"module": "example.com/a", "version": "v1.2.3", "package": "example.com/a"}]}}`
	isCalled       = isImported + `{"finding": {"osv": "GO-1", "fixed_version": "v1.2.4", "trace": [{"module": "example.com/a", "version": "v1.2.3", "package": "example.com/a", "function": "Parse"}]}}`
	stdlibImported = `{"finding": {"osv": "GO-2", "fixed_version": "v1.26.9", "trace": [{"module": "stdlib", "version": "v1.26.8", "package": "net/http"}]}}`
	stdlibCalled   = stdlibImported + `{"finding": {"osv": "GO-2", "fixed_version": "v1.26.9", "trace": [{"module": "stdlib", "version": "v1.26.8", "package": "net/http", "function": "Serve"}]}}`
)

func TestOnlyACalledVulnerabilityOfADependencyFails(t *testing.T) {
	const (
		dependency = "m: GO-1 in example.com/a v1.2.3, fixed in v1.2.4\n"
		stdlib     = "m: GO-2 in stdlib v1.26.8, fixed in v1.26.9 (not an error: build with that release of Go)\n"
	)
	for name, c := range map[string]struct {
		packages, symbols string // what the scans find; without symbols, that scan must not run
		report            string
		fails             bool
	}{
		"nothing":                                {"", "", "m: no known vulnerabilities\n", false},
		"a module that is required":              {required, "", "m: no known vulnerabilities\n", false},
		"a package that is imported":             {isImported, isImported, "m: no known vulnerabilities\n", false},
		"a function that is called":              {isImported, isCalled, dependency, true},
		"a package of the standard library":      {stdlibImported, "", stdlib, false},
		"a required module, and that package":    {required + stdlibImported, "", stdlib, false},
		"a called function, and one of net/http": {isImported + stdlibImported, isCalled + stdlibCalled, dependency + stdlib, true},
	} {
		t.Run(name, func(t *testing.T) {
			scan := func(_ string, l level) ([]byte, error) {
				if l == imported {
					return []byte(c.packages), nil
				}
				if c.symbols == "" {
					t.Error("the call graph was made")
				}
				return []byte(c.symbols), nil
			}
			var report strings.Builder
			if err := check(scan, []string{"m"}, &report); (err != nil) != c.fails {
				t.Errorf("got error %v, want one: %t", err, c.fails)
			}
			if report.String() != c.report {
				t.Errorf("got %q, want %q", report.String(), c.report)
			}
		})
	}
}

func TestEveryModuleIsChecked(t *testing.T) {
	scan := func(module string, _ level) ([]byte, error) {
		return []byte(map[string]string{"first": isCalled}[module]), nil
	}
	var report strings.Builder
	if err := check(scan, []string{"first", "second"}, &report); err == nil {
		t.Error("the vulnerability of the first module was accepted")
	}
	if !strings.Contains(report.String(), "second: no known vulnerabilities") {
		t.Errorf("the second module is missing in %q", report.String())
	}
}

func TestEachVulnerabilityIsFoundOnce(t *testing.T) {
	found, err := decode([]byte(isCalled+strings.ReplaceAll(isCalled, "Parse", "ParseAll")), called)
	if err != nil {
		t.Fatal(err)
	}
	if want := []vulnerability{{"GO-1", "example.com/a", "v1.2.3", "v1.2.4"}}; !slices.Equal(found, want) {
		t.Errorf("got %v, want %v", found, want)
	}
}

func TestAScanThatFailsIsAnError(t *testing.T) {
	for name, scan := range map[string]scan{
		"govulncheck fails":     func(string, level) ([]byte, error) { return nil, errors.New("no such module") },
		"its output is cut off": func(string, level) ([]byte, error) { return []byte(`{"finding": {"osv": "GO-1"`), nil },
	} {
		t.Run(name, func(t *testing.T) {
			if err := check(scan, []string{"m"}, &strings.Builder{}); err == nil {
				t.Error("it was accepted")
			}
		})
	}
}
