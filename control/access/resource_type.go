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
	MachineToken
	// Policy is what Flink clusters and jobs have to comply with.
	Policy
	ServiceAccountAllowlistEntry
	// Installation is the counts of resources.
	Installation
	// AuditLog is the log of changes in the whole installation.
	AuditLog
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

// description is what there is to know of a type.
type description struct {
	name  string // in the protocol
	scope cmfv1.AccessScope
	verbs VerbSet // that RPCs need
	names names   // that its resources have
}

// types describes each type.
var types = [typeCount]description{
	FlinkEnvironment: {"FlinkEnvironment", cmfv1.AccessScope_ACCESS_SCOPE_INSTALLATION, manage, resourceNames},
	// Clusters are created by their agents.
	KubernetesCluster: {"KubernetesCluster", cmfv1.AccessScope_ACCESS_SCOPE_INSTALLATION, view | verbs(Update, Delete, Place), clusterNames},
	Secret:            {"Secret", cmfv1.AccessScope_ACCESS_SCOPE_INSTALLATION, manage | verbs(Use), resourceNames},
	FlinkCatalog:      {"FlinkCatalog", cmfv1.AccessScope_ACCESS_SCOPE_INSTALLATION, manage, resourceNames},
	FlinkDatabase:     {"FlinkDatabase", cmfv1.AccessScope_ACCESS_SCOPE_INSTALLATION, manage, databaseNames},
	AgentToken:        {"AgentToken", cmfv1.AccessScope_ACCESS_SCOPE_INSTALLATION, view | verbs(Create, Delete), resourceNames},
	AgentIdentity:     {"AgentIdentity", cmfv1.AccessScope_ACCESS_SCOPE_INSTALLATION, verbs(Get, Update), nil},
	MachineToken:      {"MachineToken", cmfv1.AccessScope_ACCESS_SCOPE_INSTALLATION, view | verbs(Create, Delete), objectNames},
	DetachedSavepoint: {"DetachedSavepoint", cmfv1.AccessScope_ACCESS_SCOPE_INSTALLATION, view | verbs(Create, Delete), resourceNames},
	Policy:            {"Policy", cmfv1.AccessScope_ACCESS_SCOPE_INSTALLATION, manage, objectNames},
	// Entries say nothing but the name of a service account.
	ServiceAccountAllowlistEntry: {"ServiceAccountAllowlistEntry", cmfv1.AccessScope_ACCESS_SCOPE_INSTALLATION, view | verbs(Create, Delete), serviceAccountNames},
	Installation:                 {"Installation", cmfv1.AccessScope_ACCESS_SCOPE_INSTALLATION, verbs(Get), nil},
	AuditLog:                     {"AuditLog", cmfv1.AccessScope_ACCESS_SCOPE_INSTALLATION, verbs(List, Watch), nil},
	FlinkApplication:             {"FlinkApplication", cmfv1.AccessScope_ACCESS_SCOPE_ENVIRONMENT, manage | verbs(Start, Suspend, ViewWebUI), objectNames},
	FlinkStatement:               {"FlinkStatement", cmfv1.AccessScope_ACCESS_SCOPE_ENVIRONMENT, manage | verbs(ViewResults, ViewWebUI), objectNames},
	ComputePool:                  {"ComputePool", cmfv1.AccessScope_ACCESS_SCOPE_ENVIRONMENT, manage | verbs(Use), objectNames},
	EnvironmentSecretMapping:     {"EnvironmentSecretMapping", cmfv1.AccessScope_ACCESS_SCOPE_ENVIRONMENT, manage, resourceNames},
}

// String returns the name of the type in the protocol.
func (t Type) String() string { return types[t].name }

// inEnvironment tells whether resources of the type are in an environment.
func (t Type) inEnvironment() bool {
	return types[t].scope == cmfv1.AccessScope_ACCESS_SCOPE_ENVIRONMENT
}

func parseType(name string) (Type, bool) {
	i := slices.IndexFunc(types[:], func(t description) bool { return t.name == name })
	return Type(max(i, 0)), i >= 0 //nolint:gosec // the index of a short list
}
