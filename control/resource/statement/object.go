package statement

import (
	"fmt"
	"maps"

	"github.com/openweir/weir/control/manifest"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/sql"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/flink"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

// How claims name the two objects of a statement.
const (
	jobsName            = "statements"
	sessionClustersName = "statement-clusters"
)

// jobs describes the objects that run statements.
func (s *Statements) jobs() *resource.Object {
	return &resource.Object{
		Name:      jobsName,
		Resources: s.Records.Scope(""),
		Render:    s.renderJob,
		Store:     resource.Reported(s.Records, s.Status, uidOf, s.observeJob),
		Status:    func(at store.Reader, key string) *storev1.StatusRecord { return s.Status.In(at).Get(key).Message() },
		Gone:      s.gone,
	}
}

// sessionClusters describes the session clusters of those statements that have one
// of their own, beside the object of the job.
func (s *Statements) sessionClusters() *resource.Object {
	return &resource.Object{
		Name:      sessionClustersName,
		Resources: s.Records.Scope(""),
		Render:    s.renderCluster,
		Store:     resource.Reported(s.Records, s.Status, uidOf, s.observeCluster),
		Status: func(at store.Reader, key string) *storev1.StatusRecord {
			return s.Status.In(at).Get(key).Message().GetCluster()
		},
		Gone: s.gone,
	}
}

func (s *Statements) renderJob(at store.Reader, env *store.Object[*cmfv1.Environment], key string) (*agentv1.Apply, error) {
	item, ok := s.kind.Item(at, key)
	if !ok || !IsDeployed(item.Value()) || item.Value().GetDeleting() {
		return nil, nil // there is no object, or a tombstone deletes it
	}
	if item.Value().GetObjectKind() != manifest.KindStatement {
		return operatorManifest(env.Value(), item.Value())
	}
	// Its databases may have been given credentials since it was created.
	hints, err := sql.HintOptions(item.Value().GetStatement().GetSpec().GetStatement())
	if err != nil {
		return nil, err
	}
	if err := s.checkRedirects(at, item.Value().GetTables(), hints); err != nil {
		return nil, err
	}
	connect, err := s.catalogs.Connections(at, env.Value().GetName(), item.Value().GetTables())
	if err != nil {
		return nil, err
	}
	reported := item.Reported()
	if reported.GetGeneration() == 0 {
		reported = nil
	}
	return driverManifest(env.Value(), item.Value(), reported, connect)
}

func (s *Statements) renderCluster(at store.Reader, env *store.Object[*cmfv1.Environment], key string) (*agentv1.Apply, error) {
	o := s.Records.In(at).Get(key)
	if o == nil || o.Value().GetDeleting() {
		return nil, nil // a tombstone deletes the object, if there was one
	}
	return clusterManifest(env.Value(), o.Value())
}

// operatorManifest renders the object of a statement that the operator runs. Its
// specification was made when the statement was last changed, so that a change of
// the environment's defaults restarts no statement.
func operatorManifest(env *cmfv1.Environment, record *storev1.StatementRecord) (*agentv1.Apply, error) {
	spec, err := objectSpec(record)
	if err != nil {
		return nil, err
	}
	openjson.Set(spec, desiredState(record), "job", "state")
	manifest.SetStart(spec, record.GetStart())
	return manifestOf(env, record, Ref(env, record), spec)
}

// clusterManifest renders the session cluster of a statement that has one of its
// own; nil where it has none.
func clusterManifest(env *cmfv1.Environment, record *storev1.StatementRecord) (*agentv1.Apply, error) {
	name := metadataOf(record).GetName()
	spec, err := openjson.Parse(record.GetClusterSpec())
	if err != nil {
		return nil, fmt.Errorf("specification of the cluster of statement %s: %w", name, err)
	}
	if spec == nil {
		return nil, nil
	}
	return manifestOf(env, record, manifest.DeploymentRef(env, name), manifest.WithSQLGateway(spec))
}

func manifestOf(env *cmfv1.Environment, record *storev1.StatementRecord, ref *agentv1.ObjectRef, spec openjson.Object) (*agentv1.Apply, error) {
	metadata := metadataOf(record)
	return manifest.Object(ref, metadata.GetUid(), record.GetGeneration(), manifest.Labels(env, metadata.GetLabels()), maps.Clone(metadata.GetAnnotations()), spec), nil
}

// objectSpec is the specification of the object of a job, for the caller to
// complete.
func objectSpec(record *storev1.StatementRecord) (openjson.Object, error) {
	name := metadataOf(record).GetName()
	spec, err := openjson.Parse(record.GetObjectSpec())
	if err != nil {
		return nil, fmt.Errorf("specification of the object of statement %s: %w", name, err)
	}
	if spec == nil {
		return nil, fmt.Errorf("statement %s has no specification of an object", name)
	}
	return spec, nil
}

// desiredState is what the job of a statement is to be.
func desiredState(record *storev1.StatementRecord) string {
	if record.GetStatement().GetSpec().GetStopped() {
		return flink.Suspended
	}
	return flink.Running
}
