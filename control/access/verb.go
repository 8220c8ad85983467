package access

import (
	"slices"
	"strings"
)

// Verb is what a caller does to a resource.
type Verb uint8

// The verbs. The last five refine update and get where these are too coarse.
const (
	Get Verb = iota
	List
	Watch
	Create
	Update
	Delete
	// Start and Suspend change whether an application runs.
	Start
	Suspend
	// ViewResults reads the rows and exceptions of a statement.
	ViewResults
	// ViewWebUI reads the Flink web UI and REST API of a workload.
	ViewWebUI
	// Use refers to a resource from another one.
	Use
	// Place puts an environment into a namespace of a Kubernetes cluster.
	Place
)

var verbNames = []string{"get", "list", "watch", "create", "update", "delete", "start", "suspend", "view-results", "view-web-ui", "use", "place"}

// String returns the name of the verb in the protocol.
func (v Verb) String() string { return verbNames[v] }

func parseVerb(name string) (Verb, bool) {
	i := slices.Index(verbNames, name)
	return Verb(max(i, 0)), i >= 0 //nolint:gosec // the index of a short list
}

// VerbSet is a set of verbs.
type VerbSet uint16

const allVerbs VerbSet = 1<<(Place+1) - 1

func verbs(all ...Verb) VerbSet {
	var set VerbSet
	for _, v := range all {
		set |= 1 << v
	}
	return set
}

// Has tells whether a verb is in the set.
func (s VerbSet) Has(v Verb) bool { return s&(1<<v) != 0 }

// String lists the verbs in their order.
func (s VerbSet) String() string {
	var names []string
	for v := range Place + 1 {
		if s.Has(v) {
			names = append(names, v.String())
		}
	}
	return strings.Join(names, ", ")
}
