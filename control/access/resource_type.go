package access

import (
	"slices"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Type is a type of resources that permissions are granted on.
type Type uint8

// The types in the installation, and then those in environments.
const (
	FlinkEnvironment Type = iota
	KubernetesCluster
	Secret
	FlinkCatalog
	// FlinkDatabase resources are named <catalog>/<database>.
	FlinkDatabase
	DetachedSavepoint
	AgentToken
	// AgentIdentity is the bans of agents and the authorities of their certificates.
	AgentIdentity
	// Policy is what Flink clusters and jobs have to comply with.
	Policy
	ServiceAccountAllowlistEntry
	// Installation is the counts of resources.
	Installation
	FlinkApplication
	FlinkStatement
	ComputePool
	EnvironmentSecretMapping

	typeCount
)

var (
	view   = verbs(Get, List, Watch)
	manage = view | verbs(Create, Update, Delete)
)

// types describes each type: its name in the protocol, its scope, and the verbs
// that RPCs need on it.
var types = [typeCount]struct {
	name  string
	scope cmfv1.AccessScope
	verbs VerbSet
}{
	FlinkEnvironment: {"FlinkEnvironment", cmfv1.AccessScope_ACCESS_SCOPE_INSTALLATION, manage},
	// Clusters are created by their agents.
	KubernetesCluster: {"KubernetesCluster", cmfv1.AccessScope_ACCESS_SCOPE_INSTALLATION, view | verbs(Update, Delete, Place)},
	Secret:            {"Secret", cmfv1.AccessScope_ACCESS_SCOPE_INSTALLATION, manage | verbs(Use)},
	FlinkCatalog:      {"FlinkCatalog", cmfv1.AccessScope_ACCESS_SCOPE_INSTALLATION, manage},
	FlinkDatabase:     {"FlinkDatabase", cmfv1.AccessScope_ACCESS_SCOPE_INSTALLATION, manage},
	AgentToken:        {"AgentToken", cmfv1.AccessScope_ACCESS_SCOPE_INSTALLATION, view | verbs(Create, Delete)},
	AgentIdentity:     {"AgentIdentity", cmfv1.AccessScope_ACCESS_SCOPE_INSTALLATION, verbs(Get, Update)},
	DetachedSavepoint: {"DetachedSavepoint", cmfv1.AccessScope_ACCESS_SCOPE_INSTALLATION, view | verbs(Create, Delete)},
	Policy:            {"Policy", cmfv1.AccessScope_ACCESS_SCOPE_INSTALLATION, manage},
	// Entries say nothing but the name of a service account.
	ServiceAccountAllowlistEntry: {"ServiceAccountAllowlistEntry", cmfv1.AccessScope_ACCESS_SCOPE_INSTALLATION, view | verbs(Create, Delete)},
	Installation:                 {"Installation", cmfv1.AccessScope_ACCESS_SCOPE_INSTALLATION, verbs(Get)},
	FlinkApplication:             {"FlinkApplication", cmfv1.AccessScope_ACCESS_SCOPE_ENVIRONMENT, manage | verbs(Start, Suspend, ViewWebUI)},
	FlinkStatement:               {"FlinkStatement", cmfv1.AccessScope_ACCESS_SCOPE_ENVIRONMENT, manage | verbs(ViewResults, ViewWebUI)},
	ComputePool:                  {"ComputePool", cmfv1.AccessScope_ACCESS_SCOPE_ENVIRONMENT, manage | verbs(Use)},
	EnvironmentSecretMapping:     {"EnvironmentSecretMapping", cmfv1.AccessScope_ACCESS_SCOPE_ENVIRONMENT, manage},
}

// String returns the name of the type in the protocol.
func (t Type) String() string { return types[t].name }

// inEnvironment tells whether resources of the type are in an environment.
func (t Type) inEnvironment() bool {
	return types[t].scope == cmfv1.AccessScope_ACCESS_SCOPE_ENVIRONMENT
}

func parseType(name string) (Type, bool) {
	i := slices.IndexFunc(types[:], func(t struct {
		name  string
		scope cmfv1.AccessScope
		verbs VerbSet
	}) bool {
		return t.name == name
	})
	return Type(max(i, 0)), i >= 0 //nolint:gosec // the index of a short list
}
