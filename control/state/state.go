// Package state names what the control plane keeps in etcd: one collection a
// kind of record, and how their keys are made.
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
//	sessions             <cluster>, under the lease of the agent's session
//	secrets              <secret>
//	secret-mappings      <environment>/<connection secret id>
//	secret-references    <secret>/<environment>/<connection secret id>
//	catalogs             <catalog>
//	databases            <catalog>/<database>
//	compute-pools        <environment>/<pool>
//	compute-pool-status  <environment>/<pool>
//	pool-statements      <environment>/<pool>/<statement>
//	statements           <environment>/<statement>
//	statement-status     <environment>/<statement>
//	statement-exceptions <environment>/<statement>/<id>
//	tables               <catalog>/<database>/<table>
//	claims               <cluster>/<namespace>/<kind>/<name>
//	tombstones           <cluster>/<namespace>/<kind>/<name>/<owner uid>
package state

import (
	"time"

	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Prefix is where all of it lies in etcd. Its version changes only with a
// change that older releases could not read.
const Prefix = "/weir/v1"

// State is every collection of the control plane.
type State struct {
	Store *store.Store

	Environments      *store.Collection[*cmfv1.Environment]
	Applications      *store.Collection[*storev1.ApplicationRecord]
	ApplicationStatus *store.Collection[*storev1.StatusRecord]
	Instances         *store.Collection[*cmfv1.FlinkApplicationInstance]
	Events            *store.Collection[*cmfv1.FlinkApplicationEvent]

	Clusters *store.Collection[*cmfv1.KubernetesCluster]
	// ClusterStatus outlives sessions, Sessions go with their lease.
	ClusterStatus *store.Collection[*storev1.ClusterStatusRecord]
	Sessions      *store.Collection[*storev1.SessionRecord]
	// ClusterEnvironments has a key for every environment of a cluster, so that
	// a transaction can require that there is none.
	ClusterEnvironments *store.Collection[*emptypb.Empty]

	// Secrets hold sealed values only.
	Secrets *store.Collection[*cmfv1.Secret]
	// SecretMappings are indexed by the secret that they name.
	SecretMappings *store.Collection[*cmfv1.EnvironmentSecretMapping]
	// SecretReferences has a key for every mapping of a secret, so that a
	// transaction can require that there is none.
	SecretReferences *store.Collection[*emptypb.Empty]
	Catalogs         *store.Collection[*cmfv1.KafkaCatalog]
	Databases        *store.Collection[*cmfv1.KafkaDatabase]

	Savepoints      *store.Collection[*storev1.SavepointRecord]
	SavepointStatus *store.Collection[*storev1.StatusRecord]
	// DetachedSavepoints are indexed by uid.
	DetachedSavepoints *store.Collection[*cmfv1.Savepoint]

	ComputePools      *store.Collection[*cmfv1.ComputePool]
	ComputePoolStatus *store.Collection[*storev1.StatusRecord]
	// PoolStatements has a key for every statement of a pool, so that a
	// transaction can require that there is none, or no new one. It is written
	// whenever a statement begins to run on the pool.
	PoolStatements *store.Collection[*emptypb.Empty]

	Statements          *store.Collection[*storev1.StatementRecord]
	StatementStatus     *store.Collection[*storev1.StatusRecord]
	StatementExceptions *store.Collection[*cmfv1.StatementException]
	Tables              *store.Collection[*storev1.TableRecord]

	Claims     *store.Collection[*storev1.ClaimRecord]
	Tombstones *store.Collection[*storev1.TombstoneRecord]

	limits Limits
}

// Limits bound what is kept of each application.
type Limits struct {
	Events    int
	Instances int
}

// DefaultLimits keep as many events as CMF does.
var DefaultLimits = Limits{Events: 100, Instances: 100}

// New registers every collection with the store, which must not run yet.
func New(s *store.Store, limits Limits) *State {
	return &State{
		Store:               s,
		Environments:        store.NewCollection[*cmfv1.Environment](s, "environments"),
		Applications:        store.NewCollection[*storev1.ApplicationRecord](s, CollectionApplications),
		ApplicationStatus:   store.NewCollection[*storev1.StatusRecord](s, "application-status"),
		Instances:           store.NewCollection[*cmfv1.FlinkApplicationInstance](s, "instances"),
		Events:              store.NewCollection[*cmfv1.FlinkApplicationEvent](s, "events"),
		Clusters:            store.NewCollection[*cmfv1.KubernetesCluster](s, "clusters"),
		ClusterStatus:       store.NewCollection[*storev1.ClusterStatusRecord](s, "cluster-status"),
		Sessions:            store.NewCollection[*storev1.SessionRecord](s, "sessions"),
		ClusterEnvironments: store.NewCollection[*emptypb.Empty](s, "cluster-environments"),
		Secrets:             store.NewCollection[*cmfv1.Secret](s, "secrets"),
		SecretMappings:      store.NewCollection(s, CollectionMappings, mappingsBySecret),
		SecretReferences:    store.NewCollection[*emptypb.Empty](s, "secret-references"),
		Catalogs:            store.NewCollection[*cmfv1.KafkaCatalog](s, "catalogs"),
		Databases:           store.NewCollection[*cmfv1.KafkaDatabase](s, "databases"),
		Savepoints:          store.NewCollection[*storev1.SavepointRecord](s, CollectionSavepoints),
		SavepointStatus:     store.NewCollection[*storev1.StatusRecord](s, "savepoint-status"),
		DetachedSavepoints:  store.NewCollection(s, "detached-savepoints", savepointsByUID),
		ComputePools:        store.NewCollection[*cmfv1.ComputePool](s, CollectionComputePools),
		ComputePoolStatus:   store.NewCollection[*storev1.StatusRecord](s, "compute-pool-status"),
		PoolStatements:      store.NewCollection[*emptypb.Empty](s, "pool-statements"),
		Statements:          store.NewCollection[*storev1.StatementRecord](s, CollectionStatements),
		StatementStatus:     store.NewCollection[*storev1.StatusRecord](s, "statement-status"),
		StatementExceptions: store.NewCollection[*cmfv1.StatementException](s, "statement-exceptions"),
		Tables:              store.NewCollection[*storev1.TableRecord](s, "tables"),
		Claims:              store.NewCollection[*storev1.ClaimRecord](s, "claims"),
		Tombstones:          store.NewCollection[*storev1.TombstoneRecord](s, "tombstones"),
		limits:              limits,
	}
}

// BySecret is the index of secret mappings by the name of their secret.
const BySecret = "secret"

var mappingsBySecret = store.Index[*cmfv1.EnvironmentSecretMapping]{
	Name: BySecret,
	Values: func(_ string, m *cmfv1.EnvironmentSecretMapping) []string {
		return []string{m.GetSpec().GetSecretName()}
	},
}

// ByUID is the index of detached savepoints by their uid.
const ByUID = "uid"

var savepointsByUID = store.Index[*cmfv1.Savepoint]{
	Name:   ByUID,
	Values: func(_ string, s *cmfv1.Savepoint) []string { return []string{s.GetMetadata().GetUid()} },
}

// Collections of resources that have objects on clusters, as claims name them.
const (
	CollectionApplications = "applications"
	CollectionMappings     = "secret-mappings"
	CollectionSavepoints   = "savepoints"
	CollectionComputePools = "compute-pools"
	CollectionStatements   = "statements"
	// CollectionStatementClusters are no records of their own but the session
	// clusters of statements, which have objects beside those of the jobs.
	CollectionStatementClusters = "statement-clusters"
)

// Kinds of owners of savepoints, as their keys have them.
const (
	OwnerApplications = "applications"
	OwnerStatements   = "statements"
)

// SavepointsOf is what the keys of an owner's savepoints are under.
func SavepointsOf(env, kind, owner string) string { return store.Key(env, kind, owner) }

// ClaimKey is the key of the claim on a Kubernetes object.
func ClaimKey(cluster, namespace, kind, name string) string {
	return store.Key(cluster, namespace, kind, name)
}

// TombstoneKey is the key of an object that has to go. Owners are told apart,
// since a name may be taken again before its last bearer is gone.
func TombstoneKey(cluster, namespace, kind, name, owner string) string {
	return store.Key(cluster, namespace, kind, name, owner)
}

// Now is the time as it is stored and shown, to the millisecond.
func Now() *timestamppb.Timestamp {
	return timestamppb.New(time.Now().UTC().Truncate(time.Millisecond))
}
