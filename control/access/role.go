package access

import "slices"

// The roles of CMF.
const (
	SystemAdmin     = "SystemAdmin"
	ClusterAdmin    = "ClusterAdmin"
	UserAdmin       = "UserAdmin"
	ResourceOwner   = "ResourceOwner"
	DeveloperManage = "DeveloperManage"
	DeveloperRead   = "DeveloperRead"
)

// Roles are the names of all roles.
var Roles = []string{SystemAdmin, ClusterAdmin, UserAdmin, ResourceOwner, DeveloperManage, DeveloperRead}

// onResources are the roles that are granted on resources, in contrast to a whole
// scope.
var onResources = []string{ResourceOwner, DeveloperManage, DeveloperRead}

// Allows returns what a role allows on the resources of a type that it is granted on.
func Allows(role string, t Type) VerbSet {
	all := types[t].verbs
	if t == AuditLog && role != SystemAdmin {
		return 0 // it tells what was done in every environment, by administrators too
	}
	switch role {
	case SystemAdmin, ResourceOwner, DeveloperManage:
		return all
	case ClusterAdmin:
		if t == FlinkEnvironment {
			return all &^ verbs(Delete)
		}
		return all
	case DeveloperRead:
		switch t {
		case FlinkStatement:
			return 0
		case FlinkApplication:
			return all & (view | verbs(ViewWebUI))
		case ComputePool:
			return all & (view | verbs(Use))
		}
		return all & view
	}
	return 0
}

// mayGrant tells whether the holder of a binding may grant another one.
func mayGrant(own, granted Binding, principal *Principal) bool {
	inScope := own.Environment == granted.Environment || own.Environment == ""
	switch own.Role {
	case SystemAdmin:
		return inScope
	case UserAdmin:
		// Machine tokens may be the holder's own.
		return inScope && granted.Role != SystemAdmin && !principal.is(granted.Principal) && !isMachine(granted.Principal)
	case ResourceOwner:
		return own.Environment == granted.Environment && slices.Contains(onResources, granted.Role)
	}
	return false
}
