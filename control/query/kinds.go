package query

import (
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Application is a Flink application with what its message does not tell.
type Application struct {
	*cmfv1.FlinkApplication
	// State is jobStatus.state of the status.
	State string
	// SpecUpdated is when the specification changed last, which is what
	// sorting by updateTimestamp goes by; the message shows the later of that
	// and the last change of the status.
	SpecUpdated time.Time
}

// The lists of the API. Which of them takes which parameters is the contract's
// choice; that clusters and savepoints can be filtered by state is Weir's.
var (
	// Environments lists all environments.
	Environments = &Kind[*cmfv1.Environment]{
		Plural:     "environments",
		Name:       (*cmfv1.Environment).GetName,
		UID:        func(e *cmfv1.Environment) string { return e.GetMetadata().GetUid() },
		Sort:       environmentOrders(),
		Filterable: true,
		Labels:     func(e *cmfv1.Environment) map[string]string { return e.GetMetadata().GetLabels() },
		Scopes: map[string]Scope[*cmfv1.Environment]{
			"name":                Contains((*cmfv1.Environment).GetName),
			"kubernetesNamespace": Contains((*cmfv1.Environment).GetKubernetesNamespace),
		},
		Message: descriptor[*cmfv1.Environment](),
	}

	// Applications lists the applications of an environment.
	Applications = &Kind[Application]{
		Plural:     "applications",
		Name:       name[Application],
		UID:        uid[Application],
		Sort:       updatedBy(ByTime(func(a Application) time.Time { return a.SpecUpdated })),
		Filterable: true,
		Labels:     labels[Application],
		Attributes: map[string]func(Application) string{
			"state": func(a Application) string { return a.State },
		},
		Message: descriptor[*cmfv1.FlinkApplication](),
	}

	// Instances lists the instances of an application. They are named by
	// UUIDs, so by default the newest come first.
	Instances = &Kind[*cmfv1.FlinkApplicationInstance]{
		Plural:  "instances",
		Name:    name[*cmfv1.FlinkApplicationInstance],
		UID:     uid[*cmfv1.FlinkApplicationInstance],
		Sort:    orders[*cmfv1.FlinkApplicationInstance](),
		Default: newestFirst[*cmfv1.FlinkApplicationInstance](),
	}

	// Events lists the events of an application, by default the newest first.
	Events = &Kind[*cmfv1.FlinkApplicationEvent]{
		Plural:     "events",
		Name:       eventName,
		UID:        func(e *cmfv1.FlinkApplicationEvent) string { return e.GetMetadata().GetUid() },
		Sort:       eventOrders(),
		Default:    newest(ByTimestamp(eventTime), By(eventName)),
		Filterable: true,
		Labels:     func(e *cmfv1.FlinkApplicationEvent) map[string]string { return e.GetMetadata().GetLabels() },
		Attributes: map[string]func(*cmfv1.FlinkApplicationEvent) string{
			"type": func(e *cmfv1.FlinkApplicationEvent) string { return e.GetStatus().GetType() },
		},
		Scopes: map[string]Scope[*cmfv1.FlinkApplicationEvent]{
			"message": Contains(func(e *cmfv1.FlinkApplicationEvent) string { return e.GetStatus().GetMessage() }),
			"flinkApplicationInstance": Equals(func(e *cmfv1.FlinkApplicationEvent) string {
				return e.GetMetadata().GetFlinkApplicationInstance()
			}),
		},
		Message: descriptor[*cmfv1.FlinkApplicationEvent](),
	}

	// KubernetesClusters lists the workload clusters.
	KubernetesClusters = &Kind[*cmfv1.KubernetesCluster]{
		Plural:     "Kubernetes clusters",
		Name:       func(c *cmfv1.KubernetesCluster) string { return c.GetMetadata().GetName() },
		UID:        func(c *cmfv1.KubernetesCluster) string { return c.GetMetadata().GetUid() },
		Sort:       clusterOrders(),
		Filterable: true,
		Labels: func(c *cmfv1.KubernetesCluster) map[string]string {
			return c.GetMetadata().GetLabels().GetEntries()
		},
		Attributes: map[string]func(*cmfv1.KubernetesCluster) string{
			"state": func(c *cmfv1.KubernetesCluster) string { return c.GetStatus().GetState() },
		},
		Message: descriptor[*cmfv1.KubernetesCluster](),
	}

	// Secrets lists all secrets. Their data cannot be searched.
	Secrets = &Kind[*cmfv1.Secret]{
		Plural:     "secrets",
		Name:       name[*cmfv1.Secret],
		UID:        uid[*cmfv1.Secret],
		Sort:       orders[*cmfv1.Secret](),
		Filterable: true,
		Labels:     labels[*cmfv1.Secret],
		Scopes: map[string]Scope[*cmfv1.Secret]{
			"name":         Contains(name[*cmfv1.Secret]),
			"environments": ContainsAny(func(s *cmfv1.Secret) []string { return s.GetStatus().GetEnvironments() }),
		},
		Message: descriptor[*cmfv1.Secret](),
	}

	// SecretMappings lists the secret mappings of an environment.
	SecretMappings = &Kind[*cmfv1.EnvironmentSecretMapping]{
		Plural: "secret mappings",
		Name:   name[*cmfv1.EnvironmentSecretMapping],
		UID:    uid[*cmfv1.EnvironmentSecretMapping],
		Sort:   orders[*cmfv1.EnvironmentSecretMapping](),
	}

	// KafkaCatalogs lists all catalogs.
	KafkaCatalogs = &Kind[*cmfv1.KafkaCatalog]{
		Plural: "catalogs",
		Name:   name[*cmfv1.KafkaCatalog],
		UID:    uid[*cmfv1.KafkaCatalog],
		Sort:   orders[*cmfv1.KafkaCatalog](),
	}

	// KafkaDatabases lists the databases of a catalog.
	KafkaDatabases = &Kind[*cmfv1.KafkaDatabase]{
		Plural: "databases",
		Name:   name[*cmfv1.KafkaDatabase],
		UID:    uid[*cmfv1.KafkaDatabase],
		Sort:   orders[*cmfv1.KafkaDatabase](),
	}

	// ComputePools lists the compute pools of an environment.
	ComputePools = &Kind[*cmfv1.ComputePool]{
		Plural:     "compute pools",
		Name:       name[*cmfv1.ComputePool],
		UID:        uid[*cmfv1.ComputePool],
		Sort:       orders[*cmfv1.ComputePool](),
		Filterable: true,
		Labels:     labels[*cmfv1.ComputePool],
		Attributes: map[string]func(*cmfv1.ComputePool) string{
			"phase": func(p *cmfv1.ComputePool) string { return p.GetStatus().GetPhase() },
		},
		Message: descriptor[*cmfv1.ComputePool](),
	}

	// Statements lists the statements of an environment.
	Statements = &Kind[*cmfv1.Statement]{
		Plural:     "statements",
		Name:       name[*cmfv1.Statement],
		UID:        uid[*cmfv1.Statement],
		Sort:       orders[*cmfv1.Statement](),
		Filterable: true,
		Labels:     labels[*cmfv1.Statement],
		Attributes: map[string]func(*cmfv1.Statement) string{
			"phase": func(s *cmfv1.Statement) string { return s.GetStatus().GetPhase() },
		},
		Scopes: map[string]Scope[*cmfv1.Statement]{
			"name":      Contains(name[*cmfv1.Statement]),
			"statement": Contains(func(s *cmfv1.Statement) string { return s.GetSpec().GetStatement() }),
		},
		Message: descriptor[*cmfv1.Statement](),
	}

	// Savepoints lists the savepoints of an application or a statement, or the
	// detached ones.
	Savepoints = &Kind[*cmfv1.Savepoint]{
		Plural:     "savepoints",
		Name:       name[*cmfv1.Savepoint],
		UID:        uid[*cmfv1.Savepoint],
		Sort:       orders[*cmfv1.Savepoint](),
		Filterable: true,
		Labels:     labels[*cmfv1.Savepoint],
		Attributes: map[string]func(*cmfv1.Savepoint) string{
			"state": func(s *cmfv1.Savepoint) string { return s.GetStatus().GetState() },
		},
		Message: descriptor[*cmfv1.Savepoint](),
	}
)

// described is a resource with the metadata that most kinds have.
type described interface {
	GetMetadata() *cmfv1.ObjectMeta
}

func name[T described](resource T) string { return resource.GetMetadata().GetName() }

func uid[T described](resource T) string { return resource.GetMetadata().GetUid() }

func labels[T described](resource T) map[string]string { return resource.GetMetadata().GetLabels() }

func created[T described](resource T) *timestamppb.Timestamp {
	return resource.GetMetadata().GetCreationTimestamp()
}

func updated[T described](resource T) *timestamppb.Timestamp {
	return resource.GetMetadata().GetUpdateTimestamp()
}

func newestFirst[T described]() Order[T] { return newest(ByTimestamp(created[T]), By(name[T])) }

// newest puts the newest first. The names of what comes to be within one
// millisecond are UUIDs that grow.
func newest[T any](time, name Order[T]) Order[T] {
	return inTurn([]Order[T]{time, name}).Descending()
}

// orders are the properties that the contract documents, and uid, which the
// Confluent CLI sorts by to break ties.
func orders[T described]() map[string]Order[T] { return updatedBy(ByTimestamp(updated[T])) }

func updatedBy[T described](update Order[T]) map[string]Order[T] {
	return aliased(map[string]Order[T]{
		"name":              By(name[T]),
		"uid":               By(uid[T]),
		"creationTimestamp": ByTimestamp(created[T]),
		"updateTimestamp":   update,
	})
}

func environmentOrders() map[string]Order[*cmfv1.Environment] {
	return aliased(map[string]Order[*cmfv1.Environment]{
		"name":              By((*cmfv1.Environment).GetName),
		"uid":               By(func(e *cmfv1.Environment) string { return e.GetMetadata().GetUid() }),
		"creationTimestamp": ByTimestamp((*cmfv1.Environment).GetCreatedTime),
		"updateTimestamp":   ByTimestamp((*cmfv1.Environment).GetUpdatedTime),
	})
}

func clusterOrders() map[string]Order[*cmfv1.KubernetesCluster] {
	return aliased(map[string]Order[*cmfv1.KubernetesCluster]{
		"name": By(func(c *cmfv1.KubernetesCluster) string { return c.GetMetadata().GetName() }),
		"uid":  By(func(c *cmfv1.KubernetesCluster) string { return c.GetMetadata().GetUid() }),
		"creationTimestamp": ByTimestamp(func(c *cmfv1.KubernetesCluster) *timestamppb.Timestamp {
			return c.GetMetadata().GetCreationTimestamp()
		}),
		"updateTimestamp": ByTimestamp(func(c *cmfv1.KubernetesCluster) *timestamppb.Timestamp {
			return c.GetMetadata().GetUpdateTimestamp()
		}),
	})
}

// eventOrders has no updateTimestamp: events do not change.
func eventOrders() map[string]Order[*cmfv1.FlinkApplicationEvent] {
	return aliased(map[string]Order[*cmfv1.FlinkApplicationEvent]{
		"name":              By(eventName),
		"uid":               By(func(e *cmfv1.FlinkApplicationEvent) string { return e.GetMetadata().GetUid() }),
		"creationTimestamp": ByTimestamp(eventTime),
	})
}

func eventName(e *cmfv1.FlinkApplicationEvent) string { return e.GetMetadata().GetName() }

func eventTime(e *cmfv1.FlinkApplicationEvent) *timestamppb.Timestamp {
	return e.GetMetadata().GetCreationTimestamp()
}

// aliased adds each property under its full path too.
func aliased[T any](properties map[string]Order[T]) map[string]Order[T] {
	both := make(map[string]Order[T], 2*len(properties))
	for property, order := range properties {
		both[property] = order
		both["metadata."+property] = order
	}
	return both
}

func descriptor[M proto.Message]() protoreflect.MessageDescriptor {
	var zero M
	return zero.ProtoReflect().Descriptor()
}
