// Package statement is SQL statements: how they are planned, what runs them on a
// workload cluster, their phase, their rows and their exceptions.
//
// Weir answers statements about catalogs and tables itself. Flink runs the others:
// on the session cluster of a shared pool, on a session cluster of the statement's
// own, or as an application.
package statement

import (
	"context"

	"google.golang.org/grpc"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/flinkspec"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/resource/catalog"
	"github.com/openweir/weir/control/resource/cluster"
	"github.com/openweir/weir/control/resource/computepool"
	"github.com/openweir/weir/control/resource/environment"
	"github.com/openweir/weir/control/resource/policy"
	"github.com/openweir/weir/control/resource/savepoint"
	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Item is a statement as of a moment.
type Item = resource.Item[*storev1.StatementRecord]

// Rows fetches the rows of queries from the clusters that they run on.
type Rows interface {
	FetchResults(ctx context.Context, cluster string, request *agentv1.FetchResults) (*agentv1.ResultPage, error)
}

// Statements is all statements.
type Statements struct {
	store        *store.Store
	ownership    *resource.Ownership
	watches      *resource.Watches
	clusters     *cluster.Clusters
	environments *environment.Environments
	catalogs     *catalog.Catalogs
	savepoints   *savepoint.Savepoints
	pools        *computepool.Pools
	policies     *policy.Policies
	rows         Rows

	// Records are by environment and name, Status by the same keys.
	Records *store.Collection[*storev1.StatementRecord]
	Status  *store.Collection[*storev1.StatusRecord]
	// exceptions are by environment, statement and id.
	exceptions *store.Collection[*cmfv1.StatementException]

	kind *resource.Kind[*storev1.StatementRecord, *cmfv1.Statement]
}

// New adds the collections of statements to the store.
func New(
	s *store.Store, ownership *resource.Ownership, watches *resource.Watches, clusters *cluster.Clusters, environments *environment.Environments,
	catalogs *catalog.Catalogs, savepoints *savepoint.Savepoints, pools *computepool.Pools, policies *policy.Policies,
) *Statements {
	room := &Statements{
		store: s, ownership: ownership, watches: watches, clusters: clusters, environments: environments,
		catalogs: catalogs, savepoints: savepoints, pools: pools, policies: policies,
		Records:    store.NewCollection[*storev1.StatementRecord](s, jobsName).KeepHeads(head),
		Status:     store.NewCollection[*storev1.StatusRecord](s, "statement-status").KeepHeads(resource.StatusHead),
		exceptions: store.NewCollection[*cmfv1.StatementException](s, "statement-exceptions"),
	}
	room.kind = &resource.Kind[*storev1.StatementRecord, *cmfv1.Statement]{
		Noun: "Statement", Name: contract.KindStatement,
		Records: room.Records, Status: room.Status,
		Metadata: metadataOf,
		List:     list(),
		View:     room.view,
		NotFound: func(path, name string) error {
			return apierror.NotFound("Statement '%s' not found in environment '%s'.", name, store.Segments(path)[0])
		},
		Contained: &resource.Contained[*storev1.StatementRecord]{
			Drop: room.drop,
			Usage: func(item Item, env *cmfv1.Environment, usage *resource.Usage) {
				usage.Counts.Statements[phaseOf(item)]++
				usage.Summary = flinkspec.AddUsage(usage.Summary, room.usage(item, env))
			},
		},
		State:   phaseOf,
		Objects: []*resource.Object{room.jobs(), room.sessionClusters()},
	}
	pools.SetStatements(room)
	return room
}

// SetRows is called before anything is served: what reaches agents is above this
// package.
func (s *Statements) SetRows(rows Rows) { s.rows = rows }

// Room is what statements give to the control plane.
func (s *Statements) Room() resource.Room {
	return resource.Room{
		Kinds: []resource.Registered{s.kind},
		Register: func(server grpc.ServiceRegistrar) {
			cmfv1.RegisterStatementServiceServer(server, &service{Statements: s})
		},
	}
}

// Find gives a statement and the environment that it is in, or the error that says
// which of them is not there.
func (s *Statements) Find(at store.Reader, env, name string) (*store.Object[*cmfv1.Environment], Item, error) {
	environment, err := s.environments.Find(at, env)
	if err != nil {
		return nil, Item{}, err
	}
	item, err := s.kind.Find(at, environment.Key, name)
	return environment, item, err
}

// head is a record without what it takes to run the statement, and its result.
func head(record *storev1.StatementRecord) *storev1.StatementRecord {
	statement := record.GetStatement()
	return &storev1.StatementRecord{
		Statement:  &cmfv1.Statement{Metadata: statement.GetMetadata(), Spec: statement.GetSpec()},
		Generation: record.GetGeneration(),
		ObjectKind: record.GetObjectKind(),
		Action:     record.GetAction(),
		Phase:      record.GetPhase(),
		Deleting:   record.GetDeleting(),
	}
}

func metadataOf(record *storev1.StatementRecord) *cmfv1.ObjectMeta {
	return record.GetStatement().GetMetadata()
}

func uidOf(record *storev1.StatementRecord) string { return metadataOf(record).GetUid() }

// poolOf names the pool of a statement.
func poolOf(record *storev1.StatementRecord) string {
	return record.GetStatement().GetSpec().GetComputePoolName()
}

// IsDeployed is true if a statement has an object on its cluster.
func IsDeployed(record *storev1.StatementRecord) bool { return record.GetObjectKind() != "" }
