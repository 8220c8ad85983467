package control

import (
	"context"

	"go.opentelemetry.io/otel"
	"google.golang.org/grpc"

	"github.com/openweir/weir/control/access"
	"github.com/openweir/weir/control/fleet"
	"github.com/openweir/weir/control/kafka"
	"github.com/openweir/weir/control/leader"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/resource/agentidentity"
	"github.com/openweir/weir/control/resource/agenttoken"
	"github.com/openweir/weir/control/resource/application"
	"github.com/openweir/weir/control/resource/auditlog"
	"github.com/openweir/weir/control/resource/catalog"
	"github.com/openweir/weir/control/resource/cluster"
	"github.com/openweir/weir/control/resource/computepool"
	"github.com/openweir/weir/control/resource/deletion"
	"github.com/openweir/weir/control/resource/environment"
	"github.com/openweir/weir/control/resource/flinkwebui"
	"github.com/openweir/weir/control/resource/information"
	"github.com/openweir/weir/control/resource/machinetoken"
	"github.com/openweir/weir/control/resource/orphan"
	"github.com/openweir/weir/control/resource/policy"
	"github.com/openweir/weir/control/resource/rolebinding"
	"github.com/openweir/weir/control/resource/savepoint"
	"github.com/openweir/weir/control/resource/savepoint/savepointrpc"
	"github.com/openweir/weir/control/resource/secret"
	"github.com/openweir/weir/control/resource/serviceaccount"
	"github.com/openweir/weir/control/resource/statement"
	"github.com/openweir/weir/control/store"
)

// Prefix is what all keys in etcd begin with. Its version changes only with a
// change that older releases could not read. Under it are the collections:
//
//	environments         <environment>
//	applications         <environment>/<application>
//	application-status   <environment>/<application>
//	instances            <environment>/<application>/<uid>
//	events               <environment>/<application>/<uid>
//	savepoints           <environment>/<kind of owner>/<owner>/<savepoint>
//	savepoint-status     <environment>/<kind of owner>/<owner>/<savepoint>
//	detached-savepoints  <savepoint>
//	clusters             <cluster>
//	cluster-status       <cluster>
//	cluster-environments <cluster>/<environment>
//	cluster-deletions    <cluster>
//	sessions             <cluster>, under the lease of the agent's session
//	heartbeats           <replica>
//	secrets              <secret>
//	secret-mappings      <environment>/<connection secret id>
//	secret-references    <secret>/<environment>/<connection secret id>
//	catalogs             <catalog>
//	databases            <catalog>/<database>
//	tables               <catalog>/<database>/<table>
//	compute-pools        <environment>/<pool>
//	compute-pool-status  <environment>/<pool>
//	pool-statements      <environment>/<pool>/<statement>
//	statements           <environment>/<statement>
//	statement-status     <environment>/<statement>
//	statement-exceptions <environment>/<statement>/<id>
//	agent-tokens         <token>
//	agent-authorities    <time of creation and serial number>
//	agent-bans           cluster/<cluster>, certificate/<serial number>
//	claims               <cluster>/<namespace>/<kind>/<name>
//	tombstones           <cluster>/<namespace>/<kind>/<name>/<owner uid>
//	orphans              <cluster>/<namespace>/<kind>/<name>/<owner uid>
//	role-bindings        <role binding>
//	machine-tokens       <machine token>
//	policies             <policy>
//	service-account-allowlist        <service account>
//	service-account-allowlist-state  seeded
//	installation         id
//	restores             last
const Prefix = "/weir/v1"

// leaderPrefix is what the keys begin with that leaders are elected by.
const leaderPrefix = Prefix + "-leader"

// rooms are the packages of all kinds of resources, put together.
type rooms struct {
	all           []resource.Room
	bindings      *rolebinding.RoleBindings
	machineTokens *machinetoken.Tokens
	watches       *resource.Watches
	identities    *agentidentity.Identities
	fleet         *fleet.Fleet
	election      *leader.Election
}

// newRooms makes every kind. Each is given those below it; the order in which
// they are registered is that in which their objects are sent to agents, and the
// opposite of that in which environments are emptied.
func newRooms(s *store.Store, authorizer *access.Authorizer, config Config) *rooms {
	watches, ownership := resource.NewWatches(), resource.NewOwnership(s)
	var topics *kafka.Reader
	if config.Kafka {
		topics = kafka.NewReader(config.KafkaNetwork)
	}
	clusters := cluster.New(s, watches)
	clusters.SetOwnership(ownership)
	sessions := fleet.NewSessions(s, clusters, config.Replica)
	environments := environment.New(s, watches, clusters)
	secrets := secret.New(s, ownership, watches, environments, config.Keys, config.Log)
	catalogs := catalog.New(s, watches, environments, secrets, config.Keys, topics)
	savepoints := savepoint.New(s, ownership, watches, environments, clusters)
	policies := policy.New(s, watches)
	accounts := serviceaccount.New(s, watches, config.ServiceAccountAllowlist)
	pools := computepool.New(s, ownership, watches, clusters, environments, policies, accounts)
	statements := statement.New(s, ownership, watches, clusters, environments, catalogs, savepoints, pools, policies)
	statements.SetRows(sessions)
	applications := application.New(s, ownership, watches, clusters, environments, savepoints, policies, accounts, config.Limits, config.Log)
	accounts.SetInUse(func(at store.Reader) []string {
		return append(applications.ServiceAccounts(at), pools.ServiceAccounts(at)...)
	})

	bindings := rolebinding.New(s, watches)
	machineTokens := machinetoken.New(s, watches, bindings, authorizer)
	identities := agentidentity.New(s, config.Keys, config.AgentCertificateLifetime)
	joinTokens := agenttoken.New(s, watches, identities.Authorities.Ensure)

	kinds := []resource.Room{
		clusters.Room(),
		environments.Room(),
		secrets.Room(),
		catalogs.Room(),
		pools.Room(),
		statements.Room(),
		applications.Room(),
		savepoints.Room(),
		bindings.Room(),
		policies.Room(),
		accounts.Room(),
		joinTokens.Room(),
		machineTokens.Room(),
	}
	registry := resource.NewRegistry(kinds...)
	environments.SetRegistry(registry)
	if err := resource.RegisterMetrics(otel.GetMeterProvider(), s, registry, ownership); err != nil {
		config.Log.Warn("metrics of resources cannot be registered", "error", err)
	}

	r := &rooms{watches: watches, bindings: bindings, machineTokens: machineTokens, identities: identities}
	r.all = append(kinds,
		identities.Room(),
		savepointrpc.Room(s, watches, savepoints, applications, statements),
		deletion.Room(s, clusters, ownership),
		orphan.Room(s, clusters, ownership),
		flinkwebui.Room(s, sessions, clusters, applications, pools, statements),
		information.New(config.Version, s, registry, environments).Room(),
		auditlog.Room(config.Audit, watches),
	)
	r.fleet = fleet.New(fleet.Config{
		Store: s, Registry: registry, Ownership: ownership, Environments: environments, Clusters: clusters, Sessions: sessions,
		Etcd: config.Etcd, Tokens: config.AgentTokens, JoinTokens: joinTokens, Identities: identities, Heartbeat: config.Heartbeat, Version: config.Version.Version, Log: config.Log,
	})
	duties := []func(context.Context) error{ownership.FinishRemovals(s, registry)}
	for _, room := range r.all {
		duties = append(duties, room.Duties...)
		for _, sealed := range room.Sealed {
			duties = append(duties, sealed.Reseal)
		}
	}
	if config.HistoryRetention > 0 {
		duties = append(duties, func(ctx context.Context) error { return s.Compact(ctx, config.HistoryRetention) })
	}
	r.election = leader.New(leader.Config{Etcd: config.Etcd, Key: leaderPrefix, Replica: config.Replica, Duties: duties, Log: config.Log})
	return r
}

// register adds the public services to a server.
func (r *rooms) register(server grpc.ServiceRegistrar) {
	for _, room := range r.all {
		if room.Register != nil {
			room.Register(server)
		}
	}
}
