package conformance

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// tables are the cases of all resources.
var tables = [][]line{
	environmentLines, applicationLines, savepointLines, secretLines, catalogLines, clusterLines, informationLines, poolLines, statementLines,
}

// without are documented statuses that have no case, and why.
var without = map[string]string{
	"DELETE /cmf/api/v1/environments/{envName} 304":                        "A deletion changes something, or there is nothing to delete, which is 404.",
	"DELETE /cmf/api/v1/environments/{envName}/applications/{appName} 304": "As for environments.",
}

// TestEveryLineOfTheContractHasACase holds the tables to the contract. That the
// server fails (500) cannot be brought about from outside.
func TestEveryLineOfTheContractHasACase(t *testing.T) {
	covered := map[string]bool{}
	for _, table := range tables {
		for _, l := range table {
			covered[l.clause] = true
		}
	}
	for _, operation := range law.Operations {
		for code := range operation.Responses {
			clause := operation.Name() + " " + code
			switch excused := without[clause] != ""; {
			case code == "500":
			case !covered[clause] && !excused:
				t.Errorf("no case checks %s", clause)
			case covered[clause] && excused:
				t.Errorf("%s has a case, and is excused from having one", clause)
			}
		}
	}
	for _, table := range tables {
		for _, l := range table {
			l.isOfTheContract(t)
		}
	}
}

// isOfTheContract holds a case to what the contract has, or to what the served
// document adds to it.
func (l line) isOfTheContract(t *testing.T) {
	t.Helper()
	method, path, status := l.split()
	operation, ok := operationOf(method, path)
	if !ok {
		t.Errorf("%s: the contract has no such operation", l.clause)
		return
	}
	if _, ok := served.response(method, path, strconv.Itoa(status)); !ok {
		t.Errorf("%s: neither the contract nor the served document has this status", l.clause)
	}
	for parameter := range strings.SplitSeq(l.query, "&") {
		name, _, _ := strings.Cut(parameter, "=")
		if name != "" && operation.Parameters["query "+name] == "" {
			t.Errorf("%s: the contract has no parameter %s", l.clause, name)
		}
	}
}

// TestEveryParameterOfTheContractHasACase: the parameters that all lists share
// are the matter of the matrix.
func TestEveryParameterOfTheContractHasACase(t *testing.T) {
	covered := map[string]bool{}
	for _, table := range tables {
		for _, l := range table {
			method, path, _ := l.split()
			for parameter := range strings.SplitSeq(l.query, "&") {
				name, _, _ := strings.Cut(parameter, "=")
				covered[method+" "+path+" query "+name] = true
			}
		}
	}
	shared := []string{"page", "size", "sort", "filter", "search", "searchScope", "fields"}
	for _, operation := range law.Operations {
		for _, parameter := range slices.Sorted(maps.Keys(operation.Parameters)) {
			name, isQuery := strings.CutPrefix(parameter, "query ")
			if isQuery && !slices.Contains(shared, name) && !covered[operation.Name()+" "+parameter] {
				t.Errorf("no case gives %s the parameter %s", operation.Name(), name)
			}
		}
	}
}

// TestEveryPathListsItsMethods asks every path of the contract for what it
// allows, and for what it does not.
func TestEveryPathListsItsMethods(t *testing.T) {
	allowed := map[string][]string{}
	for _, operation := range law.Operations {
		allowed[operation.Path] = append(allowed[operation.Path], operation.Method)
	}
	for path, methods := range allowed {
		if slices.Contains(methods, "GET") {
			methods = append(methods, "HEAD")
		}
		methods = append(methods, "OPTIONS")
		slices.Sort(methods)
		t.Run("OPTIONS "+path, func(t *testing.T) {
			s := newScene(t, inJSON)
			a := s.send("OPTIONS", s.fill(path), nil, http.Header{})
			got := strings.Split(a.header.Get("Allow"), ", ")
			slices.Sort(got)
			if a.status != http.StatusNoContent || !slices.Equal(got, methods) {
				t.Errorf("answered %d, allowing %v, want 204 and %v", a.status, got, methods)
			}
			refused := s.send("PATCH", s.fill(path), nil, http.Header{})
			if refused.status != http.StatusMethodNotAllowed || refused.header.Get("Allow") != a.header.Get("Allow") {
				t.Errorf("PATCH: answered %d, allowing %q", refused.status, refused.header.Get("Allow"))
			}
		})
	}
}
