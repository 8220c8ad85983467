package statement

import (
	"context"

	"github.com/openweir/weir/control/manifest"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/resource/savepoint"
	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// drop deletes a statement together with its environment.
func (s *Statements) drop(ctx context.Context, env *store.Object[*cmfv1.Environment], o *store.Object[*storev1.StatementRecord]) error {
	always := func(*store.Tx) error { return nil }
	if err := s.dropSavepoints(ctx, env.Value(), o.Value(), true, always); err != nil {
		return err
	}
	return resource.Update(ctx, s.store, "Statement '"+metadataOf(o.Value()).GetName()+"'", func(tx *store.Tx) error {
		if now := s.Records.Get(tx, o.Key); now != nil {
			s.delete(tx, env.Value(), now, true)
		}
		return nil
	})
}

// delete deletes a statement at once. Its objects, if it has any, are deleted too
// or, with release, left there unmanaged.
func (s *Statements) delete(tx *store.Tx, env *cmfv1.Environment, o *store.Object[*storev1.StatementRecord], release bool) {
	s.requireNoSavepoints(tx, env, o.Value())
	s.removeObjects(tx, env, o.Value(), release)
	s.deleteRecord(tx, env, o)
}

// deleteRecord deletes a statement with everything that belongs to it but its
// objects.
func (s *Statements) deleteRecord(tx *store.Tx, env *cmfv1.Environment, o *store.Object[*storev1.StatementRecord]) {
	s.Records.Delete(tx, o.Key)
	s.Status.Delete(tx, o.Key)
	s.exceptions.DeleteUnder(tx, o.Key)
	s.pools.Release(tx, env.GetName(), poolOf(o.Value()), metadataOf(o.Value()).GetName())
	for _, ref := range refsOf(env, o.Value()) {
		s.ownership.Unclaim(tx, env.GetKubernetesClusterName(), ref)
	}
}

// removeObjects has the agent delete the objects of a statement or, with release,
// leave them there unmanaged.
func (s *Statements) removeObjects(tx *store.Tx, env *cmfv1.Environment, record *storev1.StatementRecord, release bool) {
	for _, ref := range refsOf(env, record) {
		s.ownership.Remove(tx, env.GetKubernetesClusterName(), ref, uidOf(record), release)
	}
}

// dropSavepoints deletes the savepoints of a statement that is about to go. There
// may be more of them than one transaction takes.
func (s *Statements) dropSavepoints(ctx context.Context, env *cmfv1.Environment, record *storev1.StatementRecord, release bool, require func(*store.Tx) error) error {
	return s.savepoints.DropAll(ctx, env, savepoint.ForStatement(env, record).Key, release, require)
}

func (s *Statements) requireNoSavepoints(tx *store.Tx, env *cmfv1.Environment, record *storev1.StatementRecord) {
	s.savepoints.Records.RequireEmpty(tx, savepoint.ForStatement(env, record).Key)
}

// gone deletes a statement once the last of its objects has been deleted.
func (s *Statements) gone(tx *store.Tx, cluster string, ref *agentv1.ObjectRef, claim *storev1.ClaimRecord) error {
	o, env := s.Records.Get(tx, claim.GetKey()), s.environments.Of(tx, claim.GetKey())
	if o == nil || env == nil || !o.Value().GetDeleting() || uidOf(o.Value()) != claim.GetOwnerUid() {
		return nil
	}
	for _, other := range refsOf(env.Value(), o.Value()) {
		if other.GetKind() == ref.GetKind() {
			continue
		}
		// Read with a condition, so that of two objects that go at the same time one
		// sees the other.
		if s.ownership.Tombstones.Get(tx, resource.TombstoneKey(cluster, other, claim.GetOwnerUid())) != nil {
			return nil
		}
	}
	s.deleteRecord(tx, env.Value(), o)
	return nil
}

// refsOf name the objects of a statement: that of its job, and that of the
// cluster which runs it where that is the statement's own.
func refsOf(env *cmfv1.Environment, record *storev1.StatementRecord) []*agentv1.ObjectRef {
	if !IsDeployed(record) {
		return nil
	}
	refs := []*agentv1.ObjectRef{Ref(env, record)}
	if record.GetClusterSpec() != nil {
		refs = append(refs, manifest.DeploymentRef(env, metadataOf(record).GetName()))
	}
	return refs
}

// Ref names the object that runs a statement: a FlinkDeployment, a
// FlinkSessionJob, or a Statement of the agent's SQL driver.
func Ref(env *cmfv1.Environment, record *storev1.StatementRecord) *agentv1.ObjectRef {
	return &agentv1.ObjectRef{
		ApiVersion: manifest.APIVersionOf(record.GetObjectKind()),
		Kind:       record.GetObjectKind(),
		Namespace:  env.GetKubernetesNamespace(),
		Name:       metadataOf(record).GetName(),
	}
}
