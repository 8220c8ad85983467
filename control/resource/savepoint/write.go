package savepoint

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/manifest"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Create has a savepoint of an owner taken.
func (s *Savepoints) Create(tx *store.Tx, owner Owner, savepoint *cmfv1.Savepoint) (*cmfv1.Savepoint, error) {
	if err := checkTrigger(savepoint); err != nil {
		return nil, err
	}
	metadata := resource.UserMetadata(savepoint.GetMetadata())
	if metadata.GetName() == "" {
		metadata.Name = newName(owner.Name)
	}
	key := store.Join(owner.Key, metadata.GetName())
	if s.Records.Get(tx, key) != nil {
		return nil, apierror.AlreadyExists("Savepoint '%s' already exists for %s '%s'.", metadata.GetName(), strings.ToLower(owner.Noun), owner.Name)
	}
	metadata.Uid = uuid.NewString()
	metadata.CreationTimestamp = resource.Now()
	metadata.UpdateTimestamp = metadata.CreationTimestamp
	record := &storev1.SavepointRecord{
		Savepoint: &cmfv1.Savepoint{
			ApiVersion: contract.APIVersion,
			Kind:       contract.KindSavepoint,
			Metadata:   metadata,
			Spec:       withDefaults(savepoint.GetSpec()),
		},
		Generation: 1,
		JobKind:    owner.JobKind,
		JobName:    owner.JobName,
	}
	ref := manifest.SnapshotRef(owner.Env, metadata.GetUid())
	if err := s.ownership.Claim(tx, owner.Env.GetKubernetesClusterName(), ref, objectName, key, metadata.GetUid()); err != nil {
		return nil, err
	}
	s.Records.Put(tx, key, record)
	created := item{Object: store.NewObject(key, record), At: tx}
	return s.view(created, resource.Detail{Single: true}), nil
}

// newName makes a name for a savepoint that was given none.
func newName(owner string) string {
	const longest = 200
	return owner[:min(len(owner), longest)] + "-savepoint-" + strings.ToLower(rand.Text()[:8])
}

// Delete begins the deletion of a savepoint: the operator disposes of its files
// while the job runs, and the record goes when it has. With force the record
// goes at once, and the files may stay.
func (s *Savepoints) Delete(tx *store.Tx, owner Owner, name, version string, force bool) error {
	savepoint, err := s.require(tx, owner, name, version)
	if err != nil {
		return err
	}
	switch {
	case force:
		s.remove(tx, owner.Env, savepoint.Object, true)
	case !savepoint.Value().GetDeleting():
		after := proto.CloneOf(savepoint.Value())
		after.Deleting = true
		after.Generation = s.ownership.NextGeneration(tx, after.GetGeneration())
		s.Records.Put(tx, savepoint.Key, after)
	}
	return nil
}

// require returns a savepoint that has the version that a request requires.
func (s *Savepoints) require(tx *store.Tx, owner Owner, name, version string) (item, error) {
	savepoint, err := s.Kind.Require(tx, owner.Key, name)
	if err != nil {
		return savepoint, err
	}
	return savepoint, resource.CheckVersion(version, "Savepoint '"+name+"'", savepoint.Revision)
}

// Detach moves a completed savepoint of an owner to the detached ones, under the
// same name and uid.
func (s *Savepoints) Detach(tx *store.Tx, owner Owner, name, version string) (*cmfv1.Savepoint, error) {
	savepoint, err := s.require(tx, owner, name, version)
	if err != nil {
		return nil, err
	}
	view := s.view(savepoint, resource.Detail{Single: true})
	if savepoint.Value().GetDeleting() {
		return nil, apierror.InUse("Cannot detach savepoint '%s': it is being deleted.", name)
	}
	if state := view.GetStatus().GetState(); state != contract.SavepointCompleted {
		return nil, apierror.InUse("Cannot detach savepoint '%s': it is %s, and only completed savepoints can be detached.", name, state)
	}
	key := store.Key(name)
	if s.detached.Get(tx, key) != nil {
		return nil, apierror.AlreadyExists("Detached savepoint '%s' already exists.", name)
	}
	detached := proto.CloneOf(view)
	detached.Metadata.UpdateTimestamp = resource.Now()
	detached.Spec.Path = view.GetStatus().GetPath()
	detached.Status.Warning = ""
	s.remove(tx, owner.Env, savepoint.Object, false)
	s.detached.Put(tx, key, detached)
	return detached, nil
}

// remove deletes a savepoint with its claim, and has the agent delete the object
// or leave it there unmanaged. The files stay.
func (s *Savepoints) remove(tx *store.Tx, env *cmfv1.Environment, o *store.Object[*storev1.SavepointRecord], release bool) {
	cluster, uid := env.GetKubernetesClusterName(), metadataOf(o.Value()).GetUid()
	ref := manifest.SnapshotRef(env, uid)
	s.Records.Delete(tx, o.Key)
	s.status.Delete(tx, o.Key)
	s.ownership.Unclaim(tx, cluster, ref)
	s.ownership.Remove(tx, cluster, ref, uid, release)
}

// DropAll deletes every savepoint under the key of an owner that is about to go,
// and has the agent delete the objects or, with release, leave them there
// unmanaged. There may be more than one transaction takes. The transaction that
// deletes the owner has to require that there is none, since others may have
// come meanwhile. Each transaction begins with require, which says whether the owner is
// still the one that is about to go.
func (s *Savepoints) DropAll(ctx context.Context, env *cmfv1.Environment, ownerKey string, release bool, require func(*store.Tx) error) error {
	at, err := s.store.View(ctx)
	if err != nil {
		return fmt.Errorf("read the savepoints of %s: %w", ownerKey, err)
	}
	for o := range s.Records.In(at).Under(ownerKey) {
		err := resource.Update(ctx, s.store, "Savepoint '"+metadataOf(o.Value()).GetName()+"'", func(tx *store.Tx) error {
			if err := require(tx); err != nil {
				return err
			}
			if now := s.Records.Get(tx, o.Key); now != nil {
				s.remove(tx, env, now, release)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
