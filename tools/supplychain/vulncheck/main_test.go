package main

import (
	"slices"
	"testing"
)

func TestOnlyVulnerabilitiesThatAreCalledAreFound(t *testing.T) {
	found, err := called([]byte(`
{"config": {"protocol_version": "v1.0.0"}}
{"osv": {"id": "GO-1"}}
{"finding": {"osv": "GO-1", "fixed_version": "v1.2.4", "trace": [{"module": "example.com/a", "version": "v1.2.3"}]}}
{"finding": {"osv": "GO-1", "fixed_version": "v1.2.4", "trace": [{"module": "example.com/a", "version": "v1.2.3", "package": "example.com/a", "function": "Parse"}]}}
{"finding": {"osv": "GO-1", "fixed_version": "v1.2.4", "trace": [{"module": "example.com/a", "version": "v1.2.3", "package": "example.com/a", "function": "ParseAll"}]}}
{"finding": {"osv": "GO-2", "trace": [{"module": "example.com/b", "version": "v1.0.0", "package": "example.com/b"}]}}
{"finding": {"osv": "GO-3", "fixed_version": "v1.26.9", "trace": [{"module": "stdlib", "version": "v1.26.8", "package": "net/http", "function": "Serve"}]}}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []vulnerability{{"GO-1", "example.com/a", "v1.2.3", "v1.2.4"}, {"GO-3", "stdlib", "v1.26.8", "v1.26.9"}}
	if !slices.Equal(found, want) {
		t.Errorf("got %v, want %v", found, want)
	}
	if found[0].standardLibrary() || !found[1].standardLibrary() {
		t.Error("the standard library is confused with a dependency")
	}
}

func TestOutputThatIsCutOffIsAnError(t *testing.T) {
	if _, err := called([]byte(`{"finding": {"osv": "GO-1"`)); err == nil {
		t.Error("it was accepted")
	}
}
