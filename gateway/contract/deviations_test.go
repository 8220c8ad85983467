package contract

import "regexp"

// deviation is a difference from the contract that is meant, and why.
type deviation struct{ pattern, reason string }

func (d deviation) covers(difference string) bool {
	return regexp.MustCompile("^(?:" + d.pattern + ")$").MatchString(difference)
}

var deviations = []deviation{
	// Operations.
	{
		`operation added: (GET|POST|DELETE) /cmf/api/v1/agent-tokens(/\{tokenName\})?`,
		"The tokens that agents join with; see docs/decisions/agent-identity.md.",
	},
	{
		`operation added: (GET|POST|DELETE) /cmf/api/v1/(agent-bans|agent-authorities)`,
		"Agents that are refused, and who signs the certificates of agents; see docs/decisions/agent-identity.md.",
	},
	{
		`operation added: (GET|POST|DELETE) /cmf/api/v1/machine-tokens(/\{machineTokenName\})?`,
		"The tokens of programs; see docs/decisions/machine-tokens.md.",
	},
	{
		`operation added: POST /cmf/api/v1/kubernetes-clusters/\{kubernetesClusterName\}/delete`,
		"A cluster that no environment refers to can be deleted; see docs/decisions/agent-identity.md.",
	},
	{
		`operation added: GET /cmf/api/v1/audit-records`,
		"The log of changes; see docs/audit.md.",
	},

	// Statuses.
	{
		`status added: .*: 400`,
		"Any request can be malformed: an unknown sort key, a page below zero, a name that no resource can have.",
	},
	{
		`status added: .*: (401|403)`,
		"The contract leaves authentication to the installation and is silent on its errors.",
	},
	{
		`status added: (POST|PUT) .*: (413|415)`,
		"A body can be too large, or of a type that is neither JSON nor YAML.",
	},
	{
		`status added: .*: 429`,
		"A caller may send too many requests; see docs/limits.md.",
	},
	{
		`status added: .*: 501`,
		"An operation may be missing from a release.",
	},
	{
		`status added: .*: (503|504)`,
		"The store or a cluster may not answer, or not in time.",
	},
	{
		`status added: (DELETE|POST) .*/applications/\{appName\}(/suspend)?: 404`,
		"An application that is not there can be neither deleted nor suspended.",
	},
	{
		`status added: POST .*/environments/\{envName\}/(applications|compute-pools): 404`,
		"The environment may not be there.",
	},
	{
		`status added: (GET|POST) .*/catalogs/kafka/\{catName\}/databases: 404`,
		"The catalog may not be there.",
	},
	{
		`status added: DELETE /cmf/api/v1/environments/\{envName\}: 409`,
		"An environment with anything in it is deleted by force only; see docs/decisions/environment-delete.md.",
	},
	{
		`status added: POST .*savepoints: 409`,
		"The name may be taken.",
	},
	{
		`status added: DELETE /cmf/api/v1/secrets/\{secretName\}: 409`,
		"A secret that environments map stays; see docs/decisions/secrets.md.",
	},
	{
		`status added: POST .*/detach: 409`,
		"Only a completed savepoint can be detached; see docs/decisions/savepoints.md.",
	},
	{
		`status added: (DELETE|POST|PUT) .*: 409`,
		"Others may be writing the same resource all the time.",
	},
	{
		`status added: (DELETE|POST|PUT) .*: 412`,
		"A request may require a version; see docs/decisions/preconditions.md.",
	},
	{
		`status added: POST .*/applications/\{appName\}/(start|suspend): 422`,
		"A savepoint may not be completed; defaults of the environment that have changed may make what is to run impossible.",
	},

	// Operations.
	{
		`operation added: (GET|POST|PUT|DELETE) /cmf/api/v1/role-bindings(/\{roleBindingName\})?`,
		"Role bindings of CMF are those of the Metadata Service, which is not a part of it.",
	},

	{
		`operation added: (GET|POST|PUT|DELETE) /cmf/api/v1/policies(/\{policyName\})?`,
		"Policies are Weir's own; see docs/policies.md.",
	},
	{
		`operation added: (GET|POST|DELETE) /cmf/api/v1/service-account-allowlist-entries(/\{entryName\})?`,
		"The list is in the contract since CMF 2.5. Adding to it and removing from it is Weir's own.",
	},

	// Parameters and bodies.
	{
		`parameter added: GET .*: header If-None-Match`,
		"The contract has ETag and 304; the header that leads from the one to the other is HTTP's own.",
	},
	{
		`parameter added: (DELETE|POST|PUT) .*: header If-(None-)?Match`,
		"The preconditions of HTTP; without them the last write wins, as in the contract.",
	},
	{
		`request body demanded: POST /cmf/api/v1/detached-savepoints`,
		"A detached savepoint is its path; without a body there is none.",
	},
	{
		`field demanded: EnvironmentSecretMapping sent: (metadata|spec)`,
		"A mapping is its name and its secret's name.",
	},

	// Fields.
	{
		`(type of|field added:) (FlinkApplication|ApplicationsPage) (sent|answered): (items\[\]\.)?metadata.*`,
		"The contract leaves the metadata of applications open; here it is the metadata of every other kind.",
	},
	{
		`field added: (Environment|EnvironmentsPage) answered: (items\[\]\.)?metadata\.uid`,
		"Every resource has a uid.",
	},
	{
		`field added: (Savepoint|SavepointsPage) (sent|answered): (items\[\]\.)?metadata\.updateTimestamp`,
		"All kinds share one metadata message.",
	},
	{
		`field added: EventsPage answered: items\[\]\.status\.(count|lastTimestamp)`,
		"An event that occurs again is one event with a count.",
	},

	// What the document does not promise although every answer has it.
	{
		`field not promised: \w+Page answered: items\[\].*`,
		"The parameter `fields` leaves out what was not asked for.",
	},
	{
		`field not promised: \w+ answered: metadata\.name`,
		"One metadata message serves answers and requests, and some requests may leave the name out.",
	},
	{
		`field not promised: Environment answered: (name|kubernetesNamespace)`,
		"Requests may leave them out: the name stands in metadata too, and an update keeps the namespace.",
	},
	{
		`field not promised: (KubernetesCluster|Savepoint) answered: (metadata|spec)`,
		"Requests may leave them out.",
	},
	{
		`field not promised: \w+ answered: (status\..*|result\..*|data\[\]\..*|metadata|results)`,
		"What only the server writes has no rules in proto.",
	},
}
